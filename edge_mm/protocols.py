"""The parts of the flow that can be exchanged, as what they take and give.

In and out: nothing; this module only names things. A source of your own is a ``Source``, alerts of your own are a
``Policy``, another way out is a ``Sink``. Not here: any behaviour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from edge_mm.types import Condition, Embedding, Observation, Output, PolicyInput, Sample, StreamSpec


@runtime_checkable
class Source(Protocol):
    """A device or file that gives Samples. The reader's thread owns it."""

    @property
    def name(self) -> str:
        """Stream name."""
        ...

    @property
    def live(self) -> bool:
        """True for devices (samples are dropped when we are slow), False for files (we wait)."""
        ...

    def open(self) -> StreamSpec:
        """Open the device.

        Raises:
            SourceError: it cannot be opened; the text names it and what to do.
        """
        ...

    def read(self) -> Sample | None:
        """Block until the next frame or block; None at the end of a file.

        Raises:
            SourceLost: the device is gone or stalled (within a few seconds, never later).
        """
        ...

    def close(self) -> None:
        """Release the device; safe to call twice."""
        ...


@runtime_checkable
class SeveralStreams(Protocol):
    """What a Source has beside, whose device gives more than one stream (a board with ECG and pulse, a belt)."""

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of all its streams; ``Source.name`` is the first."""
        ...

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        """What they promise, in the same order; known once ``open`` has returned the first."""
        ...


@runtime_checkable
class Troubled(Protocol):
    """What a Source has beside, that can say how it does while it works."""

    @property
    def trouble(self) -> str:
        """Why it works badly now (``a third of the lines are unreadable``), as a sentence; empty while it is well."""
        ...

    @property
    def counters(self) -> Mapping[str, int]:
        """What was lost or unreadable since the object was made, by name; for ``bridge/health``."""
        ...


@runtime_checkable
class TroubledStreams(Protocol):
    """What a Troubled Source has beside, whose streams can be in trouble one by one."""

    @property
    def troubles(self) -> Mapping[str, str]:
        """Stream -> why it works badly now; those that are well may be absent."""
        ...


class Halt(Protocol):
    """Says that it is time to end; a ``threading.Event`` is one."""

    def is_set(self) -> bool:
        """Whether it is."""
        ...


@runtime_checkable
class Heedful(Protocol):
    """What a Source has beside, that may be silent for long: its ``read`` looks, and returns None when it is time."""

    def heed(self, halt: Halt) -> None:
        """Look at this from now on, at least once a second."""
        ...


@runtime_checkable
class Retried(Protocol):
    """What a Source has beside, that knows how soon trying again makes sense."""

    @property
    def retry_s(self) -> float:
        """Longest pause between two attempts to open it, seconds."""
        ...


class FrontEnd(Protocol):
    """Turns one stream's samples into readings and embeddings."""

    @property
    def latency_s(self) -> float:
        """Seconds of signal that it must have heard after the start of an Embedding before it gives it."""
        ...

    def push(self, sample: Sample) -> list[Observation | Embedding]:
        """Take the next sample of the stream, in time order."""
        ...

    def flush(self) -> list[Observation | Embedding]:
        """The stream ended: give what was still waiting for look-ahead."""
        ...


class SharedFrontEnd(Protocol):
    """Reads several streams of one modality together, and may listen to what the other front ends say."""

    @property
    def latency_s(self) -> float:
        """As a ``FrontEnd``'s."""
        ...

    def add(self, spec: StreamSpec) -> None:
        """Announce a stream, or announce it again after its device came back."""
        ...

    def push(self, sample: Sample) -> list[Observation | Embedding]:
        """Take the next sample of one of its streams."""
        ...

    def hear(self, observation: Observation) -> list[Observation | Embedding]:
        """Take a reading of a front end that is not shared."""
        ...

    def end(self, stream: str) -> list[Observation | Embedding]:
        """One of its streams ended or broke off: give what waited for it."""
        ...

    def flush(self) -> list[Observation | Embedding]:
        """All streams ended: give what was still waiting."""
        ...


class Policy(Protocol):
    """Decides which conditions hold. State is allowed, clocks and I/O are not."""

    def update(self, event: PolicyInput) -> Iterable[Condition]:
        """Take one event in order; give a Condition for each thing that changed or still holds."""
        ...


class Sink(Protocol):
    """Takes what leaves the monitor."""

    def send(self, output: Output) -> None:
        """Take one output; raise DeliveryError when it cannot be kept."""
        ...
