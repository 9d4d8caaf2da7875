"""What a MAX30102 cannot give, and how it fails, on a SIMULATED part."""

import errno
import sys

import pytest
from simulated_max30102 import PPG, SimulatedMax30102, finger, run, source_of, values

from edge_mm.errors import ConfigError, SourceError, SourceLost
from edge_mm.sources import board_source
from edge_mm.sources.wanted import Wanted


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
