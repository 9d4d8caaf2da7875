"""A person's baseline as a small JSON file.

In: a path. Out: a ``Baseline``, checked; or the file, whole or not at all, readable by its owner alone: it is about a
person's health. It holds no wall time, so that the same recording gives the same bytes. Not here: learning it
(``daemon.calibration``), what it means (``alerts.baseline``).
"""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from edge_mm.alerts.baseline import VERSION, Baseline
from edge_mm.errors import ConfigError, EdgeMmError, UsageError
from edge_mm.models.bundle import Bundle
from edge_mm.sources.files import existing_file, said

MOST_BYTES = 16 * 1024
"""Ours has half a kilobyte."""
_AGAIN = "run 'edge-mm calibrate' again, or 'edge-mm calibrate --reset'"
_log = logging.getLogger("edge_mm.run")


class _Version(msgspec.Struct):
    version: int


def load_baseline(path: str | Path) -> Baseline:
    """Read and check it.

    Raises:
        UsageError: there is no such file, or it may not be read.
        ConfigError: it is no baseline of ours: damaged, too large, of another version, a value out of range.
    """
    where = existing_file(path, what="baseline")
    try:
        with where.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: {said(error)}") from error
    if len(raw) > MOST_BYTES:
        raise ConfigError(f"{path}: larger than {MOST_BYTES} bytes, so it is no baseline; {_AGAIN}")
    try:
        version = msgspec.json.decode(raw, type=_Version).version
        if version != VERSION:
            raise ConfigError(f"{path}: a baseline of version {version}, this edge-mm reads {VERSION}; {_AGAIN}")
        return msgspec.json.decode(raw, type=Baseline)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(
            f"{path}: no baseline, or a damaged one: {' '.join(str(error).split())[:200]}; {_AGAIN}"
        ) from None


def stored_baseline(path: str | Path, bundle: Bundle) -> Baseline | None:
    """What a run takes: what is stored and holds with this bundle. Where there is none, or a damaged one, the run goes
    on with the population's limits, and says so.
    """
    try:
        if not _is_there(Path(path)):
            return None
        baseline = load_baseline(path)
    except EdgeMmError as error:
        _log.error("%s; the population's limits are used", error)
        return None
    usable = baseline.seen_by(bundle.digest)
    if usable != baseline:
        _log.warning("%s: %s", path, OTHER_BUNDLE)
    if parts := usable.learned():
        _log.info("limits follow the personal baseline %s: %s", path, ", ".join(parts))
    return usable


OTHER_BUNDLE = "learned with another bundle, so only its heart rate is used; run 'edge-mm calibrate' again"


def store_baseline(path: str | Path, baseline: Baseline) -> None:
    """Write it.

    Raises:
        UsageError: there is no such folder.
        EdgeMmError: it cannot be written.
    """
    where = Path(path).expanduser()
    text = msgspec.json.format(msgspec.json.encode(baseline), indent=2) + b"\n"
    partial: str | None = None
    try:
        if where.exists() and not where.is_file():
            raise UsageError(f"{path}: this is not a regular file; name another one")
        number, partial = tempfile.mkstemp(prefix=".edge-mm-", dir=where.parent)  # a new file, mode 600
        with os.fdopen(number, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(partial).replace(where)
        partial = None
        folder = os.open(where.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # else the name may be lost with the power
        finally:
            os.close(folder)
    except OSError as error:
        kind = UsageError if isinstance(error, FileNotFoundError | NotADirectoryError) else EdgeMmError
        raise kind(f"{path}: cannot be written: {said(error)}") from error
    finally:
        if partial is not None:
            with suppress(OSError):
                Path(partial).unlink()


def remove_baseline(path: str | Path) -> bool:
    """Delete it, damaged or not; whether there was one.

    Raises:
        UsageError: what is there is no file.
        EdgeMmError: it cannot be deleted.
    """
    where = Path(path).expanduser()
    try:
        if not stat.S_ISREG(where.lstat().st_mode):
            raise UsageError(f"{path}: this is not a regular file; it stays")
        where.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise EdgeMmError(f"{path}: cannot be deleted: {said(error)}") from error
    return True


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise ConfigError(f"{path}: {said(error)}") from error
    return True
