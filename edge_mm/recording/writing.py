"""Write a recording.

In: a ``Head``, then messages in the order of the events. Out: an MCAP file for its owner alone. What is written is in
chunks of a quarter of a megabyte, each with its checksum: where the power goes, the file can be read up to its last
whole chunk. Needs the package ``mcap`` (extra ``record``). Not here: how many files there are and when they end
(``daemon.shelf``).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from edge_mm.errors import ConfigError
from edge_mm.recording.form import ENCODING, END, HEAD, SCHEMAS, End, Head
from edge_mm.recording.messages import Message, spec_text
from edge_mm.types import StreamSpec

CHUNK_BYTES = 256 * 1024
"""Small writes wear a card, large ones are lost with the power."""


def require_mcap(what: str) -> None:
    """Say what to install where the package is not there.

    Raises:
        ConfigError: it is not there.
    """
    if find_spec("mcap") is None:
        raise ConfigError(f"{what}: needs the package mcap: pip install 'edge-mm[record]'")


class RecordingWriter:
    """One file.

    Args:
        path: of the new file; one that is there already is not replaced.
        head: what is recorded.

    Raises:
        ConfigError: the package ``mcap`` is not installed.
        OSError: it cannot be made; so ``write``, ``flush``, ``sync`` and ``close`` where the disk is full or gone.
    """

    def __init__(self, path: Path, head: Head) -> None:
        require_mcap(str(path))
        from mcap.writer import CompressionType, Writer

        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(number, "wb")
        self.path = path
        self._writer: Any = Writer(self._file, chunk_size=CHUNK_BYTES, compression=CompressionType.NONE)
        self._schemas: dict[str, int] = {}
        self._channels: dict[tuple[str, StreamSpec | None], int] = {}
        self._number = 0
        self._pending = 0
        try:
            self._writer.start(profile="edge-mm", library=f"edge-mm {head.edge_mm}")
            self._metadata(HEAD, head)
        except BaseException:
            self.abandon()
            raise

    @property
    def size(self) -> int:
        """Bytes written, or about to be."""
        return self._file.tell() + self._pending

    def write(self, message: Message) -> None:
        """Add the next message."""
        channel = self._channels.get((message.schema, message.spec))
        if channel is None:
            channel = self._channel(message)
        self._number += 1
        before = self._file.tell()
        self._writer.add_message(
            channel,
            log_time=max(0, message.t_ns),
            data=message.body,
            publish_time=max(0, message.t_ns),
            sequence=self._number & 0xFFFFFFFF,
        )
        self._pending = 0 if self._file.tell() != before else self._pending + len(message.body) + 64

    def flush(self) -> None:
        """End the chunk and give it to the kernel."""
        self._writer.flush()
        self._pending = 0

    def sync(self) -> None:
        """Give it to the card."""
        self.flush()
        os.fdatasync(self._file.fileno())

    def close(self, end: End) -> None:
        """Write the end and the index; the file is closed, whatever happens."""
        try:
            self._writer.flush()
            self._metadata(END, end)
            self._writer.finish()
            self._file.flush()
            os.fdatasync(self._file.fileno())
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file as it is: it can be read up to its last whole chunk."""
        with suppress(OSError):
            self._file.close()

    def _channel(self, message: Message) -> int:
        name, spec = message.schema, message.spec
        if name not in self._schemas:
            self._schemas[name] = self._writer.register_schema(f"edge_mm.{name}", "text", SCHEMAS[name].encode())
        metadata = {} if spec is None else {"stream": spec_text(spec)}
        topic = name if spec is None else f"stream/{spec.name}"
        register: Callable[..., int] = self._writer.register_channel
        number = register(topic, ENCODING, self._schemas[name], metadata)
        self._channels[name, spec] = number
        return number

    def _metadata(self, name: str, value: msgspec.Struct) -> None:
        fields = msgspec.structs.asdict(value)
        self._writer.add_metadata(name, {key: msgspec.json.encode(one).decode() for key, one in fields.items()})
