"""Events as the monitor is given them, for recordings that tests write."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from edge_mm.alerts import Alarms
from edge_mm.recording import (
    Announced,
    Encoder,
    End,
    Head,
    Recorded,
    Recording,
    RecordingWriter,
    Said,
    State,
)  # fmt: skip
from edge_mm.types import Sample, Status, StreamSpec, Tick

HEAD = Head(
    edge_mm="0.1.0", device="car-7", bundle="driver", bundle_version="1.0.0", bundle_sha256="0" * 64,
    limits={"heart_rate_high_bpm": 120.0}, boot_id="b", wall_ns=1_800_000_000_000_000_000, mono_ns=5, clock_synced=True,
    session="ab12", part=1, joined=False, what="everything",
)  # fmt: skip
NO_ALARMS = Alarms([]).snapshot()
STATE = State(0, (), (), NO_ALARMS)
_UNITS = {"video": "bgr8", "audio": "full scale", "ecg": "mV", "acc": "g", "note": "utf-8", "blood_pressure": "mmHg"}
_RATES = {"video": 15.0, "audio": 16_000.0, "ecg": 250.0, "acc": 50.0}


def spec(kind: str, *, name: str = "", rate_hz: float | None = None) -> StreamSpec:
    """What a stream of this kind promises."""
    return StreamSpec(name or kind, kind, rate_hz or _RATES.get(kind, 1.0), _UNITS.get(kind, "1"))


def everything() -> list[Recorded]:
    """One event of every kind, and samples of every shape."""
    random = np.random.default_rng(3)
    ecg = random.normal(size=25).astype(np.float32)
    ecg[3] = np.nan
    arrays = {
        "video": random.integers(0, 255, (12, 16, 3)).astype(np.uint8),
        "audio": (random.integers(-9000, 9000, 160) / 32768).astype(np.float32),
        "ecg": ecg,
        "acc": random.normal(size=(5, 3)).astype(np.float32)[::-1],
        "note": np.frombuffer(b"75 F, digoxin", np.uint8),
        "blood_pressure": np.array([[120, 80, np.nan]], np.float32),
        "number": np.array([1 / 3], np.float64),
    }
    events: list[Recorded] = [STATE]
    events += [Announced(1_000, spec(kind)) for kind in arrays]
    events += [Status(1_500, "video", "live"), Status(1_600, "@outbox", "degraded", "no room: 0 MiB")]
    events += [
        Sample(kind, 2_000 + i * (kind != "ecg"), data, spec(kind).rate_hz)
        for i, (kind, data) in enumerate(arrays.items())
    ]
    events += [Tick(3_000), Said(3_000, "driver.drowsy", "driver.drowsy", "raised", True)]
    events += [State(4_000, (spec("ecg"),), (Status(1_600, "@outbox", "live"),), NO_ALARMS), Tick(-5)]
    return events


def write(path: Path, events: Iterable[Recorded], *, jpeg_quality: int = 85, head: Head = HEAD) -> Path:
    """A recording of these events."""
    encoder, writer = Encoder(jpeg_quality=jpeg_quality), RecordingWriter(path, head)
    for event in events:
        message = encoder.encode(event)
        assert message is not None, event
        writer.write(message)
    writer.close(End(ended=True, dropped=3))
    return path


def read(path: Path) -> tuple[Recording, list[Recorded]]:
    """Everything in it."""
    with Recording(path) as recording:
        return recording, list(recording.events())
