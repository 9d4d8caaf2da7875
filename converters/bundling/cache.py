"""What was made once is not made again: results by the digest of everything that goes into them.

In: a key of digests. Out: the bytes of a finished result, or nothing. A result is written beside its place and renamed,
so that a build that is interrupted leaves whole results or none, and the next one goes on from there. Each begins with
its own SHA-256: a result that was cut or altered since is not there. Not here: what the results are.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from edge_mm.errors import ConvertError

_READING = ("bundling", "conversion", "dataset.py", "graphs")
CODE = {
    "float": ("conversion", "graphs"),
    "shrunk": (*_READING, "pruning", "training"),
    "quantized": _READING,
    "judged": (*_READING, "evaluation"),
}
"""Step -> folders and files of ``converters`` whose code goes into its keys: a result of other code is another."""

_DIGEST = hashlib.sha256().digest_size


class Cache:
    """Finished results in a folder, a file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def found(self, key: str) -> bytes | None:
        """A result; None where it has not been made, or is no longer whole.

        Raises:
            ConvertError: it is there and cannot be read.
        """
        try:
            whole = (self._folder / key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConvertError(f"{self._folder / key}: {error.strerror}; delete it, it will be made again") from error
        digest, content = whole[:_DIGEST], whole[_DIGEST:]
        return content if hashlib.sha256(content).digest() == digest else None

    def keep(self, key: str, content: bytes) -> None:
        """Write a result; two builds may do so at once.

        Raises:
            ConvertError: it cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".making-", dir=self._folder) as beside:
                made = Path(beside) / "made"
                made.write_bytes(hashlib.sha256(content).digest() + content)
                made.replace(self._folder / key)
        except OSError as error:
            raise ConvertError(f"{self._folder}: results cannot be kept there: {error.strerror}") from error


def key_of(step: str, parts: Mapping[str, Any]) -> str:
    """The name of a result: the step (one of ``CODE``), and a digest of what goes into it."""
    text = json.dumps({**parts, "code": _code(step)}, sort_keys=True, default=str)
    return f"{step}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


@cache
def _code(step: str) -> str:
    """Digest of the code that makes the results of a step."""
    root, hasher = Path(__file__).parents[1], hashlib.sha256()
    for name in CODE[step]:
        for path in sorted((root / name).glob("*.py")) if (root / name).is_dir() else [root / name]:
            hasher.update(path.read_bytes())
    return hasher.hexdigest()
