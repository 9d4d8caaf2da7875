"""A replay's lines: stable names, stable bytes."""

import io
import json
from pathlib import Path

import pytest
from delivery_samples import alert

from edge_mm.delivery.jsonl import JsonLines
from edge_mm.delivery.record import BundleRef
from edge_mm.errors import DeliveryError
from edge_mm.types import Estimate, Observation

BUNDLE = BundleRef("driver", "1.0.0", "ab" * 32)


def outputs(start_s):
    at = round(start_s * 1e9)
    return [
        Observation(at + 12_400_049_999, "driver.eyes_closed", 0.931234567, "probability", 0.9, "vision", "cam"),
        Observation(at + 12_500_000_000, "vitals.beat", 1.0, "1", float("nan"), "physio", "ecg", label="V"),
        Estimate(
            at + 16 * 10**9, at, {"drowsy": 0.7}, {"vision": 1.0}, {"drowsy": {"vision": 0.4}}, {"vision": 1.0}, {}
        ),
        alert(start_s + 17),
        alert(start_s + 18, "cleared"),
    ]


def written(start_s, digest="d1"):
    stream = io.StringIO()
    lines = JsonLines(stream, origin_ns=round(start_s * 1e9), digest=digest, bundle=BUNDLE)
    for output in outputs(start_s):
        lines.send(output)
    lines.summary({"cpu_s": float("inf"), "windows": 3})
    return stream.getvalue()


def test_each_output_is_one_line_with_its_type_and_its_time():
    first, beat, estimate, raised, cleared, summary = (json.loads(line) for line in written(0).splitlines())
    assert first == {
        "type": "observation",
        "t": 12.4,
        "name": "driver.eyes_closed",
        "value": 0.93123,
        "unit": "probability",
        "quality": 0.9,
        "source": "vision",
    }
    assert (beat["label"], beat["quality"]) == ("V", None)
    assert estimate == {
        "type": "estimate",
        "t": 16.0,
        "scores": {"drowsy": 0.7},
        "weights": {"vision": 1.0},
        "coverage": {"vision": 1.0},
        "contributions": {"drowsy": {"vision": 0.4}},
        "quality": {},
    }
    assert (raised["type"], raised["t"], raised["event"]) == ("alert", 17.0, "edge_mm.alert.raised")
    assert raised["time"] == "1970-01-01T00:00:17.000Z"
    assert (raised["data"]["seq"], cleared["data"]["seq"]) == (1, 2)
    assert raised["data"]["incident_id"] == cleared["data"]["incident_id"]
    assert summary == {"type": "summary", "cpu_s": None, "windows": 3}


def test_the_same_input_gives_the_same_bytes_wherever_the_clock_began():
    assert written(0) == written(86_400)
    assert written(0) != written(0, digest="d2")


def test_a_stream_that_cannot_be_written_is_said(tmp_path):
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("not here: no /dev/full")
    with pytest.raises(OSError, match="No space"), device.open("w", encoding="utf-8", buffering=1) as full:
        lines = JsonLines(full, origin_ns=0, digest="d1")
        with pytest.raises(DeliveryError, match="the output cannot be written: No space left on device"):
            lines.send(outputs(0)[0])
