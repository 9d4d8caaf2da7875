import numpy as np
import pytest
from wrist import blocks, embeddings, merged, said, spec, swing, wrist_bundle

from edge_mm.errors import BundleError, ConfigError, UsageError
from edge_mm.perception.motion import DIMENSION, MotionFrontEnd
from edge_mm.perception.motion_fall import AFTER, LENGTH, fall_input, impacts, without_gravity
from edge_mm.perception.motion_grid import RATE_HZ, ROW_NS, Grid
from edge_mm.types import NS_PER_S as S
from edge_mm.types import Observation, Sample


def front_end(*specs):
    one = MotionFrontEnd(wrist_bundle())
    for each in specs or (spec("acc", "acc", 50.0), spec("gyro", "gyro", 50.0)):
        one.add(each)
    return one


def run(one, samples):
    readings = [reading for sample in samples for reading in one.push(sample)]
    return readings + one.flush()


def both(acc, gyro, size=25):
    return merged(blocks("acc", acc, 50.0, size=size), blocks("gyro", gyro, 50.0, size=size))


def test_each_impact_is_judged_once_at_its_peak_and_nothing_is_said_between():
    acc, gyro = swing(30.0, 50.0, blow_s=(8.0, 17.0))
    assert [round(t, 2) for t, _ in said(run(front_end(), both(acc, gyro)), "motion.fall")] == [8.0, 17.0]
    assert not said(run(front_end(), both(*swing(30.0, 50.0))), "motion.fall")


def test_an_impact_is_told_two_and_a_half_seconds_after_it():
    acc, gyro = swing(20.0, 50.0, blow_s=(8.0,))
    one = front_end()
    for sample in both(acc, gyro, size=5):
        if said(one.push(sample), "motion.fall"):
            break
    assert 10.5 <= sample.end_ns / S <= 10.9


def test_the_size_of_the_blocks_changes_nothing():
    acc, gyro = swing(25.0, 50.0, blow_s=(6.01, 13.3))
    acc[400:430] = np.nan

    def listen(size, gyro_size):
        streams = blocks("acc", acc, 50.0, size=size), blocks("gyro", gyro, 50.0, size=gyro_size)
        readings = run(front_end(), merged(*streams))
        told = sorted(
            (r.t_ns, r.name, r.stream, r.value, r.quality, r.label) for r in readings if isinstance(r, Observation)
        )
        return told, [(e.t_ns, e.vector.tobytes(), e.quality) for e in embeddings(readings)]

    first = listen(50, 50)
    assert first[0]
    for sizes in ((1, 1), (7, 50), (50, 13)):
        assert listen(*sizes)[0] == first[0]
    assert listen(7, 7)[1] == listen(25, 25)[1]


def test_gravity_changes_neither_where_impacts_are_nor_much_of_what_the_net_sees():
    acc, gyro = swing(20.0, 50.0, blow_s=(8.0,))
    heavy, _ = swing(20.0, 50.0, blow_s=(8.0,), gravity=1.0)
    assert impacts(acc).tolist() == impacts(heavy).tolist() == [400]
    window = slice(400 - AFTER, 401 + AFTER)
    difference = fall_input(acc[window], gyro[window]) - fall_input(heavy[window], gyro[window])
    assert np.abs(difference).max() < 1e-3


@pytest.mark.parametrize("rate_hz", [20.0, 25.0, 100.0, 200.0, 400.0])
def test_any_rate_shows_the_same_impact(rate_hz):
    acc, gyro = swing(20.0, rate_hz, blow_s=(8.0,))
    specs = spec("acc", "acc", rate_hz), spec("gyro", "gyro", rate_hz)
    size = round(rate_hz / 2)
    streams = blocks("acc", acc, rate_hz, size=size), blocks("gyro", gyro, rate_hz, size=size)
    times = [t for t, _ in said(run(front_end(*specs), merged(*streams)), "motion.fall")]
    assert times == pytest.approx([8.0], abs=0.05)


def test_a_gyroscope_that_is_absent_or_dies_is_not_waited_for():
    acc, gyro = swing(25.0, 50.0, blow_s=(8.0, 18.0))
    alone = run(front_end(spec("acc", "acc", 50.0)), blocks("acc", acc, 50.0, size=25))
    assert len(said(alone, "motion.fall")) == 2
    one = front_end()
    dead = merged(blocks("acc", acc, 50.0, size=25), blocks("gyro", gyro[:600], 50.0, size=25))
    readings = [reading for sample in dead for reading in one.push(sample)]
    assert len(said(readings, "motion.fall")) == 2


def test_a_gap_lowers_the_quality_and_a_pause_begins_anew():
    acc, gyro = swing(20.0, 50.0, blow_s=(8.0,))
    acc[450:500] = np.nan
    readings = run(front_end(), both(acc, gyro))
    (judged,) = [r for r in readings if isinstance(r, Observation) and r.name == "motion.fall"]
    assert judged.quality == pytest.approx(1 - 50 / LENGTH, abs=0.02)
    missing = [r.label for r in readings if r.t_ns == 10 * S and getattr(r, "name", "") == "sensor.quality"]
    assert "missing" in missing
    one = front_end()
    run(one, both(acc, gyro))
    late = merged(*(blocks(n, x, 50.0, size=25, start_ns=3600 * S) for n, x in (("acc", acc), ("gyro", gyro))))
    readings = [r for sample in late for r in one.push(sample)]
    assert [round(t, 1) for t, _ in said(readings, "motion.fall")] == [3608.0]
    assert min(r.t_ns for r in readings) >= 3600 * S


def test_a_clock_that_steps_back_is_followed():
    acc, gyro = swing(20.0, 50.0, blow_s=(8.0,))
    one = front_end()
    readings = [r for sample in both(acc, gyro) for r in one.push(sample)]
    again = [r for sample in both(acc, gyro) for r in one.push(sample)]
    assert said(readings, "motion.fall") == said(again, "motion.fall")


def test_a_stuck_sensor_has_no_quality():
    readings = run(front_end(spec("acc", "acc", 50.0)), blocks("acc", np.full((1000, 3), 0.577), 50.0, size=50))
    quality = said(readings, "sensor.quality")
    assert [value for _, value in quality[:4]] == [1.0] * 4
    assert {value for _, value in quality[5:]} == {0.0}
    assert all(e.quality == 0.0 for e in embeddings(readings)[5:])


def test_an_impact_at_the_end_of_a_recording_is_judged_when_it_ends():
    acc, gyro = swing(10.0, 50.0, blow_s=(9.2,))
    one = front_end()
    during = [r for sample in both(acc, gyro) for r in one.push(sample)]
    assert not said(during, "motion.fall")
    assert [round(t, 1) for t, _ in said(one.flush(), "motion.fall")] == [9.2]


def test_embeddings_stand_for_whole_seconds():
    found = embeddings(run(front_end(), both(*swing(12.0, 50.0, blow_s=(5.0,)))))
    assert [e.t_ns / S for e in found] == list(range(12))
    assert {e.vector.shape for e in found} == {(DIMENSION,)}
    assert all(np.isfinite(e.vector).all() for e in found)


def test_what_is_no_motion_is_refused():
    with pytest.raises(ConfigError, match="10 Hz"):
        front_end(spec("acc", "acc", 10.0))
    with pytest.raises(UsageError, match=r"\(n, 3\)"):
        front_end().push(Sample("acc", 0, np.zeros(50, np.float32), 50.0))
    with pytest.raises(BundleError, match="fall_threshold"):
        MotionFrontEnd(wrist_bundle({"motion": {}}))


def test_missing_values_are_bridged_only_when_they_are_few():
    acc, _ = swing(4.0, 50.0)
    acc[50:53] = np.nan
    acc[100:120] = np.nan
    grid = Grid("acc")
    for sample in blocks("acc", acc, 50.0, size=50):
        grid.push(sample)
    rows = np.isfinite(grid.between(0, 4 * RATE_HZ)).all(axis=1)
    assert rows[50:53].all()
    assert not rows[100:120].any()
    assert rows.sum() == 180
    assert ROW_NS * RATE_HZ == S


def test_without_gravity_is_zero_where_nothing_is_known():
    acc = np.full((200, 3), np.nan, np.float32)
    assert not without_gravity(acc).any()
    acc[100] = 1.0
    assert not without_gravity(acc).any()
