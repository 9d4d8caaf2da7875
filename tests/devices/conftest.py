"""Real brokers of both kinds, and an outbox, for the tests of delivery."""

import pytest

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
