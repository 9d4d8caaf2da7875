"""The MAX30102 source on a SIMULATED part: its registers, its light, its FIFO."""

from itertools import pairwise

import numpy as np
import pytest
from simulated_max30102 import DIE, PPG, SPO2, SimulatedMax30102, finger, nothing, run, source_of, values

from edge_mm import pulse_rate
from edge_mm.protocols import SeveralStreams, Source, Troubled
from edge_mm.sources.ratio import spo2_percent
from edge_mm.sources.wanted import Wanted


def test_it_is_configured_as_the_datasheet_says():
    part = SimulatedMax30102(finger())
    source = source_of(part, PPG, SPO2)
    first = source.open()
    assert isinstance(source, Source)
    assert isinstance(source, SeveralStreams)
    assert isinstance(source, Troubled)
    assert part.opened == [(1, 0x57)]
    assert part.registers[0x08] == 0b010_0_0000  # four averaged, no rollover
    assert part.registers[0x0A] == 0b0_01_011_11  # 4096 nA, 400 a second, 411 us
    assert part.registers[0x09] == 0x03
    assert (part.registers[0x0C], part.registers[0x0D]) == (36, 36)
    assert (first, source.name, source.streams) == (source.specs[0], "finger", ("finger", "oxygen"))
    assert [(spec.kind, spec.rate_hz, spec.unit) for spec in source.specs] == [("ppg", 100, "a.u."), ("spo2", 1, "%")]
    source.close()
    assert part.registers[0x09] == 0x80
    assert part.opened[-1] == "closed"


@pytest.mark.parametrize(
    ("rate_hz", "fifo", "spo2"),
    [(50, 0x60, 0x2F), (200, 0x20, 0x2F), (400, 0x00, 0x2F), (25, 0x80, 0x2F), (1600, 0x00, 0x38), (62.5, 0x80, 0x35)],
)
def test_every_rate_has_the_longest_pulses_and_the_most_averaging(rate_hz, fifo, spo2):
    part = SimulatedMax30102(finger())
    source = source_of(part, Wanted("p", "ppg", rate_hz=rate_hz))
    assert source.open().rate_hz == rate_hz
    assert (part.registers[0x08], part.registers[0x0A]) == (fifo, spo2)
    count = len(values(run(source, part, 3.0)["p"]))
    assert count == pytest.approx(3.0 * rate_hz, rel=0.05)
    assert source.counters["lost_samples"] == 0


def test_blocks_are_a_tenth_of_a_second_and_follow_each_other_without_a_gap():
    part = SimulatedMax30102(finger())
    source = source_of(part)
    source.open()
    samples = run(source, part, 5.0)["finger"]
    assert {len(sample.data) for sample in samples} <= {9, 10, 11}
    assert all(sample.data.dtype == np.float32 for sample in samples)
    gaps_ns = [after.t_ns - before.end_ns for before, after in pairwise(samples)]
    assert max(map(abs, gaps_ns)) <= 10_000_000  # a sample


def test_a_beat_points_upwards():
    """Blood rushes in faster than it leaves: the steep side of a pulse that stands upright is the rising one."""
    part = SimulatedMax30102(finger(bpm=60))
    source = source_of(part)
    source.open()
    wave = values(run(source, part, 10.0)["finger"])[300:]
    steps = np.diff(wave[~np.isnan(wave)])
    assert steps.max() > 2 * -steps.min()


def test_the_heart_rate_is_found_in_it_by_those_who_look_for_it():
    part = SimulatedMax30102(finger(bpm=81))
    source = source_of(part)
    source.open()
    wave = values(run(source, part, 30.0)["finger"])
    assert pulse_rate(wave, 100.0).per_minute == pytest.approx(81, abs=2)


def test_saturation_comes_once_a_second_and_is_that_of_the_light():
    for r in (0.5, 0.8):
        part = SimulatedMax30102(finger(r=r))
        source = source_of(part, PPG, SPO2)
        source.open()
        percent = values(run(source, part, 20.0)["oxygen"])
        assert len(percent) in (19, 20)
        assert np.isnan(percent[:3]).all()  # less than a window yet
        assert percent[10:] == pytest.approx(spo2_percent(r), abs=0.5)


def test_without_a_finger_nothing_is_said_and_the_trouble_is():
    part = SimulatedMax30102(finger())
    source = source_of(part, PPG, SPO2)
    source.open()
    run(source, part, 10.0)
    assert source.trouble == ""
    part.light = nothing
    run(source, part, 1.0)
    got = run(source, part, 5.0)
    assert np.isnan(values(got["finger"])).all()
    assert np.isnan(values(got["oxygen"])).all()
    assert source.trouble == "nothing lies on the sensor; put a finger on it"
    part.light = finger()
    run(source, part, 2.0)
    assert source.trouble == ""
    assert np.isfinite(values(run(source, part, 6.0)["oxygen"])[-1])


@pytest.mark.parametrize(("per_step", "red_per_step"), [(30_000.0, 9_000.0), (800.0, 600.0), (2_500.0, 500.0)])
def test_bright_and_dark_fingers_come_into_the_middle_of_the_range(per_step, red_per_step):
    part = SimulatedMax30102(finger(per_step=per_step, red_per_step=red_per_step))
    source = source_of(part, PPG, SPO2)
    source.open()
    run(source, part, 5.0)
    for led, per in ((0x0C, red_per_step), (0x0D, per_step)):
        share = part.registers[led] * per / 262_143
        assert 0.3 <= share <= 0.7 or part.registers[led] == 255
    leds = part.registers[0x0C], part.registers[0x0D]
    got = run(source, part, 10.0)
    assert (part.registers[0x0C], part.registers[0x0D]) == leds
    assert values(got["oxygen"])[-1] == pytest.approx(spo2_percent(0.6), abs=0.6)


def test_a_change_of_the_leds_is_no_step_of_the_signal():
    part = SimulatedMax30102(finger(per_step=800.0))
    source = source_of(part)
    source.open()
    wave = values(run(source, part, 4.0)["finger"])
    assert part.registers[0x0D] > 36
    assert np.isnan(wave).sum() == 2  # they may be of both currents
    assert np.nanmax(wave) - np.nanmin(wave) < 0.025 * -np.nanmean(wave)


def test_light_that_is_too_bright_is_missing_and_not_flat():
    part = SimulatedMax30102(lambda _: (300_000.0, 300_000.0))
    source = source_of(part)
    source.open()
    wave = values(run(source, part, 4.0)["finger"])
    assert np.isnan(wave).all()
    assert part.registers[0x0D] < 36
    assert source.counters["clipped_samples"] > 0


@pytest.mark.parametrize(("late_s", "lost"), [(0.2, 0), (0.4, 18), (1.5, 128), (8.0, 468)])
def test_what_the_fifo_had_no_room_for_is_counted_and_missing_in_its_place(late_s, lost):
    part = SimulatedMax30102(finger())
    source = source_of(part)
    source.open()
    run(source, part, 2.0)
    part.wait(late_s)
    sample = source.read()
    assert source.counters["lost_samples"] == pytest.approx(lost, abs=1)
    assert np.isnan(sample.data).sum() == source.counters["lost_samples"]
    assert not np.isnan(sample.data[:30]).any()
    assert sample.end_ns == part.clock_ns()
    assert len(source.read().data) in (9, 10, 11)


def test_the_die_is_as_warm_as_its_registers_say():
    part = SimulatedMax30102(finger())
    source = source_of(part, DIE)
    assert source.open().unit == "degC"
    assert source.read().data == [31.5625]
    part.temperature_c = -7.25
    assert values(run(source, part, 3.0)["die"])[-1] == -7.25


def test_motion_is_no_saturation():
    noise = np.convolve(np.random.default_rng(4).standard_normal(4000), np.hanning(7), mode="same")

    def light(t_s):
        share = 1 + 0.005 * np.interp(t_s % 60, np.arange(4000) * 0.02, noise)
        return 2000.0 * share, 2500.0 * share

    part = SimulatedMax30102(light)
    source = source_of(part, PPG, SPO2)
    source.open()
    got = run(source, part, 20.0)
    assert np.isnan(values(got["oxygen"])).all()
    assert not np.isnan(values(got["finger"])[300:]).any()
