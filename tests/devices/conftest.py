"""Real brokers of both kinds, who asks a daemon over one, an outbox, and the far end of a serial port."""

import pytest
from caller import Caller
from installation import broker as any_broker
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
def local():
    """A broker of whichever kind is installed, for a daemon."""
    with any_broker() as running:
        yield running


@pytest.fixture
def caller(local):
    """Somebody who sends requests over it and hears what is said."""
    one = Caller(local.settings)
    yield one
    one.close()


@pytest.fixture
def outbox(tmp_path):
    with Outbox(tmp_path / "o.sqlite", device="car-7") as opened:
        yield opened


@pytest.fixture
def sensor():
    far_end = Sensor()
    yield far_end
    far_end.unplug()
