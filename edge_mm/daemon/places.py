"""Where the relative paths of a configuration lie: beside it.

In: paths as they were written. Out: absolute ones, or a problem for each that can be none. Not here: which key names a
path (``daemon.config``).
"""

from __future__ import annotations

import errno
from pathlib import Path

from edge_mm.sources.address import NO_PATH
from edge_mm.sources.files import is_file, said
from edge_mm.sources.wanted import scheme_of

_NEVER = (errno.ENAMETOOLONG, errno.ELOOP)
"""With these no path becomes usable, whatever is made or plugged in later."""


class Places:
    """Makes paths absolute.

    Args:
        file: name of the configuration, for messages.
        folder: where relative paths count from.
        problems: what is wrong is added to it.
    """

    def __init__(self, file: str, folder: Path, problems: list[str]) -> None:
        self._file = file
        self._folder = folder
        self._problems = problems

    @property
    def file(self) -> Path:
        """The configuration."""
        return Path(self._file)

    def problem(self, text: str) -> None:
        """Say that something is wrong; ``text`` begins with the key."""
        self._problems.append(f"{self._file}: {text}")

    def device(self, word: str | int, kind: str, *, where: str) -> str | int | None:
        """A source's word: a file becomes absolute; indices, addresses and names of microphones stay.

        A link stays a link: one to a device may point to another one after that was plugged in again.

        Args:
            word: index, path, address or name.
            kind: of the stream.
            where: the key, for messages.

        Returns:
            The word to use; None, and a problem, where it can be none.
        """
        if not isinstance(word, str) or not word or "://" in word or scheme_of(word):
            return word
        if kind == "video" and (word.isdecimal() or word.startswith(NO_PATH)):
            return word
        if kind == "audio" and not ("/" in word or is_file(self._folder / word)):
            return word
        return self._placed(word, where, resolve=False)

    def absolute(self, path: str, *, where: str) -> str | None:
        """The absolute path, links followed; None, and a problem, where it can be none."""
        return self._placed(path, where, resolve=True)

    def shipped(self, word: str, suffix: str, *, where: str) -> str:
        """The name of something that ships; or a file with this suffix, whose path becomes absolute."""
        return (self._placed(word, where, resolve=True) or word) if word.endswith(suffix) else word

    def existing(self, path: str, *, where: str) -> str | None:
        """As ``absolute``, of a file that must be there."""
        placed = self._placed(path, where, resolve=True)
        if placed is None or is_file(Path(placed)):
            return placed
        self.problem(f"{where}: {placed}: no such file")
        return None

    def secret(self, path: str, *, where: str) -> str | None:
        """First line of a file that nobody else may read; None, and a problem, where it cannot be that."""
        try:
            if (mode := Path(path).stat().st_mode & 0o777) & 0o077:
                self.problem(f"{where}: {path}: others may read it ({mode:03o}); chmod 600 it")
            return Path(path).read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
        except (OSError, UnicodeDecodeError):
            self.problem(f"{where}: {path}: cannot be read as text")
            return None

    def _placed(self, path: str, where: str, *, resolve: bool) -> str | None:
        try:
            placed = self._folder / Path(path).expanduser()
            if resolve:
                placed = placed.resolve()
            try:
                placed.stat()
            except OSError as error:
                if error.errno in _NEVER:
                    raise
            return str(placed)
        except (OSError, RuntimeError, ValueError) as error:  # nobody's home, a circle of links, a zero byte
            self.problem(f"{where}: {path!r:.80}: {said(error)}")
            return None
