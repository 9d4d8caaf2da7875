"""What a stop says, and what it leaves to the last will."""

import json

import pytest
from delivery_broker import PATIENCE_S, ToldBroker
from delivery_samples import alert

from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox


@pytest.fixture
def outbox(tmp_path):
    with Outbox(tmp_path / "o.sqlite", device="car-7") as opened:
        yield opened


def test_stopping_says_the_last_news_then_offline_and_then_good_bye(outbox):
    def stop(link):  # from the delivery thread, so that nothing is said between
        if link.state == "online":
            sink.publish_health({"the": "last"})
            sink.stop(timeout_s=PATIENCE_S)

    with ToldBroker() as broker:
        sink = MqttSink(broker.settings(), outbox, on_link=stop)
        sink.start()
        assert sink.wait_link("stopped", timeout_s=PATIENCE_S)
        health = broker.next(topic="bridge/health")
        states = [json.loads(broker.next(topic="bridge/state").payload) for _ in range(2)]
        broker.next(what="goodbye")
        sink.stop()
    assert json.loads(health.payload) == {"the": "last"}
    assert states == [{"state": "stopping"}, {"state": "offline", "reason": "stopped"}]


def test_a_broker_that_holds_the_backlog_back_is_still_told_that_we_are_offline(outbox):
    outbox.commit([alert(n) for n in range(30)])
    with ToldBroker(lambda topic: not topic.endswith("event")) as broker:
        sink = MqttSink(broker.settings(), outbox)
        sink.start()
        assert sink.wait_link("online", timeout_s=PATIENCE_S)
        assert sink.stop(timeout_s=1.0) is False
        states = [json.loads(broker.next(topic="bridge/state").payload)["state"] for _ in range(3)]
        broker.next(what="goodbye")
    assert states == ["online", "stopping", "offline"]


def test_a_broker_that_does_not_confirm_offline_is_left_without_good_bye_so_that_it_says_the_will(outbox):
    with ToldBroker(lambda topic: not topic.endswith("bridge/state")) as broker:
        sink = MqttSink(broker.settings(), outbox)
        sink.start()
        assert sink.wait_link("online", timeout_s=PATIENCE_S)
        sink.stop(timeout_s=0.2)
        kinds = []
        while not kinds or kinds[-1] != "gone":
            kinds.append(broker.said.get(timeout=PATIENCE_S).what)
    assert "goodbye" not in kinds
