"""The words that the data is described with: kinds of stream, senses, states, priorities.

In and out: nothing; literals, and tables of which belongs to which. Not here: the data itself (``types``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

StreamKind = Literal[
    "video", "audio", "ecg", "ppg", "eda", "temp", "acc", "gyro", "note",
    "heart_rate", "rr", "spo2", "blood_pressure", "body_temp", "respiration_rate", "speed", "number",
]  # fmt: skip
Modality = Literal["vision", "audio", "physio", "skin", "motion", "text", "readings"]
SourceState = Literal["starting", "live", "degraded", "stale", "lost", "off"]
Priority = Literal["high", "medium", "low"]
RANK: Mapping[Priority, int] = {"low": 0, "medium": 1, "high": 2}
"""The more urgent, the greater."""
SILENCE_S: Mapping[Priority, float] = {"high": 120.0, "medium": 600.0, "low": 600.0}
"""Longest silence: one always ends. IEC 60601-1-8 has the pause end and be disclosed; users ask that nothing is ever
left suppressed by accident. The numbers are ours."""
Category = Literal["physiological", "technical"]
AlarmState = Literal["inactive", "pending", "active", "acknowledged", "silenced", "clearing"]
"""``pending``: it holds, not yet for long enough; ``clearing``: it holds no longer, the alarm still does."""
Transition = Literal["raised", "acknowledged", "silenced", "resumed", "escalated", "latched", "cleared"]
"""``resumed``: a silence has ended, or what had been acknowledged has come back; ``latched``: the condition is over and
the alarm waits to be acknowledged."""
Action = Literal["acknowledge", "silence"]
LEADS_TO: Mapping[Transition, AlarmState] = {
    "raised": "active",
    "acknowledged": "acknowledged",
    "silenced": "silenced",
    "resumed": "active",
    "escalated": "active",
    "latched": "clearing",
    "cleared": "inactive",
}
"""The state of an alarm after each transition."""

MODALITY_OF: Mapping[str, Modality] = {
    "video": "vision",
    "audio": "audio",
    "ecg": "physio",
    "ppg": "physio",
    "eda": "skin",
    "temp": "skin",
    "acc": "motion",
    "gyro": "motion",
    "note": "text",
    "heart_rate": "physio",
    "rr": "physio",
    "spo2": "physio",
    "blood_pressure": "physio",
    "body_temp": "physio",
    "respiration_rate": "physio",
    "speed": "readings",
    "number": "readings",
}
THREE_AXES: frozenset[str] = frozenset(("acc", "gyro"))
"""Kinds whose blocks are (n, 3): x, y, z."""
READINGS: frozenset[str] = frozenset(
    ("heart_rate", "rr", "spo2", "blood_pressure", "body_temp", "respiration_rate", "speed", "number")
)
"""Kinds that a device has worked out itself (a belt, a cuff, a car): no encoder of ours reads them, their samples stand
for moments and come when the device has something to say. ``number`` is anything else, in a unit of its own."""
TRIPLES: frozenset[str] = THREE_AXES | {"blood_pressure"}
"""Kinds whose blocks are (n, 3); a blood pressure is systolic, diastolic, mean."""
CONTEXT: frozenset[str] = frozenset(("text",))
"""Modalities that say who the person is, not how they are: alone they are no evidence of anything. What is said holds
until it is said anew."""
MAX_NOTE_BYTES = 65_536
"""A longer note is a document; no more than its first words would be read."""
STANDING_NS = 1 << 61
"""``Embedding.span_ns`` of what holds until it is said anew; with any time of a monotonic clock it is no overflow."""
