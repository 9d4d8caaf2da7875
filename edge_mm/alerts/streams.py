"""Which streams run, and of which sense they are.

In: ``Status`` and readings. Out: whether nobody is watched by a sense any more. A Status does not say of which sense
its stream is; readings do, ``sensor.quality`` about once a second. Not here: alerts about streams (``sensors``).
"""

from __future__ import annotations

from edge_mm.kinds import Modality, SourceState
from edge_mm.types import Observation, PolicyInput, Status


class Running:
    """The streams as far as they have been heard of."""

    __slots__ = ("_senses", "_states")

    def __init__(self) -> None:
        self._states: dict[str, SourceState] = {}
        self._senses: dict[str, Modality] = {}

    def take(self, event: PolicyInput) -> None:
        """Take one event; a part of ours (``@outbox``) is no stream."""
        if isinstance(event, Status):
            if event.stream.startswith("@"):
                return
            self._states[event.stream] = event.state
        elif isinstance(event, Observation):
            self._states.setdefault(event.stream, "live")
            self._senses[event.stream] = event.source

    def ended(self, sense: Modality | None = None) -> bool:
        """Whether a stream was switched off and none is left that is, or may be, of ``sense`` (None: of any).

        A stream that is lost or stale is left: somebody is to be watched, and it may come back.
        """
        return "off" in self._states.values() and not any(
            state != "off" and (sense is None or self._senses.get(stream, sense) == sense)
            for stream, state in self._states.items()
        )
