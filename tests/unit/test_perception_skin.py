import numpy as np
import pytest
from wrist import blocks, embeddings, merged, said, spec, wrist_bundle

from edge_mm.errors import BundleError, ConfigError, UsageError
from edge_mm.perception.skin import DIMENSION, SkinFrontEnd
from edge_mm.perception.skin_steps import Beat, Steps
from edge_mm.perception.skin_stress import COLUMNS, FEATURES, HEART, SKIN, STEPS, stress_features
from edge_mm.types import NS_PER_S as S
from edge_mm.types import Observation, Sample

MINUTE = 60
LONG = 13 * MINUTE


def wrist(seconds=LONG, rate_hz=4.0):
    """uS and degC: calm, then after eight minutes more conductance and a colder skin."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    late = np.clip((at - 480.0) / 60.0, 0.0, 1.0)
    return 2.0 + late + 0.1 * np.sin(at / 9.0), 33.0 - 0.4 * late


def heart(seconds=LONG, stream="bvp"):
    beats = np.arange(1.0, seconds, 0.8)
    rr = 0.8 - 0.1 * (beats > 480.0) + 0.02 * np.sin(beats)
    return [
        Observation(round(t * S), "vitals.rr_interval_s", float(r), "s", 0.9, "physio", stream)
        for t, r in zip(beats, rr, strict=True)
    ]


def front_end(*specs):
    one = SkinFrontEnd(wrist_bundle())
    for each in specs or (spec("eda", "eda", 4.0), spec("temp", "temp", 4.0)):
        one.add(each)
    return one


def run(one, events):
    readings = []
    for event in sorted(events, key=lambda event: event.t_ns):
        readings += one.hear(event) if isinstance(event, Observation) else one.push(event)
    return readings + one.flush()


def signals(*, eda_size=4, temp_size=4, start_ns=0, seconds=LONG, eda=None):
    conductance, warmth = wrist(seconds)
    conductance = conductance if eda is None else eda
    return merged(
        blocks("eda", conductance, 4.0, size=eda_size, start_ns=start_ns),
        blocks("temp", warmth, 4.0, size=temp_size, start_ns=start_ns),
    )


def test_nothing_is_said_about_stress_before_ten_minutes_and_then_every_ten_seconds():
    told = said(run(front_end(), signals() + heart()), "health.stress")
    assert [t for t, _ in told] == [float(t) for t in range(10 * MINUTE, LONG + 1, 10)]
    assert all(0.0 <= value <= 1.0 for _, value in told)


def test_conductance_and_temperature_are_told_every_second():
    readings = run(front_end(), signals(seconds=20))
    assert said(readings, "skin.conductance_us")[4] == (5.0, pytest.approx(2.0, abs=0.1))
    assert said(readings, "skin.temperature_c")[4] == (5.0, pytest.approx(33.0))
    assert len(said(readings, "sensor.quality", "temp")) == 20


def test_the_size_of_the_blocks_changes_nothing():
    def listen(**sizes):
        readings = run(front_end(), signals(**sizes) + heart())
        stress = said(readings, "health.stress")
        return stress, [(e.t_ns, e.vector.tobytes(), e.quality) for e in embeddings(readings)]

    first = listen(eda_size=4, temp_size=4)
    assert first[1]
    assert listen(eda_size=1, temp_size=16) == first
    assert listen(eda_size=7, temp_size=3) == first


def test_the_same_ten_minutes_say_the_same_whenever_they_come():
    """No elapsed time, sample count or warm-up: what came before the ten minutes leaves no trace."""
    long = run(front_end(), signals() + heart())
    cut_ns = 120 * S
    late = [event for event in signals() + heart() if event.t_ns >= cut_ns]
    short = run(front_end(), late)
    compare = said(long, "health.stress")[-3:]
    # the variability of the first step looks back a minute more
    assert compare[0][0] >= 120 + 10 * MINUTE + 60 - 20
    assert said(short, "health.stress")[-1] == compare[-1]
    hour = 3600 * S
    moved = [
        Sample(e.stream, e.t_ns + hour, e.data, e.rate_hz)
        if isinstance(e, Sample)
        else Observation(e.t_ns + hour, e.name, e.value, e.unit, e.quality, e.source, e.stream)
        for e in signals() + heart()
    ]
    values = [value for _, value in said(run(front_end(), moved), "health.stress")]
    assert values == [value for _, value in said(long, "health.stress")]


def test_the_absolute_conductance_does_not_enter():
    conductance, _ = wrist()
    low, high = (run(front_end(), signals(eda=factor * conductance) + heart()) for factor in (1.0, 3.0))
    for (_, one), (_, other) in zip(said(low, "health.stress"), said(high, "health.stress"), strict=True):
        assert one == pytest.approx(other, abs=0.01)


def test_a_detached_electrode_has_no_quality_and_says_so():
    conductance, _ = wrist()
    conductance[12 * MINUTE * 4 :] = 0.0
    readings = run(front_end(), signals(eda=conductance) + heart())
    off = [r for r in readings if isinstance(r, Observation) and r.stream == "eda" and r.t_ns > (12 * MINUTE + 2) * S]
    assert {(r.label, r.quality) for r in off if r.name == "sensor.quality"} == {("no contact", 0.0)}
    late = [r for r in off if r.name == "health.stress"]
    # after a minute without contact the skin counts no more
    assert late[-1].label == "heart only" or late[-1].quality < late[0].quality
    assert embeddings(readings)[-1].quality == 0.0


def test_any_of_the_senses_may_be_missing():
    conductance, warmth = wrist()
    eda = list(blocks("eda", conductance, 4.0, size=4))
    temp = list(blocks("temp", warmth, 4.0, size=4))

    def labels(events, *specs):
        readings = run(front_end(*specs), events)
        return {r.label for r in readings if isinstance(r, Observation) and r.name == "health.stress"}

    both = spec("eda", "eda", 4.0), spec("temp", "temp", 4.0)
    assert labels(eda + temp + heart(), *both) == {"skin and heart"}
    assert labels(eda, both[0]) == {"skin only"}
    assert labels(temp + heart(), both[1]) == {"heart only"}
    assert labels(temp, both[1]) == set()


def test_missing_values_leave_their_steps_out_but_not_the_rest():
    conductance, _ = wrist()
    conductance[1000:1200] = np.nan
    readings = run(front_end(), signals(eda=conductance))
    assert said(readings, "health.stress")
    missing = [r for r in readings if isinstance(r, Observation) and r.label == "missing"]
    assert {r.t_ns // S for r in missing} == set(range(251, 301))
    conductance[400:1600] = np.nan  # half of the ten minutes
    assert not said(run(front_end(), signals(eda=conductance)), "health.stress")


def test_a_long_pause_begins_ten_new_minutes():
    one = front_end()
    for event in signals():
        one.push(event)
    again = [r for event in signals(start_ns=3 * 3600 * S) for r in one.push(event)]
    assert said(again, "health.stress")[0][0] == 3 * 3600 + 10 * MINUTE


def test_a_clock_that_steps_back_begins_ten_new_minutes():
    one = front_end()
    for event in signals(start_ns=3600 * S):
        one.push(event)
    again = [r for event in signals() for r in one.push(event)]
    assert said(again, "health.stress")[0][0] == 10 * MINUTE


def test_slow_sensors_are_taken():
    conductance, warmth = wrist(rate_hz=0.2)
    events = merged(blocks("eda", conductance, 0.2, size=1), blocks("temp", warmth, 0.2, size=1))
    readings = run(front_end(spec("eda", "eda", 0.2), spec("temp", "temp", 0.2)), events)
    assert said(readings, "health.stress")


def test_embeddings_are_of_the_skin_alone():
    quiet = embeddings(run(front_end(), signals()))
    assert quiet
    assert {e.vector.shape for e in quiet} == {(DIMENSION,)}
    beating = embeddings(run(front_end(), signals() + heart()))
    assert [e.vector.tobytes() for e in quiet] == [e.vector.tobytes() for e in beating]
    assert {e.span_ns for e in quiet} == {S}


def test_beats_of_a_second_sensor_wait_until_the_first_is_silent():
    alone = run(front_end(), signals() + heart())
    two = run(front_end(), signals() + heart() + [b for b in heart(stream="ecg") if b.t_ns > 2 * S])
    assert said(alone, "health.stress") == said(two, "health.stress")


def test_features_are_zero_for_what_is_absent_and_bounded():
    rng = np.random.default_rng(0)
    table = rng.normal(0, 100, (STEPS, len(COLUMNS)))
    row = stress_features(table)
    assert row.shape == (FEATURES,)
    assert np.abs(row).max() <= 3.0
    table[:, 0] = np.nan
    row = stress_features(table)
    assert not row[:HEART].any()
    assert row[-3:].tolist() == [1.0, 0.0, 1.0]
    assert not stress_features(table, skin=False)[HEART : HEART + SKIN].any()
    assert not stress_features(np.full_like(table, np.nan)).any()


def test_steps_know_only_ten_minutes():
    steps = Steps()
    for number in range(650):
        steps.put("conductance", number, 2.0)
        steps.hear(Beat(number + 0.5, 0.8))
        list(steps.close(number))
    assert steps.table().shape == (STEPS, len(COLUMNS))
    assert np.isfinite(steps.table()[:, :1]).all() or np.isnan(steps.table()[:, 0]).all()


def test_what_is_no_skin_is_refused():
    with pytest.raises(ConfigError, match=r"0\.01 Hz"):
        front_end(spec("eda", "eda", 0.01))
    with pytest.raises(UsageError, match=r"\(n,\)"):
        front_end().push(Sample("eda", 0, np.zeros((4, 3), np.float32), 4.0))
    with pytest.raises(BundleError, match="skin"):
        bundle = wrist_bundle()
        del bundle.manifest.graphs["skin.stress"]
        SkinFrontEnd(bundle)
