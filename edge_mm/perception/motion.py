"""What a wrist's acceleration and rotation say.

In: Samples of the kinds of modality ``motion``, one instance for all. Out: ``sensor.quality`` of each stream: the
share of values that are there. Not here: alerts.
"""

from __future__ import annotations

from edge_mm.models.bundle import Bundle
from edge_mm.perception.physio_intake import CHUNK_S, Intake
from edge_mm.perception.presence import Presence
from edge_mm.types import Embedding, Observation, Sample, StreamSpec

Reading = Observation | Embedding


class MotionFrontEnd:
    """All streams of the modality.

    Args:
        bundle: what it was loaded from.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._lanes: dict[str, tuple[Intake, Presence]] = {}

    @property
    def latency_s(self) -> float:
        """An Embedding stands for a second that must be over, and signals are taken in by chunks."""
        return 1.0 + CHUNK_S

    def add(self, spec: StreamSpec) -> None:
        """Announce a stream, or announce it again."""
        self._lanes[spec.name] = Intake(spec.name, axes=3), Presence(spec.name, "motion")

    def push(self, sample: Sample) -> list[Reading]:
        """Take the next block of one of the streams.

        Raises:
            UsageError: the block has another shape than its kind.
        """
        intake, presence = self._lanes[sample.stream]
        return [reading for chunk in intake.push(sample) for reading in presence.chunk(chunk)]

    def hear(self, observation: Observation) -> list[Reading]:
        """Nothing of the other senses is needed here."""
        del observation
        return []

    def end(self, stream: str) -> list[Reading]:
        """A stream ended."""
        intake, presence = self._lanes[stream]
        return [reading for chunk in intake.flush() for reading in presence.chunk(chunk)]

    def flush(self) -> list[Reading]:
        """All streams ended."""
        return [reading for stream in self._lanes for reading in self.end(stream)]
