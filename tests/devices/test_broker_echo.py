"""A message of our own comes back from real brokers; where it does not, what is denied is told apart."""

import json

import msgspec
import pytest
from delivery_broker import ToldBroker
from denying_broker import denying_broker

from edge_mm.delivery.echo import echo
from edge_mm.delivery.subscriber import Subscriber
from edge_mm.errors import DeliveryError

pytestmark = pytest.mark.devices


def test_a_message_comes_back_and_says_how_long_it_took(broker):
    found = echo(broker.settings, "car-7", timeout_s=20)
    assert (found.topic, found.may_publish, found.may_subscribe) == ("edge_mm/car-7/bridge/echo", True, True)
    assert found.round_trip_ms is not None
    assert found.round_trip_ms >= 0


def test_nothing_of_it_is_left_at_the_broker(broker):
    echo(broker.settings, "car-7", timeout_s=20)
    with Subscriber(broker.settings, client_id="later", filters=["edge_mm/#"], persistent=False) as later:
        assert later.receive(timeout_s=0.3) is None


def test_who_may_not_subscribe_is_told_so_and_that_he_may_publish(tmp_path):
    with denying_broker("mosquitto", tmp_path, publish=True, subscribe=False) as settings:
        found = echo(settings, "d", timeout_s=1)
    assert (found.round_trip_ms, found.may_publish, found.may_subscribe) == (None, True, False)


def test_who_may_not_publish_is_told_so(tmp_path):
    with denying_broker("mosquitto", tmp_path, publish=False, subscribe=True) as settings:
        found = echo(settings, "d", timeout_s=1)
    assert (found.round_trip_ms, found.may_publish, found.may_subscribe) == (None, False, None)


def test_a_broker_that_speaks_no_mqtt_5_says_a_denied_subscription_itself(tmp_path):
    with denying_broker("nats-server", tmp_path, publish=True, subscribe=False) as settings:
        found = echo(settings, "d", timeout_s=1)
    assert (found.round_trip_ms, found.may_subscribe) == (None, False)
    assert found.may_publish is not False


def test_a_broker_that_speaks_no_mqtt_5_leaves_open_what_it_threw_away_but_never_says_that_it_took_it(tmp_path):
    with denying_broker("nats-server", tmp_path, publish=False, subscribe=True) as settings:
        found = echo(settings, "d", timeout_s=1)
    assert found.round_trip_ms is None
    assert found.may_publish is not True


def test_a_broker_that_confirms_nothing_has_not_taken_it():
    with ToldBroker(confirms=lambda _topic: False) as told:
        found = echo(told.settings(), "d", timeout_s=0.3)
    assert (found.round_trip_ms, found.may_publish) == (None, False)


def test_a_wrong_password_is_said_and_not_shown(tmp_path):
    with denying_broker("nats-server", tmp_path, publish=True, subscribe=True) as settings:
        wrong = msgspec.structs.replace(settings, password="s3cret-and-wrong")
        with pytest.raises(DeliveryError, match="bad user name or password") as error:
            echo(wrong, "d", timeout_s=5)
    assert "s3cret" not in str(error.value)
    json.dumps(str(error.value))
