"""A back end of one's own at a real broker: five lines, each alert once, how things stand when it comes late."""

import threading
from dataclasses import replace

import pytest
from delivery_samples import alert

import edge_mm
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.topics import ALERT_EVENT
from edge_mm.errors import UsageError

pytestmark = pytest.mark.devices


@pytest.fixture
def sink(broker, outbox):
    delivering = MqttSink(broker.settings, outbox, backoff_s=(0.05, 0.2))
    yield delivering
    delivering.stop(timeout_s=2)


def where(broker):
    return f"{broker.settings.host}:{broker.settings.port}"


def heard(broker, *, count, **words):
    """What comes until there were so many transitions."""
    stop, alerts, states = threading.Event(), [], []

    def on_alert(event):
        alerts.append(event)
        if len(alerts) == count:
            stop.set()

    def on_state(device, state):
        states.append((device, state))

    edge_mm.subscribe(where(broker), on_alert=on_alert, on_state=on_state, stop=stop, seconds=30, **words)
    return alerts, states


def test_what_came_while_nobody_listened_comes_once(broker, outbox, sink):
    assert edge_mm.subscribe(where(broker), on_alert=print, client_id="back-end", seconds=0.2) == 0
    outbox.commit([alert(n) for n in range(5)], b"s")
    sink.start()
    assert sink.wait_drained(timeout_s=20)
    alerts, _ = heard(broker, count=5, client_id="back-end")
    assert [event.data.seq for event in alerts] == [1, 2, 3, 4, 5]
    assert alerts[0].source == "edge_mm/car-7"


def test_who_comes_late_is_told_how_each_alarm_stands(broker, outbox, sink):
    over = alert(3, "cleared", kind="driver.yawning", incident=2)
    outbox.commit([alert(1), replace(alert(2, "acknowledged"), previous="active", by="ann"), over], b"s")
    sink.start()
    assert sink.wait_drained(timeout_s=20)
    states, stop = {}, threading.Event()

    def on_state(device, state):
        states[state.kind] = (device, state.state, state.by)
        if len(states) == 2:
            stop.set()

    edge_mm.subscribe(where(broker), on_alert=print, on_state=on_state, stop=stop, seconds=30)
    assert states == {
        "driver.eyes_closed": ("car-7", "acknowledged", "ann"),
        "driver.yawning": ("car-7", "inactive", ""),
    }


def test_a_transition_that_the_back_end_failed_with_comes_again(broker, outbox, sink):
    edge_mm.subscribe(where(broker), on_alert=print, client_id="back-end", seconds=0.2)
    outbox.commit([alert(1)], b"s")
    sink.start()
    assert sink.wait_drained(timeout_s=20)

    def fails(event):
        raise RuntimeError("the back end's own disk is full")

    with pytest.raises(RuntimeError, match="own disk"):
        edge_mm.subscribe(where(broker), on_alert=fails, client_id="back-end", seconds=30)
    alerts, _ = heard(broker, count=1, client_id="back-end")
    assert [event.data.seq for event in alerts] == [1]


def test_what_is_no_alert_is_passed_over(broker, outbox, sink):
    from edge_mm.delivery.connection import Connection

    rude = Connection(broker.settings, client_id="rude", clean_session=True)
    rude.open(5)
    edge_mm.subscribe(where(broker), on_alert=print, client_id="back-end", seconds=0.2)
    for payload in (b"", b"{", b'{"id":1}', b"\xff" * 10, b"[" * 5000):
        number = rude.publish(f"edge_mm/car-7/{ALERT_EVENT.path}", payload, qos=1, retain=False)
        while number not in rude.step(5):
            pass
    rude.close()
    outbox.commit([alert(1)], b"s")
    sink.start()
    alerts, _ = heard(broker, count=1, client_id="back-end")
    assert [event.data.seq for event in alerts] == [1]


@pytest.mark.parametrize(
    ("broker_name", "words"), [("host", {"port": 0}), ("a@b", {}), ("host", {"colour": 1}), ("host", {"tls_cert": "x"})]
)
def test_a_setting_that_cannot_be_is_said_before_anything_is_tried(broker_name, words):
    with pytest.raises(UsageError, match="broker"):
        edge_mm.subscribe(broker_name, on_alert=print, **words)


def test_a_device_that_cannot_be_is_what_the_caller_asked_wrongly():
    with pytest.raises(UsageError, match="device name 'a/b': only letters"):
        edge_mm.subscribe("127.0.0.1:1", on_alert=print, device="a/b")
