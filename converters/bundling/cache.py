"""What was made once is not made again: results by the digest of everything that goes into them.

In: a key of digests. Out: the folder of a finished result, or nothing. A result is built beside its place and renamed,
so that a build that is interrupted leaves whole results or none, and the next one goes on from there. Not here: what
the results are.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

CODE = {
    "float": ("conversion", "graphs"),
    "shrunk": ("conversion", "graphs", "pruning", "training"),
    "quantized": ("conversion", "graphs"),
    "judged": ("conversion", "graphs", "evaluation"),
}
"""Step -> folders of ``converters`` whose code goes into its keys: a result of other code is another result."""


class Cache:
    """Finished results in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def found(self, key: str) -> Path | None:
        """The folder of a result, None where it has not been made."""
        place = self._folder / key
        return place if (place / "done").exists() else None

    @contextmanager
    def making(self, key: str) -> Iterator[Path]:
        """A folder to make a result in; it becomes the result if the block ends well."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=self._folder) as beside:
            made = Path(beside) / "made"
            made.mkdir()
            yield made
            (made / "done").touch()
            if self.found(key) is None:
                made.rename(self._folder / key)


def key_of(step: str, parts: Mapping[str, Any]) -> str:
    """The name of a result: the step (one of ``CODE``), and a digest of what goes into it."""
    text = json.dumps({**parts, "code": _code(step)}, sort_keys=True, default=str)
    return f"{step}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def file_digest(path: Path) -> str:
    """SHA-256 of a file, or of the files of a folder with their names."""
    hasher = hashlib.sha256()
    for one in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if one.is_file():
            hasher.update(f"{one.relative_to(path.parent)}\n".encode() if path.is_dir() else b"")
            hasher.update(one.read_bytes())
    return hasher.hexdigest()


@cache
def _code(step: str) -> str:
    """Digest of the code that makes the results of a step."""
    root, hasher = Path(__file__).parents[1], hashlib.sha256()
    for name in CODE[step]:
        for path in sorted((root / name).glob("*.py")):
            hasher.update(path.read_bytes())
    return hasher.hexdigest()
