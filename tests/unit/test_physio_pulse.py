"""PPG: pulses of synthetic waves of a known rate, of real recordings, and none of noise."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from edge_mm.perception.physio import PhysioFrontEnd
from edge_mm.perception.physio_filter import BandFilter
from edge_mm.perception.physio_pulse import BAND, RATE_HZ, PulseDetector
from edge_mm.types import Sample, StreamSpec


def wave(rate_bpm, seconds, rate_hz):
    """Synthetic pulse: a fast rise, a slow fall, a dicrotic bump, breathing."""
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    beat_s = 60.0 / rate_bpm
    since = (t % beat_s) / np.sqrt(beat_s)  # systole shortens with the root of the interval (Bazett)
    pulse = np.exp(-(((since - 0.2) / 0.08) ** 2)) + 0.35 * np.exp(-(((since - 0.45) / 0.1) ** 2))
    return pulse + 0.2 * np.sin(2 * np.pi * 0.25 * t)


def intervals(values, rate_hz):
    band, detector = BandFilter(rate_hz, RATE_HZ, **BAND), PulseDetector()
    found = [p.index / RATE_HZ for piece in band.push(values) for p in detector.push(piece.values)]
    return np.diff(found)


@pytest.mark.parametrize("rate_hz", [25.0, 64.0, 100.0, 125.0, 500.0])
@pytest.mark.parametrize("rate_bpm", [40, 72, 140])
def test_the_rate_of_a_synthetic_pulse_is_found_at_any_sampling_rate(rate_hz, rate_bpm):
    rr = intervals(wave(rate_bpm, 30, rate_hz), rate_hz)
    assert 60.0 / np.median(rr) == pytest.approx(rate_bpm, rel=0.02)
    assert rr[3:].std() < 0.02


def test_a_raw_count_that_falls_with_each_pulse_gives_the_same_rate():
    rr = intervals(200_000 - 1500 * wave(80, 40, 100.0), 100.0)
    assert 60.0 / np.median(rr) == pytest.approx(80, rel=0.02)


def pulses(values):
    """Index of every pulse of a filtered signal at ``RATE_HZ``, with those that the end brings out."""
    detector = PulseDetector()
    return [p.index for p in detector.push(values)], [p.index for p in detector.flush()]


def filtered(values):
    return np.concatenate([piece.values for piece in BandFilter(RATE_HZ, RATE_HZ, **BAND).push(values)])


def test_pulses_of_either_polarity_are_found_at_the_same_place():
    wanted, _ = pulses(filtered(wave(72, 60, RATE_HZ)))
    found, _ = pulses(filtered(-wave(72, 60, RATE_HZ)))
    late = [i for i in found if i > 20 * RATE_HZ]
    assert len(late) > 45
    assert max(min(abs(i - k) for k in wanted) for i in late) < 1.0


def test_what_trembles_faster_than_a_heart_can_beat_is_not_counted_as_it_trembles():
    tremor = np.sin(2 * np.pi * 4.0 * np.arange(30 * RATE_HZ) / RATE_HZ)
    found, _ = pulses(tremor)
    assert len(found) > 40
    assert np.diff(found).min() >= 0.27 * RATE_HZ


def test_the_last_pulse_comes_out_when_the_stream_ends():
    values = filtered(wave(60, 20.75, RATE_HZ))
    before, at_the_end = pulses(values)
    assert len(at_the_end) == 1
    assert at_the_end[0] - before[-1] == pytest.approx(RATE_HZ, abs=1.5)


def listen(bundle, values, rate_hz):
    front = PhysioFrontEnd(bundle, StreamSpec("ppg", "ppg", rate_hz, "a.u."))
    out = []
    for i in range(0, len(values), 37):
        out += front.push(Sample("ppg", round(i * 1e9 / rate_hz), values[i : i + 37].astype(np.float32), rate_hz))
    return out + front.flush()


def named(out, name):
    return [o for o in out if getattr(o, "name", "") == name]


def test_a_pulse_has_a_rate_but_no_beat_class(bundle):
    out = listen(bundle, wave(66, 40, 64.0), 64.0)
    assert np.median([o.value for o in named(out, "vitals.heart_rate_bpm")]) == pytest.approx(66, abs=1)
    assert {o.label for o in named(out, "vitals.beat")} == {""}


@pytest.mark.parametrize("kind", ["white", "last bit", "drift", "constant"])
def test_a_sensor_that_hangs_in_the_air_has_no_heart_rate_for_most_of_the_time(bundle, kind):
    rng = np.random.default_rng(1)
    n = 64 * 60
    values = {
        "white": rng.normal(size=n),
        "last bit": rng.integers(0, 2, n).astype(float),
        "drift": np.sin(np.arange(n) / 200.0) + 0.01 * rng.normal(size=n),
        "constant": np.ones(n),
    }[kind]
    out = listen(bundle, values, 64.0)
    quality = [o.value for o in named(out, "sensor.quality")]
    assert np.median(quality) < 0.15
    assert len(named(out, "vitals.heart_rate_bpm")) < 25


def test_a_real_finger_recording_gives_its_counted_rate(bundle):
    spec = find_spec("heartpy")
    if spec is None or spec.origin is None:
        pytest.skip("needs the sample of the heartpy package")
    values = np.loadtxt(Path(spec.origin).parent / "data" / "data.csv")
    out = listen(bundle, values, 100.0)
    rises = np.flatnonzero((values[1:] > 650) & (values[:-1] <= 650))  # this clean recording can be counted by a level
    want = 60.0 / np.median(np.diff(rises) / 100.0)
    assert len(rises) - 3 <= len(named(out, "vitals.rr_interval_s")) <= len(rises) - 1
    assert np.median([o.value for o in named(out, "vitals.heart_rate_bpm")]) == pytest.approx(want, abs=1.5)
