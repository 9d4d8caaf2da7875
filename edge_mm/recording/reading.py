"""Read a recording.

In: the path of an MCAP file that ``recording.writing`` made, or of anything else. Out: its ``Head``, then its events in
the order in which the monitor was given them; or a ``SourceError``. A file that was cut off is read up to its last
whole chunk. Nothing in it is believed before it was checked, no path in it is followed, nothing in it can run. Not
here: what is done with the events (``daemon.recorded``).
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, TypeVar

import msgspec

from edge_mm.errors import SourceError
from edge_mm.recording.form import (
    END,
    FORM,
    HEAD,
    MOST_CHANNELS,
    MOST_RECORD_BYTES,
    MOST_SPAN_NS,
    End,
    Head,
    Recorded,
    State,
)
from edge_mm.recording.messages import event_of, spec_from
from edge_mm.recording.writing import require_mcap
from edge_mm.types import StreamSpec

T = TypeVar("T", bound=msgspec.Struct)
MAGIC = b"\x89MCAP0\r\n"
_HEADER, _FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _METADATA, _DATA_END = 1, 2, 3, 4, 5, 6, 12, 15
_READ = frozenset((_SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _METADATA))
_MORE = "copy it again from the device; what is before it can be read from a copy that ends there"


class Recording:
    """One file that is open; its events can be read once.

    Args:
        path: the file.

    Raises:
        SourceError: there is none, or it is no recording of edge-mm.
        ConfigError: the package ``mcap`` is not installed.

    Attributes:
        path: as given.
        head: what was recorded.
        end: how it ended; None until all was read, and where it was cut off.
        cut_off: whether it ends in the middle; known when all was read.
    """

    def __init__(self, path: Path) -> None:
        require_mcap(str(path))
        self.path = path
        try:
            if not path.is_file():  # reading a pipe would wait for its writer
                raise SourceError(f"{path}: no such file, or not a regular one; name a recording of edge-mm")
            self._file: BinaryIO = path.open("rb")
        except (OSError, ValueError) as error:
            raise SourceError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
        self._size = os.fstat(self._file.fileno()).st_size
        self._schemas: dict[int, str] = {}
        self._channels: dict[int, tuple[str, StreamSpec | None]] = {}
        self._first_ns: int | None = None
        self.end: End | None = None
        self.cut_off = False
        try:
            self.head = self._head()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._file.close()

    def events(self) -> Iterator[Recorded]:
        """Its events in order; the first is a ``State``.

        Raises:
            SourceError: it is damaged.
        """
        while True:
            at = self._file.tell()
            try:
                record = self._next()
                if record is None:
                    return
                opcode, body = record
                if opcode == _METADATA:
                    self._metadata(body)
                elif opcode == _CHUNK:
                    yield from self._chunk(body)
            except _damage() as error:
                raise self._damaged(at, error) from error
            except OSError as error:
                raise SourceError(f"{self.path}: cannot be read: {error.strerror or error}") from error

    def _head(self) -> Head:
        name = f"{self.path}: not a recording of edge-mm"
        try:
            if self._file.read(len(MAGIC)) != MAGIC:
                raise SourceError(f"{name} (no MCAP file); 'edge-mm replay --help' lists what else can be replayed")
            while (record := self._next()) is not None and record[0] != _CHUNK:
                if record[0] == _METADATA and (found := self._metadata(record[1])) is not None:
                    return found
        except _damage() as error:
            raise SourceError(f"{name}: {_said(error)}") from error
        except OSError as error:
            raise SourceError(f"{self.path}: cannot be read: {error.strerror or error}") from error
        raise SourceError(f"{name}: nothing in it says what was recorded, or it ends before that")

    def _next(self) -> tuple[int, bytes] | None:
        """The next record that is looked at; None at the end of the events, or where the file ends in the middle."""
        while True:
            start = self._file.read(9)
            left = self._size - self._file.tell()
            opcode, length = struct.unpack("<BQ", start) if len(start) == 9 else (0, 0)
            if opcode == 0 or length > left:  # nothing follows, or the zeros that a power cut leaves behind
                self.cut_off = True
                return None
            if opcode in (_DATA_END, _FOOTER):
                return None
            if opcode not in _READ:
                self._file.seek(length, os.SEEK_CUR)
                continue
            if length > MOST_RECORD_BYTES:
                raise ValueError(f"a record of {length} bytes")
            return opcode, self._file.read(length)

    def _chunk(self, body: bytes) -> Iterator[Recorded]:
        from mcap.data_stream import ReadDataStream
        from mcap.records import Chunk

        chunk = Chunk.read(ReadDataStream(io.BytesIO(body)))
        if chunk.compression:
            raise ValueError(f"it is compressed ({chunk.compression[:10]}), which edge-mm does not do")
        if chunk.uncompressed_crc and zlib.crc32(chunk.data) != chunk.uncompressed_crc:
            if self._next() is None and self.cut_off:  # the last one, of which not all reached the card
                return
            raise ValueError("a checksum is wrong")
        stream = io.BytesIO(chunk.data)
        while len(start := stream.read(9)) == 9:
            opcode, length = struct.unpack("<BQ", start)
            if length > len(chunk.data) - stream.tell():
                raise ValueError("a record that is longer than its chunk")
            event = self._record(opcode, stream.read(length))
            if event is not None:
                yield event

    def _record(self, opcode: int, body: bytes) -> Recorded | None:
        from mcap.data_stream import ReadDataStream
        from mcap.records import Channel, Message, Schema

        stream = ReadDataStream(io.BytesIO(body))
        if opcode == _SCHEMA:
            schema = Schema.read(stream)
            self._schemas[schema.id] = schema.name
        elif opcode == _CHANNEL:
            channel = Channel.read(stream)
            if len(self._channels) >= MOST_CHANNELS:
                raise ValueError(f"more than {MOST_CHANNELS} channels")
            text = channel.metadata.get("stream")
            name = self._schemas[channel.schema_id].removeprefix("edge_mm.")
            self._channels[channel.id] = (name, None if text is None else spec_from(text))
        elif opcode == _MESSAGE and len(body) >= 22:
            message = Message.read(stream, len(body))
            name, spec = self._channels[message.channel_id]
            return self._timely(event_of(name, message.data, spec))
        return None

    def _timely(self, event: Recorded | None) -> Recorded | None:
        if event is None:
            return None
        if self._first_ns is None:
            if not isinstance(event, State):
                raise ValueError("it does not begin with the state of the monitor")
            self._first_ns = event.t_ns
        if abs(event.t_ns - self._first_ns) > MOST_SPAN_NS:
            raise ValueError("a time that is days away from the first one")
        return event

    def _metadata(self, body: bytes) -> Head | None:
        from mcap.data_stream import ReadDataStream
        from mcap.records import Metadata

        record = Metadata.read(ReadDataStream(io.BytesIO(body)))
        if record.name == END:
            self.end = _struct(record.metadata, End)
        if record.name != HEAD:
            return None
        form = record.metadata.get("form", "")
        if form != str(FORM):
            raise ValueError(f"form {form[:20]}, this version of edge-mm reads {FORM}")
        return _struct(record.metadata, Head)

    def _damaged(self, at: int, error: BaseException) -> SourceError:
        return SourceError(f"{self.path}: damaged near byte {at}: {_said(error)}; {_MORE}")


def _damage() -> tuple[type[Exception], ...]:
    """What reading something that nobody of ours wrote may raise."""
    from mcap.exceptions import McapError

    lookup, size = (KeyError, IndexError), (OverflowError, MemoryError, RecursionError)
    return (ValueError, struct.error, msgspec.MsgspecError, McapError, *lookup, *size)


def _struct(fields: dict[str, str], cls: type[T]) -> T:
    if sum(map(len, fields.values())) > 1 << 20:
        raise ValueError("a description of more than a megabyte")
    return msgspec.convert({key: msgspec.json.decode(text) for key, text in fields.items()}, cls)


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
