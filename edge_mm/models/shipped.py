"""Which of the bundles that ship a name means.

In: ``driver`` and a folder of ``NAME-VERSION.edgemm``. Out: the path of the newest one of exactly that name. Not here:
reading it (``models.bundle``).
"""

from __future__ import annotations

import re
from pathlib import Path

from edge_mm.errors import UsageError

FOLDER = Path(__file__).resolve().parent.parent / "bundles"
_FILE = re.compile(
    r"(?P<name>[a-z0-9_-]+?)-(?P<version>\d+\.\d+\.\d+)(?:-(?P<pre>[0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?\.edgemm",
    re.ASCII,
)
"""A name of lower-case letters, digits, hyphens and underscores, and a semantic version."""

Rank = tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]


def newest(name: str, folder: Path = FOLDER) -> Path:
    """The newest bundle of exactly this name.

    Raises:
        UsageError: there is none; the text names those that ship.
    """
    files = [(match, path) for path in folder.glob("*.edgemm") if (match := _FILE.fullmatch(path.name))]
    ours = [(_rank(match), path) for match, path in files if match["name"] == name]
    if not ours:
        known = ", ".join(sorted({match["name"] for match, _ in files})) or "none"
        raise UsageError(f"no bundle {name!r:.99}: give a file, or one of the shipped names: {known}")
    return max(ours)[1]


def _rank(match: re.Match[str]) -> Rank:
    """Semantic versioning 2.0.0, section 11: numbers as numbers; a pre-release before its release."""
    pre = match["pre"] or ""
    parts = tuple((not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in pre.split(".") if part)
    return tuple(int(number) for number in match["version"].split(".")), not pre, parts
