"""A long time without a broker: all that waited is told in order when it is back, and what is old says so."""

import time

import pytest
from delivery_samples import alert

from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.payloads import LATE_S
from edge_mm.delivery.subscriber import Subscriber

pytestmark = pytest.mark.devices
PATIENCE_S = 60.0
TOTAL, IN_ONE = 10_000, 100


def test_ten_thousand_alerts_come_in_order_after_the_broker_is_back_and_old_ones_are_marked_late(broker, outbox):
    subscriber = Subscriber(broker.settings, client_id="dashboard")
    subscriber.open()
    subscriber.close()  # its session stays
    broker.stop()
    sink = MqttSink(broker.settings, outbox, backoff_s=(0.05, 0.2))
    sink.start()
    now_s = time.monotonic()
    old_s = now_s - LATE_S - 1.0
    new_s = now_s + 600.0  # not older than 5 s, however long this machine takes to tell them all
    for first in range(0, TOTAL, IN_ONE):
        outbox.commit([alert(new_s if n % 10 == 9 else old_s, incident=n + 1) for n in range(first, first + IN_ONE)])
        sink.wake()
    assert outbox.depth == TOTAL
    broker.start()
    with subscriber:
        seen = []
        for event in subscriber.alerts(idle_s=PATIENCE_S):
            seen.append((event.data.seq, event.data.late))
            if len(seen) == TOTAL:
                break
    assert [seq for seq, _ in seen] == list(range(1, TOTAL + 1))
    assert {late for seq, late in seen if seq % 10} == {True}
    assert {late for seq, late in seen if seq % 10 == 0} == {False}
    assert sink.wait_drained(timeout_s=PATIENCE_S)
    assert sink.stop()
    assert outbox.depth == 0
