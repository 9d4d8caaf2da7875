"""The MAX30102 source on a SIMULATED part: its registers, its FIFO, its wrong answers."""

import errno
import sys
from itertools import pairwise

import numpy as np
import pytest
from simulated_max30102 import SimulatedMax30102, finger, nothing

from edge_mm import pulse_rate
from edge_mm.errors import ConfigError, SourceError, SourceLost
from edge_mm.protocols import SeveralStreams, Source, Troubled
from edge_mm.sources import board_source
from edge_mm.sources.max30102 import Max30102
from edge_mm.sources.ratio import spo2_percent
from edge_mm.sources.wanted import Wanted

PPG, SPO2, DIE = Wanted("finger", "ppg"), Wanted("oxygen", "spo2"), Wanted("die", "number", unit="degC")


def source_of(part, *wanted, address="1"):
    return Max30102(address, wanted or [PPG], bus=part.open, wait=part.wait, clock_ns=part.clock_ns)


def run(source, part, seconds):
    """Samples of each stream until so much time has passed."""
    got = {name: [] for name in source.streams}
    until = part.s + seconds
    while part.s < until:
        sample = source.read()
        got[sample.stream].append(sample)
    return got


def values(samples):
    return np.concatenate([sample.data for sample in samples])


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
    assert np.isnan(wave).sum() <= 2
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


def test_what_it_cannot_give_is_refused_before_anything_is_opened():
    for wanted, said in (
        (Wanted("x", "heart_rate"), "worked out of its ppg"),
        (Wanted("x", "temp"), 'kind = "number"'),
        (Wanted("x", "ecg"), "no ecg"),
        (Wanted("x", "ppg", column=1), "no columns"),
        (Wanted("x", "number", unit="degF"), "in degC, not in 'degF'"),
        (Wanted("x", "ppg", rate_hz=99), r"no rate of 99 Hz.*25, 31\.25, 50"),
        (Wanted("x", "ppg", rate_hz=3200), "no rate of 3200 Hz"),
    ):
        with pytest.raises(ConfigError, match=said):
            board_source("i2c:1", [wanted])
    with pytest.raises(ConfigError, match="one rate"):
        board_source("i2c:1", [Wanted("a", "ppg", rate_hz=50), Wanted("b", "ppg", rate_hz=100)])
    for address in ("", "one", "1:0x99", "-1", "1:0x57:2"):
        with pytest.raises(ConfigError, match="name the bus"):
            board_source(f"i2c:{address}", [PPG])


def test_the_address_may_be_another():
    part = SimulatedMax30102(finger())
    source_of(part, address="3:0x5A").open()
    assert part.opened == [(3, 0x5A)]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EREMOTEIO, "nothing answers there; check the wiring"),
        (errno.ENODEV, "nothing answers there"),
        (errno.ENXIO, "nothing answers there"),
        (errno.EBUSY, "a driver of the kernel holds this address"),
        (errno.ETIMEDOUT, "the bus hangs"),
        (errno.EIO, "Input/output error; check the wiring"),
    ],
)
def test_a_part_that_does_not_answer_is_said_at_opening_and_lost_later(number, said):
    part = SimulatedMax30102(finger())
    source = source_of(part)
    part.error = number
    with pytest.raises(SourceError, match=said) as refused:
        source.open()
    assert "MAX30102 at i2c:1:0x57" in str(refused.value)
    assert part.opened[-1] == "closed"
    part.error = 0
    source.open()
    source.read()
    part.error = number
    with pytest.raises(SourceLost, match=f"is gone: {said}"):
        source.read()
    source.close()
    source.close()


def test_another_part_is_not_read():
    with pytest.raises(SourceError, match="says that it is 0x11, a MAX30100, which is another part"):
        source_of(SimulatedMax30102(part=0x11)).open()
    with pytest.raises(SourceError, match=r"says that it is 0x00; a MAX30102 says 0x15"):
        source_of(SimulatedMax30102(part=0)).open()


def test_a_part_that_keeps_nothing_is_refused():
    class Forgetful(SimulatedMax30102):
        def write_byte(self, register, value):
            super().write_byte(register, 0 if register == 0x0A else value)

    with pytest.raises(SourceError, match=r"does not keep what is written to its registers \(0x0A\)"):
        source_of(Forgetful()).open()


def test_a_part_that_lost_its_power_for_a_moment_is_lost_and_works_again_when_it_is_opened():
    part = SimulatedMax30102(finger())
    source = source_of(part)
    source.open()
    run(source, part, 1.0)
    part.write_byte(0x09, 0x40)  # as a fresh part
    with pytest.raises(SourceLost, match="has measured nothing for 2 s"):
        run(source, part, 5.0)
    source.open()
    assert len(values(run(source, part, 1.0)["finger"])) == pytest.approx(100, abs=11)


def test_a_source_that_is_not_open_says_so():
    with pytest.raises(SourceLost, match="not open"):
        source_of(SimulatedMax30102()).read()


def test_a_bus_that_is_not_there_is_said():
    with pytest.raises(SourceError, match=r"I2C bus 99 \(/dev/i2c-99\) cannot be opened: there is no such bus"):
        board_source("i2c:99", [PPG]).open()


def test_a_bus_that_may_not_be_used_names_the_group(monkeypatch):
    def refuse(number):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("smbus2.SMBus", refuse)
    with pytest.raises(SourceError, match="no permission; add the user to the group 'i2c'"):
        board_source("i2c:1", [PPG]).open()


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "smbus2", None)
    with pytest.raises(SourceError, match=r"pip install 'edge-mm\[i2c\]'"):
        board_source("i2c:1", [PPG]).open()


def test_that_no_real_part_was_read_yet_is_said_once(caplog):
    caplog.set_level("INFO", "edge_mm.source")
    part = SimulatedMax30102(finger())
    source = source_of(part)
    for _ in range(2):
        source.open()
    assert sum("never yet on a real sensor" in record.message for record in caplog.records) == 1
