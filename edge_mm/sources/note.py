"""A note about the person as a stream of one Sample.

In: the text itself, or a text file of a few lines. Out: one Sample of kind ``note``: its UTF-8 bytes. Not here: what
the words mean (``perception.text``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_mm.errors import SourceError
from edge_mm.kinds import MAX_NOTE_BYTES
from edge_mm.sources.files import existing_file, said
from edge_mm.types import Sample, StreamSpec


class Note:
    """One note, given once.

    Args:
        text: what was said; or None, and ``path`` names a file.
        path: a UTF-8 text file.
        name: stream name.
        start_ns: time from which it holds.

    Raises:
        UsageError: there is no such file, or it may not be read.
    """

    live = False

    def __init__(
        self, text: str | None = None, *, path: str | Path | None = None, name: str = "note", start_ns: int = 0
    ) -> None:
        if (text is None) == (path is None):
            raise TypeError("a note is either a text or a path")
        self._path = None if path is None else existing_file(Path(path).expanduser(), what="note")
        self._text = text
        self._start_ns = start_ns
        self._ready: bytes | None = None
        self.name = name

    def open(self) -> StreamSpec:
        """Read the file.

        Raises:
            SourceError: it cannot be read, is longer than ``MAX_NOTE_BYTES`` or not UTF-8.
        """
        where = f"stream {self.name!r}" if self._path is None else str(self._path)
        if self._path is None:
            content = (self._text or "").encode(errors="replace")
        else:
            try:
                with self._path.open("rb") as file:
                    content = file.read(MAX_NOTE_BYTES + 1)
            except OSError as error:
                raise SourceError(f"{where}: cannot be read: {said(error)}") from error
        if len(content) > MAX_NOTE_BYTES:
            raise SourceError(f"{where}: a note has at most {MAX_NOTE_BYTES} bytes; give its first lines")
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise SourceError(f"{where}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
        self._ready = content
        return StreamSpec(name=self.name, kind="note", rate_hz=1.0, unit="utf-8", lateness_s=0.0)

    def read(self) -> Sample | None:
        """The note, then None."""
        content, self._ready = self._ready, None
        if content is None:
            return None
        return Sample(self.name, self._start_ns, np.frombuffer(content, np.uint8), 1.0)

    def close(self) -> None:
        """Let go of the text."""
        self._ready = None
