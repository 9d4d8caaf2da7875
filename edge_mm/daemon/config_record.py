"""``[record]``: whether what the sensors give is kept, and how much of it.

In: a table of ``edge-mm.toml``. Out: a frozen ``RecordConfig``, and the sentence that says what it means for the people
who are watched. Where the table is absent nothing is recorded. Not here: recording (``daemon.recorder``).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge_mm.errors import SourceError
from edge_mm.recording import require_mcap
from edge_mm.sources.files import said

Around = Annotated[float, Meta(ge=0, le=600)]


class RecordConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[record]``."""

    folder: str = "edge-mm-recordings"
    """Where the files are; made, for its owner alone, where it is not there."""
    what: Literal["signals", "everything"] = "signals"
    """``signals``: physiological signals, readings, and how the sensors do; no picture, no sound, no note.
    ``everything``: these too."""
    max_mib: Annotated[int, Meta(ge=16, le=1_000_000)] = 512
    """Of all files together; the oldest go first."""
    segment_s: Annotated[float, Meta(ge=10, le=86_400)] = 600.0
    """A file ends after so long, or at an eighth of ``max_mib``."""
    keep: Literal["always", "alerts"] = "always"
    """``alerts``: only ``pre_s`` before and ``post_s`` after each alert about the person."""
    pre_s: Around = 30.0
    """Seconds before an alert; they wait in memory."""
    post_s: Around = 30.0
    """Seconds after it."""
    jpeg_quality: Annotated[int, Meta(ge=0, le=100)] = 85
    """Of pictures, 1 to 100; 0: every pixel as it is, 1 MB per frame of 640 x 480."""


def recorded_of(kind: str, what: str) -> bool:
    """Whether samples of this kind are recorded."""
    return what == "everything" or kind not in ("video", "audio", "note")


def in_words(config: RecordConfig) -> str:
    """What is recorded, for the log and for ``check``."""
    everything = config.what == "everything"
    what = (
        "pictures, sound, notes, physiological signals and readings"
        if everything
        else "physiological signals and readings, no picture and no sound"
    )
    when = (
        "all the time" if config.keep == "always" else f"{config.pre_s:g} s before and {config.post_s:g} s after alerts"
    )
    return (
        f"people are recorded: {what}, {when}, into {config.folder}, {config.max_mib} MiB at most; "
        "tell them, and remove [record] to record nothing"
    )


def try_record(config: RecordConfig) -> Iterator[str]:
    """Whether the folder can be used; nothing is made.

    Yields:
        A sentence for each thing that is not as it should be, though it works.

    Raises:
        ConfigError: the package is not installed.
        SourceError: nothing can be written there.
    """
    require_mcap("[record]")
    folder = Path(config.folder)
    try:
        if folder.exists() and not folder.is_dir():
            raise SourceError(f"{folder}: not a folder; set [record] folder to one")
        place = folder if folder.exists() else folder.parent
        if not place.is_dir():
            raise SourceError(f"{folder}: its folder is not there; make {place}, or set [record] folder")
        if not os.access(place, os.W_OK | os.X_OK):
            raise SourceError(f"{place}: not writable for this user; set [record] folder, or change its owner")
        if folder.exists() and stat.S_IMODE(folder.stat().st_mode) & 0o077:
            yield f"{folder}: others may look into it: chmod 700 {folder}"
    except OSError as error:
        raise SourceError(f"{folder}: {said(error)}") from error
