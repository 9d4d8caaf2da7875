"""A broker that takes no large packets and, over MQTT 3.1.1, can only hang up: one alert must not silence the rest."""

import pytest
from delivery_samples import alert
from test_mqtt_denied import mosquitto

from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.settings import MqttSettings
from edge_mm.delivery.subscriber import Subscriber
from edge_mm.types import Reason

pytestmark = pytest.mark.devices


def test_an_alert_that_is_too_large_is_shortened_and_those_behind_it_are_delivered(tmp_path, outbox, caplog):
    long = Reason("eyes_closed_for", {"why": "y" * 3000}, "x" * 9000)
    with mosquitto(tmp_path, "topic readwrite #\n", "max_packet_size 6000") as (settings, _):
        spoken = MqttSettings(port=settings.port, version="3.1.1")
        with Subscriber(spoken, client_id="s") as subscriber:
            outbox.commit([alert(1), alert(2, reason=long, kind="k"), alert(3, "cleared")], b"s")
            sink = MqttSink(spoken, outbox, backoff_s=(0.01, 0.05))
            sink.start()
            assert sink.wait_drained(timeout_s=30)
            seen = []
            for event in subscriber.alerts(idle_s=2.0):
                seen.append((event.data.seq, event.data.alert_id))
            sink.stop()
    assert sorted(set(seen)) == [(1, "driver.eyes_closed"), (2, "k"), (3, "driver.eyes_closed")]
    assert caplog.text.count("hung up 5 times at a message of") in (1, 2)  # the state, then perhaps the event
    assert sink.stats().connects <= 11  # five for its state, five for its event
