"""Real brokers of both kinds, an outbox, and the far end of a serial port."""

import pytest
from serial_sensor import Sensor

from edge_mm.delivery.local_broker import KINDS, LocalBroker, find_broker
from edge_mm.delivery.outbox import Outbox
from edge_mm.errors import DeliveryError


@pytest.fixture(params=KINDS)
def kind(request):
    try:
        find_broker(request.param)
    except DeliveryError as error:
        pytest.skip(str(error))
    return request.param


@pytest.fixture
def broker(kind):
    with LocalBroker(kind) as running:
        yield running


@pytest.fixture
def outbox(tmp_path):
    with Outbox(tmp_path / "o.sqlite", device="car-7") as opened:
        yield opened


@pytest.fixture
def sensor():
    far_end = Sensor()
    yield far_end
    far_end.unplug()
