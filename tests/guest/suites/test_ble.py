"""A heart rate belt over Bluetooth, with a plain client: it is found, connected to, heard, lost and found again."""

import asyncio

import pytest
from belt import ADDRESS, HEART_RATE_MEASUREMENT, HEART_RATE_SERVICE, NAME, Belt, bluetooth, measurement
from bleak import BleakClient, BleakScanner

LIMIT_S = 30.0


@pytest.fixture(scope="module")
def bus():
    with bluetooth():
        yield


@pytest.fixture
def belt(bus):
    worn = Belt()
    worn.start()
    yield worn
    worn.kill()


async def found():
    device = await BleakScanner.find_device_by_filter(
        lambda _, data: HEART_RATE_SERVICE in data.service_uuids, timeout=LIMIT_S
    )
    assert device is not None, "no belt was found"
    return device


class Listener:
    """A connection, what it has heard, and whether it is over."""

    def __init__(self):
        self.heard = asyncio.Queue()
        self.lost = asyncio.Event()

    async def connect(self):
        self.client = BleakClient(await found(), disconnected_callback=lambda _: self.lost.set(), timeout=LIMIT_S)
        await self.client.connect()
        await self.client.start_notify(HEART_RATE_MEASUREMENT, lambda _, value: self.heard.put_nowait(bytes(value)))

    async def hears(self, belt, *values):
        for value in values:
            await asyncio.to_thread(belt.says, value)
        return [await asyncio.wait_for(self.heard.get(), LIMIT_S) for _ in values]


VALUES = [measurement(71), measurement(72, 0.833), measurement(73, 0.82, 0.81)]


def test_a_belt_is_found_connected_to_and_heard_value_for_value(belt):
    async def story():
        device = await found()
        assert (device.address, device.name) == (ADDRESS, NAME)
        listener = Listener()
        await listener.connect()
        assert await listener.hears(belt, *VALUES) == VALUES
        await listener.client.disconnect()

    asyncio.run(story())


def test_a_belt_out_of_range_is_lost_and_heard_again_when_it_is_back(belt):
    async def story():
        first = Listener()
        await first.connect()
        assert await first.hears(belt, VALUES[0]) == VALUES[:1]
        await asyncio.to_thread(belt.switch_off)
        await asyncio.wait_for(first.lost.wait(), LIMIT_S)
        await first.client.disconnect()  # without it BlueZ 5.66 gives every value of the next connection twice

        await asyncio.to_thread(belt.switch_on)
        second = Listener()
        await second.connect()
        assert await second.hears(belt, *VALUES) == VALUES
        await second.client.disconnect()

    asyncio.run(story())


def test_an_adapter_that_is_pulled_out_ends_the_connection_and_a_new_one_works(belt):
    async def story():
        first = Listener()
        await first.connect()
        await asyncio.to_thread(belt.kill)
        await asyncio.wait_for(first.lost.wait(), LIMIT_S)
        await first.client.disconnect()

        await asyncio.to_thread(belt.start)
        second = Listener()
        await second.connect()
        assert await second.hears(belt, *VALUES) == VALUES
        await second.client.disconnect()

    asyncio.run(story())
