"""Whether a file can be read, and the true reason why not; the limits of a sample rate.

In: a path, a rate, somebody else's exception. Out: the same path or rate, or one sentence. Not here: any file format.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

from edge_mm.errors import ConfigError, SourceError, UsageError

LOWEST_HZ, HIGHEST_HZ = 0.1, 100_000.0
"""What a caller may give as a signal's rate; the memory of a second of it stays below a megabyte."""
_LOWEST_IN_FILE_HZ = 0.001  # an EDF or a table of temperatures may hold one value in some minutes


def existing_file(path: str | Path, *, what: str = "file") -> Path:
    """A file that somebody named, its ``~`` expanded.

    Args:
        path: The word.
        what: What it should be, for the message: ``video file``.

    Raises:
        UsageError: it is not there, is a directory or no regular file, or may not be read; the text says which.
    """
    try:
        where = Path(path).expanduser()
    except RuntimeError:
        raise UsageError(f"{path}: there is no such home folder; check the name after '~'.") from None
    if reason := _why_not(where, what):
        raise UsageError(f"{path}: {reason}")
    return where


def readable_file(path: Path, *, what: str = "file") -> Path:
    """As ``existing_file``, for sources that are opened.

    Raises:
        SourceError: as ``existing_file``.
    """
    if reason := _why_not(path, what):
        raise SourceError(f"{path}: {reason}")
    return path


def is_file(path: Path) -> bool:
    """Whether there is such a regular file; False where that cannot be known (a folder that may not be entered)."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_directory(path: Path) -> bool:
    """As ``is_file``, for a directory."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def said(error: BaseException) -> str:
    """What an exception says, in one line, without its number and without a full stop."""
    text = str(error)
    if isinstance(error, OSError) and error.errno:
        # pyserial wraps the system's sentence, number and all, into its own: the number alone says it once.
        known = error.errno in errno.errorcode
        text = os.strerror(error.errno) if known else str(error.strerror or error)
    return re.sub(r"\s+", " ", text).strip().rstrip(".") or type(error).__name__


def given_rate(rate_hz: float | None, *, where: str) -> float | None:
    """A rate that a caller gave; None where none was.

    Raises:
        ConfigError: it is outside ``LOWEST_HZ`` to ``HIGHEST_HZ``.
    """
    if rate_hz is not None and not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:  # not a number fails as well
        raise ConfigError(
            f"{where}: a rate of {rate_hz:g} Hz cannot be meant; give rate_hz (--rate) from {LOWEST_HZ:g} to "
            f"{HIGHEST_HZ:,.0f} samples per second."
        )
    return rate_hz


def rate_in_file(rate_hz: float, *, where: str) -> float:
    """A rate that a file says.

    Raises:
        SourceError: no signal that is meant has such a rate.
    """
    if not _LOWEST_IN_FILE_HZ <= rate_hz <= HIGHEST_HZ:
        raise SourceError(
            f"{where}: it says that it was sampled at {rate_hz:g} Hz, which cannot be meant "
            f"({_LOWEST_IN_FILE_HZ:g} to {HIGHEST_HZ:,.0f} Hz are read); mend its header or the unit of its times."
        )
    return rate_hz


def _why_not(path: Path, what: str) -> str:
    """The rest of the sentence; empty for a regular file that this process may read."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return f"this is a directory, not a {what}; name a file in it."
        if not stat.S_ISREG(mode):  # opening a pipe would wait for its writer
            return f"this is not a regular file but a device, a pipe or a socket; name a {what}."
        path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            return f"this is a link to {path.readlink()}, and there is no such {what}; check the link."
        return f"there is no such {what}; check the path."
    except PermissionError:
        return "this user has no permission to read it; give it with chmod, or run as its owner."
    except (OSError, ValueError) as error:  # a name too long or with a zero byte, a circle of links, a broken disk
        return f"it cannot be opened: {said(error)}."
    return ""
