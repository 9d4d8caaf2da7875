"""What anybody may have left on our discovery topic ends no connection."""

import logging
import threading

import pytest
from delivery_samples import alert
from installation import broker as a_broker
from paho.mqtt.client import CallbackAPIVersion, Client

from edge_mm.delivery.bridge_payloads import BridgeInfo
from edge_mm.delivery.home_assistant import Installation
from edge_mm.delivery.home_assistant_guest import HomeAssistant, HomeAssistantSettings
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.subscriber import Subscriber
from edge_mm.delivery.topics import Topics

pytestmark = pytest.mark.devices
TOPIC = "homeassistant/device/edge_mm/car-7/config"


def keep(local, payload):
    """Have the broker keep this on our discovery topic."""
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", local.settings.port)
    client.loop_start()
    client.publish(TOPIC, payload, qos=1, retain=True).wait_for_publish(20)
    client.disconnect()
    client.loop_stop()


class Stumbling(HomeAssistant):
    """One with a mistake in it."""

    def heard(self, topic, payload, *, retained):
        if topic == TOPIC:
            heard.set()
            raise KeyError(topic)


heard = threading.Event()


@pytest.mark.parametrize(("made", "payload"), [(HomeAssistant, b"[" * 100_000), (Stumbling, b"{}")])
def test_a_payload_on_our_discovery_topic_does_not_stop_delivery(tmp_path, caplog, made, payload):
    there = Installation(BridgeInfo("1.0", "car-7", "b"), {"belt": "heart_rate"})
    with a_broker(kind="mosquitto") as local, Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        keep(local, payload)
        guest = made(HomeAssistantSettings(), Topics("car-7"), outbox, there)
        sink = MqttSink(local.settings, outbox, guest=guest, backoff_s=(0.05, 0.1))
        with Subscriber(local.settings, client_id="back-end") as subscriber, caplog.at_level(logging.ERROR):
            sink.start()
            assert sink.wait_link("online", timeout_s=20)
            if made is Stumbling:
                assert heard.wait(20)
            outbox.commit([alert()], b"s")
            sink.wake()
            assert next(iter(subscriber.alerts(idle_s=20))).data.seq == 1
            assert sink.wait_drained(timeout_s=20)  # settled: what the broker kept has long been heard
            assert sink.stats().connects == 1
            assert sink.stop(timeout_s=5)
    assert ("could not be read" in caplog.text) is (made is Stumbling)
