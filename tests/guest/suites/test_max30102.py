"""The MAX30102 source against the kernel's i2c-stub: real bus, real ioctls, a part that is only registers.

The stub keeps what is written and counts nothing on, so it shows how the source opens; the FIFO is tested on a
simulated part (``tests/unit/test_sources_max30102.py``).
"""

import os

import pytest

if os.environ.get("EDGE_MM_GUEST") != "1":
    pytest.skip("not here: only inside the guest", allow_module_level=True)

from kernel import driver, stub_number, until
from smbus2 import SMBus

from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources import board_source
from edge_mm.sources.wanted import Wanted

ADDRESS, PART_ID, PART = 0x57, 0xFF, 0x15
MODE, FIFO, SPO2, RED_LED, IR_LED = 0x09, 0x08, 0x0A, 0x0C, 0x0D
WANTED = [Wanted("finger", "ppg"), Wanted("oxygen", "spo2")]


@pytest.fixture
def bus():
    """The number of a bus with a part of registers at the address, and the bus itself."""
    with driver("i2c-dev"), driver("i2c-stub", chip_addr=hex(ADDRESS)):
        number = int(until(stub_number, "the bus"))
        with SMBus(number) as opened:
            yield number, opened


def test_the_right_part_is_configured_over_the_bus(bus):
    number, registers = bus
    registers.write_byte_data(ADDRESS, PART_ID, PART)
    source = board_source(f"i2c:{number}", WANTED)
    assert source.open().rate_hz == 100
    seen = {at: registers.read_byte_data(ADDRESS, at) for at in (FIFO, SPO2, RED_LED, IR_LED, MODE)}
    assert seen == {FIFO: 0x40, SPO2: 0x2F, RED_LED: 36, IR_LED: 36, MODE: 0x03}
    source.close()
    assert registers.read_byte_data(ADDRESS, MODE) == 0x80


def test_a_part_that_measures_nothing_is_lost(bus):
    number, registers = bus
    registers.write_byte_data(ADDRESS, PART_ID, PART)
    source = board_source(f"i2c:{number}", WANTED)
    source.open()
    with pytest.raises(SourceLost, match="has measured nothing for 2 s"):
        source.read()
    source.close()


def test_another_part_is_told_by_its_number(bus):
    number, registers = bus
    registers.write_byte_data(ADDRESS, PART_ID, 0x11)
    with pytest.raises(SourceError, match=rf"i2c:{number}:0x57: .* 0x11, a MAX30100"):
        board_source(f"i2c:{number}", WANTED).open()


def test_an_address_where_nothing_is_says_so(bus):
    number, _ = bus
    with pytest.raises(SourceError, match=rf"i2c:{number}:0x50: nothing answers there; check the wiring"):
        board_source(f"i2c:{number}:0x50", WANTED).open()


def test_a_bus_that_is_not_there_says_so(bus):
    number, _ = bus
    with pytest.raises(SourceError, match=r"there is no such bus; switch I2C on"):
        board_source(f"i2c:{number + 40}", WANTED).open()
