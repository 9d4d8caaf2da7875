"""The I2C bus: a chip that is only registers. It proves the bus; a chip with a FIFO needs more than this driver."""

import errno

import pytest
from kernel import command, driver, until
from smbus2 import SMBus

MAX30102, PART_ID, PART = 0x57, 0xFF, 0x15


@pytest.fixture
def bus():
    with driver("i2c-dev"), driver("i2c-stub", chip_addr=hex(MAX30102)):
        number = until(stub_number, "the bus")
        with SMBus(int(number)) as opened:
            yield opened


def stub_number():
    """The bus's number; other adapters of the machine may have the first ones."""
    lines = [line.split("\t") for line in command(["i2cdetect", "-l"]).splitlines()]
    return next((line[0].removeprefix("i2c-") for line in lines if "stub" in line[2].lower()), None)


def test_a_register_keeps_what_is_written(bus):
    bus.write_byte_data(MAX30102, PART_ID, PART)
    assert bus.read_byte_data(MAX30102, PART_ID) == PART


def test_a_block_of_registers_is_read_in_one_transfer(bus):
    bus.write_i2c_block_data(MAX30102, 0x07, [1, 2, 3, 4, 5, 6])
    assert bus.read_i2c_block_data(MAX30102, 0x07, 6) == [1, 2, 3, 4, 5, 6]


def test_an_address_without_a_chip_does_not_answer(bus):
    with pytest.raises(OSError) as refused:
        bus.read_byte_data(0x50, 0)
    assert refused.value.errno in (errno.ENODEV, errno.ENXIO, errno.EREMOTEIO)
