"""A broker whose access list throws alerts away: they wait, it is said, and they come once it allows them."""

import json
import os
import signal
import socket
import subprocess
from contextlib import contextmanager

import msgspec
import pytest
from delivery_samples import alert

from edge_mm.delivery.bridge_payloads import BridgeInfo
from edge_mm.delivery.local_broker import LocalBroker, find_broker
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.probe import check_broker
from edge_mm.delivery.settings import MqttSettings
from edge_mm.delivery.subscriber import Subscriber
from edge_mm.errors import DeliveryError

pytestmark = pytest.mark.devices
PATIENCE_S = 20.0


@contextmanager
def mosquitto(folder, acl, *more):
    """Settings, and a function that gives it another access list."""
    try:
        _, program = find_broker("mosquitto")
    except DeliveryError as error:
        pytest.skip(str(error))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    rules, config = folder / "acl", folder / "m.conf"
    rules.touch(mode=0o600)
    rules.write_text(acl)
    user = ["user root"] if os.geteuid() == 0 else []
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", f"acl_file {rules}", *user, *more]
    config.write_text("\n".join(lines) + "\n")
    process = subprocess.Popen([str(program), "-v", "-c", str(config)], stderr=subprocess.PIPE, text=True)
    while "running" not in process.stderr.readline():
        assert process.poll() is None

    def allow(text):
        rules.write_text(text)
        process.send_signal(signal.SIGHUP)

    try:
        check_broker(MqttSettings(port=port))
        yield MqttSettings(port=port), allow
    finally:
        process.kill()
        process.communicate()


def until(links, wanted):
    while not wanted(link := links.get(timeout=PATIENCE_S)):
        pass
    return link


def test_alerts_that_are_thrown_away_wait_and_come_in_order_when_they_are_allowed(tmp_path, outbox, caplog):
    import queue

    links = queue.Queue()
    denied = "topic readwrite edge_mm/#\ntopic deny edge_mm/car-7/alert/event\n"
    outbox.commit([alert(n) for n in range(30)], b"s")
    with mosquitto(tmp_path, denied) as (settings, allow):
        sink = MqttSink(settings, outbox, on_link=links.put)
        sink.start()
        link = until(links, lambda link: link.mute)
        assert "does not take what is published to edge_mm/car-7/alert/event" in link.trouble
        assert "allow a client without a user name to write there" in link.trouble
        assert outbox.depth == 30
        with Subscriber(settings, client_id="s") as subscriber:
            allow("topic readwrite edge_mm/#\n")
            seen = [next(subscriber.alerts(idle_s=PATIENCE_S)).data.seq for _ in range(30)]
        assert seen == list(range(1, 31))
        assert sink.wait_drained(timeout_s=PATIENCE_S)
        until(links, lambda link: not link.trouble and link.state == "online")
        assert sink.stats().published < 30 + 60, "it is not tried again all the time"
        assert sink.stop()
    assert sum("does not take" in entry.getMessage() for entry in caplog.records) == 1


def test_a_state_that_was_thrown_away_is_said_again_when_it_is_allowed(tmp_path, outbox):
    denied = "topic readwrite edge_mm/#\ntopic deny edge_mm/car-7/bridge/info\n"
    with mosquitto(tmp_path, denied) as (settings, allow):
        sink = MqttSink(settings, outbox)
        sink.publish_info(BridgeInfo("0.1.0", "car-7", "x"))
        sink.start()
        assert sink.wait_link("online", timeout_s=PATIENCE_S)
        allow("topic readwrite edge_mm/#\n")
        with Subscriber(settings, client_id="s", filters=["edge_mm/car-7/bridge/info"]) as subscriber:
            assert json.loads(subscriber.receive(timeout_s=PATIENCE_S).payload)["mqtt_version"] == "5"
        sink.stop()


def test_an_alert_larger_than_the_broker_takes_holds_up_no_other(tmp_path, outbox, caplog):

    huge = alert(2, key="k" * 3000)
    outbox.commit([alert(1), huge, alert(3)], b"s")
    with mosquitto(tmp_path, "topic readwrite edge_mm/#\n", "max_packet_size 2400") as (settings, _):
        with Subscriber(settings, client_id="s") as subscriber:
            sink = MqttSink(settings, outbox)
            sink.start()
            seen = [next(subscriber.alerts(idle_s=PATIENCE_S)).data.seq for _ in range(2)]
        assert seen == [1, 3]
        sink.stop()
    assert "takes packets of 2400 bytes at most" in caplog.text
    assert [record.seq for record in outbox.pending()] == [2]


def test_a_broker_that_speaks_no_mqtt_5_is_spoken_to_in_3_and_that_is_said_once(outbox, caplog):
    try:
        find_broker("nats-server")
    except DeliveryError as error:
        pytest.skip(str(error))
    with LocalBroker("nats-server") as broker:
        sink = MqttSink(broker.settings, outbox, backoff_s=(0.05, 0.1))
        sink.publish_info(BridgeInfo("0.1.0", "car-7", "x"))
        sink.start()
        outbox.commit([alert()], b"s")
        assert sink.wait_drained(timeout_s=PATIENCE_S)
        with Subscriber(broker.settings, client_id="s", filters=["edge_mm/car-7/bridge/info"]) as subscriber:
            assert json.loads(subscriber.receive(timeout_s=PATIENCE_S).payload)["mqtt_version"] == "3.1.1"
        sink.stop()
        only_5 = msgspec.structs.replace(broker.settings, version="5")
        with pytest.raises(DeliveryError, match="unsupported protocol version"):
            check_broker(only_5)
    assert sum("speaks no MQTT 5" in entry.getMessage() for entry in caplog.records) == 1
