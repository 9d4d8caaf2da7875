"""A receiver's end: what fails is told again, and nobody's message ends it."""

import logging

import msgspec
import pytest
from delivery_broker import PATIENCE_S, ToldBroker, publish
from delivery_samples import alert

from edge_mm.delivery.clock import Anchor
from edge_mm.delivery.complaints import LoginRefusedError
from edge_mm.delivery.payloads import alert_event
from edge_mm.delivery.record import Record
from edge_mm.delivery.subscribe import _settings
from edge_mm.delivery.subscriber import Subscriber

NOON = Anchor(1_790_000_000 * 10**9, 0, "boot-1", synced=True)
TOPIC = "edge_mm/car-7/alert/event"


def events(*numbers):
    """Publications of these events, numbered from 1 as messages."""
    for number, seq in enumerate(numbers, 1):
        record = Record(seq, f"id {seq}", "incident", "boot-1", alert(seq))
        event = alert_event(record, source="edge_mm/car-7", anchor=NOON, now=NOON)
        yield publish(TOPIC, msgspec.json.encode(event), number)


def test_what_a_receiver_failed_at_is_not_confirmed_and_is_no_double_when_it_comes_again():
    with ToldBroker(sends=list(events(1, 2, 3))) as broker:
        subscriber = Subscriber(broker.settings(), client_id="dashboard")
        with pytest.raises(RuntimeError, match="its database is full"), subscriber:
            for event in subscriber.alerts():
                if event.data.seq == 2:
                    raise RuntimeError("its database is full")
        broker.next(what="gone")
        assert [broker.confirmed.get_nowait() for _ in range(broker.confirmed.qsize())] == [1]
        with subscriber:  # told from the beginning: this broker keeps nothing
            got = [next(subscriber.alerts(idle_s=PATIENCE_S)).data.seq for _ in range(2)]
    assert got == [2, 3]
    assert subscriber.duplicates == 1


FOREIGN = msgspec.json.encode(
    alert_event(Record(1, "id 1", "i", "b", alert(1)), source="edge_mm/car-8", anchor=NOON, now=NOON)
)
HOSTILE = {
    "another device's": FOREIGN,
    "a source without levels": FOREIGN.replace(b"edge_mm/car-8", b"car-8"),
    "deep": b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "empty": b"",
    "not UTF-8": b'{"id":"\xff"}',
    "zeros": bytes(10),
    "large number": b'{"specversion":' + b"9" * 5000 + b"}",
    "a list": b"[]",
}


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE)
def test_whatever_anyone_publishes_there_the_next_alert_is_received(payload, caplog):
    caplog.set_level(logging.WARNING)
    with (
        ToldBroker(sends=[publish(TOPIC, payload, 9), *events(1)]) as broker,
        Subscriber(broker.settings(), client_id="dashboard") as subscriber,
    ):
        first, second = (subscriber.receive(timeout_s=PATIENCE_S) for _ in range(2))
    assert (first.payload, first.event) == (payload, None)
    assert second.event.data.seq == 1
    assert "not an alert event" in caplog.text


def test_a_topic_that_is_no_text_is_passed_over_and_confirmed(caplog):
    nameless = publish("edge_mm/car-?/alert/event", b"{}", 9).replace(b"?", b"\xff")
    with ToldBroker(sends=[nameless, *events(1)]) as broker:
        with Subscriber(broker.settings(), client_id="dashboard") as subscriber:
            assert subscriber.receive(timeout_s=PATIENCE_S).event.data.seq == 1
        broker.next(what="gone")
        assert [broker.confirmed.get_nowait() for _ in range(broker.confirmed.qsize())] == [9, 1]
    assert "a message was passed over: its topic is no UTF-8" in caplog.text


def test_an_event_with_bytes_that_are_no_text_in_a_field_of_tomorrow_is_none():
    (whole,) = events(1)
    payload = whole[whole.index(b"{") : -1] + b',"new":"\xff"}'
    with (
        ToldBroker(sends=[publish(TOPIC, payload, 1)]) as broker,
        Subscriber(broker.settings(), client_id="dashboard") as subscriber,
    ):
        assert subscriber.receive(timeout_s=PATIENCE_S).event is None


def test_a_filter_that_the_broker_denies_is_named():
    with (
        ToldBroker(granted=0x80) as broker,
        pytest.raises(LoginRefusedError, match=r"does not let us subscribe to edge_mm/\+/alert/event; check"),
    ):
        Subscriber(broker.settings(), client_id="dashboard").open()


def test_what_came_long_ago_is_known_when_it_comes_again():
    with (
        ToldBroker(sends=list(events(1, 2, 3, 4, 5, 5, 1, 6))) as broker,
        Subscriber(broker.settings(), client_id="dashboard") as subscriber,
    ):
        stream = subscriber.alerts(idle_s=PATIENCE_S)
        got = [next(stream).data.seq for _ in range(6)]
    assert got == [1, 2, 3, 4, 5, 6]
    assert subscriber.duplicates == 2


@pytest.mark.parametrize(
    ("broker", "host", "port"),
    [
        ("broker.local", "broker.local", 1883),
        ("broker.local:8883", "broker.local", 8883),
        ("::1", "::1", 1883),
        ("[::1]", "::1", 1883),
        ("[fe80::1%eth0]:8883", "fe80::1%eth0", 8883),
    ],
)
def test_a_broker_is_named_as_people_name_it(broker, host, port):
    settings = _settings(broker, {})
    assert (settings.host, settings.port) == (host, port)
