"""Try a ``[[sink]]`` without sending or writing anything.

In: its configuration. Out: one sentence about what is there, or an error that says what is wrong. An address is
connected to, a sound output is found, LEDs are written nothing; a plug-in is loaded and not made. Not here: making
sinks (``daemon.ways_out``).
"""

from __future__ import annotations

import os
from pathlib import Path

from edge_mm.daemon.config_sink import SinkConfig
from edge_mm.daemon.ways_out import lamp_of, plug_in, speaker_of, webhook_of
from edge_mm.errors import DeliveryError


def try_sink(one: SinkConfig) -> str:
    """What is there.

    Raises:
        ConfigError: it cannot be made.
        DeliveryError: it could not be used now.
    """
    if one.kind == "log":
        return _log_file(Path(one.path))
    if one.kind == "webhook":
        hook = webhook_of(one)
        hook.reach()
        return f"{hook.where} can be reached; nothing was sent"
    if one.kind == "sound":
        speaker = speaker_of(one)
        try:
            return f"{speaker.look()}; nothing was played"
        finally:
            speaker.close()
    if one.kind == "led":
        return lamp_of(one).look()
    plug_in(one)
    return f"plug-in {one.kind} loads"


def _log_file(path: Path) -> str:
    """Nothing is made: the daemon makes folder and file."""
    folder = next(parent for parent in path.parents if parent.exists())
    if path.exists() and not path.is_file():
        raise DeliveryError(f"{path}: not a regular file; give another path")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise DeliveryError(f"{path}: not writable for this user; give another path, or change its owner")
    return f"{path}: writable"
