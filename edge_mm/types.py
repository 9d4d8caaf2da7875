"""The data that flows through the product, left to right.

In and out: nothing; this module only names things, with the words of ``kinds``. ``Sample``, ``Status``, ``Command`` and
``Tick`` are the events that enter ``Monitor.push``; ``Observation``, ``Estimate``, ``Alert`` and ``Reply`` come out;
``Embedding``, ``Window`` and ``Condition`` travel inside. Everything is frozen. Time is an integer of monotonic
nanoseconds (``t_ns``), stamped at capture; wall time exists only in ``edge_mm.delivery``. Not here: any behaviour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge_mm.command import Command, Reply
from edge_mm.kinds import (
    AlarmState,
    Category,
    Modality,
    Priority,
    SourceState,
    StreamKind,
    Transition,
)

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """What a source promises about its samples."""

    name: str
    """Unique id of the stream, ``[a-zA-Z0-9_-]+``; appears in topics."""
    kind: StreamKind
    """What is measured."""
    rate_hz: float
    """Nominal frames or samples per second, > 0."""
    unit: str
    """``bgr8`` for video, ``full scale`` for audio, ``mV`` for ECG, ``a.u.`` for PPG, ``uS``, ``degC``, ``g``,
    ``deg/s``; ``utf-8`` for a note. Of readings: ``bpm``, ``s`` (RR), ``%``, ``mmHg``, ``degC``, ``km/h``."""
    lateness_s: float = 0.3
    """Seconds that a window waits for this stream after its end."""
    stale_s: float = 2.0
    """Seconds of silence after which a live stream is ``stale``. A camera gives 10 to 30 frames per second and blocks
    come every 0.1 s or so; a thermometer may speak once in minutes."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One video frame, or one block of a sampled signal."""

    stream: str
    """Name of the stream."""
    t_ns: int
    """Capture time of the frame, or of the first element of the block."""
    data: npt.NDArray[np.generic]
    """Video: (height, width, 3) uint8 BGR, or (height, width) grey. Sound: (n,) float32 mono, full scale = 1. Signals:
    (n,) float32 in the stream's unit, NaN where a value is missing; ``acc`` and ``gyro`` are (n, 3). A note: (n,)
    uint8, its UTF-8 bytes. Readings: (n,) float32, ``blood_pressure`` (n, 3); NaN where the device could not tell."""
    rate_hz: float
    """Elements per second inside the block, within 1 % of the stream's; the nominal frame rate for video."""

    @property
    def end_ns(self) -> int:
        """First nanosecond after it: one frame interval after a frame's time, or the end of the block."""
        length = 1 if self.data.dtype == np.uint8 else len(self.data)
        return self.t_ns + round(length * NS_PER_S / self.rate_hz)


@dataclass(frozen=True, slots=True)
class Status:
    """A source, worker or connection changed its state."""

    t_ns: int
    """When."""
    stream: str
    """Name of the stream that changed, or ``@`` and the name of a part of ours (``@graphs``, ``@outbox``)."""
    state: SourceState
    """New state; ``off`` means ended on purpose (a file's end), ``lost`` means gone."""
    detail: str = ""
    """One sentence for a person."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passes although nothing arrives."""

    t_ns: int
    """The present."""


Event = Sample | Status | Command | Tick


@dataclass(frozen=True, slots=True)
class Observation:
    """One reading of one sense, at the time it was captured."""

    t_ns: int
    """Capture time of what was read (the R peak, the frame, the centre of the sound)."""
    name: str
    """Dotted name, for example ``driver.eyes_closed`` or ``vitals.heart_rate_bpm``."""
    value: float
    """The reading, in ``unit``."""
    unit: str
    """``probability``, ``deg``, ``bpm``, ``1`` (a ratio or a count) ..."""
    quality: float
    """0 (do not trust) to 1 (as good as this sensor gets)."""
    source: Modality
    """The sense."""
    stream: str
    """Name of the stream it was read from."""
    label: str = ""
    """Class name where the reading is a class (a beat: ``N``, ``S``, ``V``, ``F``), or why a quality is low."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """What an encoder says to the fusion about one frame or one stretch of signal."""

    t_ns: int
    """Start of what was encoded."""
    span_ns: int
    """Length of what it stands for: one frame interval, or the encoder's hop. Spans of one stream do not overlap."""
    stream: str
    """Name of the stream."""
    vector: npt.NDArray[np.float32]
    """(d,) float32."""
    quality: float
    """0..1; the fusion ignores embeddings below the bundle's ``min_quality``."""


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open stretch of time ``[start_ns, end_ns)`` and what each modality put into it."""

    start_ns: int
    """First nanosecond inside."""
    end_ns: int
    """First nanosecond outside."""
    embeddings: Mapping[str, npt.NDArray[np.float32]]
    """Modality -> (n, d) float32 in time order; absent when there is none."""
    coverage: Mapping[str, float]
    """Modality -> share of the window that is covered, 0..1; every modality that has a stream is present."""
    quality: Mapping[str, float]
    """Modality -> mean quality of what covers it, 0..1."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What all senses together say about one window."""

    t_ns: int
    """End of the window."""
    start_ns: int
    """Start of the window."""
    scores: Mapping[str, float]
    """Head -> probability 0..1, for example ``drowsy``."""
    weights: Mapping[str, float]
    """Modality -> attention weight alpha, 0..1, summing to 1 over those present."""
    contributions: Mapping[str, Mapping[str, float]]
    """Head -> modality -> how much the score falls when that modality is left out (probability points, signed)."""
    coverage: Mapping[str, float]
    """Modality -> share of the window that was covered."""
    quality: Mapping[str, float]
    """Modality -> mean quality, 0..1."""
    person: str = ""
    """Whom it is about, where several are watched."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a code for programs, parameters for translators, a sentence for people."""

    code: str
    """Stable, for example ``eyes_closed_for``."""
    params: Mapping[str, float | str]
    """The values in the sentence."""
    text: str
    """One English sentence."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a policy says: this condition holds, or holds no longer. The alarm machine makes transitions of it."""

    t_ns: int
    """When the policy decided."""
    kind: str
    """For example ``driver.eyes_closed`` or ``sensor.lost``."""
    active: bool
    """Whether it holds now."""
    onset_ns: int
    """When it began (before the dwell)."""
    priority: Priority
    """How urgent."""
    category: Category
    """Physiological (about the person) or technical (about the device)."""
    reason: Reason
    """Why."""
    value: float
    """What was compared."""
    limit: float
    """With what."""
    unit: str
    """Unit of both."""
    key: str = ""
    """Which instance of the kind: kind + stream where there can be several; empty means the kind itself."""
    sources: tuple[Modality, ...] = ()
    """The senses it rests on; empty for a fused or technical condition."""
    head: str = ""
    """The Estimate's head it rests on, for a fused condition."""
    latch: bool = False
    """The alarm stays until it is acknowledged, whatever comes after."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One transition of one alarm (raised, acknowledged ...). The only thing that leaves the device as an alert."""

    t_ns: int
    """When the transition happened."""
    kind: str
    """For example ``driver.drowsy``."""
    key: str
    """The alarm it belongs to; unique among the active ones."""
    state: Transition
    """What has happened to it; ``kinds.LEADS_TO`` has the state of the alarm after it."""
    category: Category
    """Physiological or technical."""
    priority: Priority
    """How urgent."""
    onset_ns: int
    """When the condition began."""
    reason: Reason
    """Why it was raised, or why it was cleared."""
    value: float
    """What was compared."""
    limit: float
    """With what."""
    unit: str
    """Unit of both."""
    incident: int
    """Counts the raised alarms of this device; the raised and the cleared transition of one alarm share it."""
    sources: tuple[Modality, ...] = ()
    """The senses it rests on."""
    quality: Mapping[str, float | None] = field(default_factory=dict)
    """Modality -> quality in the last window, None when absent."""
    attention: Mapping[str, float] = field(default_factory=dict)
    """Modality -> alpha of the last Estimate."""
    contribution: Mapping[str, float] = field(default_factory=dict)
    """Modality -> how much the score falls without it. A condition read from one sense rests on it wholly: 1.0."""
    person: str = ""
    """Whom it is about, where several are watched."""
    previous: AlarmState = "inactive"
    """State of the alarm before this transition; ``LEADS_TO`` has the one after it."""
    latched: bool = False
    """Whether the alarm stays until it is acknowledged, also when the condition is over."""
    silent_until_ns: int | None = None
    """End of the silence, where it is silenced."""
    escalation: int = 0
    """How often nobody had acknowledged it in time; ``priority`` has been raised accordingly."""
    by: str = ""
    """Who acknowledged or silenced it, as he calls himself."""


Output = Observation | Estimate | Alert | Reply
PolicyInput = Observation | Estimate | Status | Tick

__all__ = [
    "NS_PER_S",
    "Alert",
    "Command",
    "Condition",
    "Embedding",
    "Estimate",
    "Event",
    "Observation",
    "Output",
    "PolicyInput",
    "Reason",
    "Reply",
    "Sample",
    "Status",
    "StreamSpec",
    "Tick",
    "Window",
]
