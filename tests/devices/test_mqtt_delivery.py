"""Alerts reach subscribers of real brokers: each one, in order, and those who come late see how things stand."""

import json
import signal
import subprocess
import sys

import msgspec
import pytest
from delivery_samples import ENVIRONMENT, alert

from edge_mm.delivery.bridge_payloads import BridgeInfo, StreamInfo
from edge_mm.delivery.local_broker import LocalBroker
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.probe import check_broker
from edge_mm.delivery.subscriber import Subscriber
from edge_mm.errors import DeliveryError
from edge_mm.types import Estimate, Observation, Status

pytestmark = pytest.mark.devices
SECRET = "correct horse battery staple"
PATIENCE_S = 20.0


@pytest.fixture
def sink(broker, outbox):
    delivering = MqttSink(broker.settings, outbox, backoff_s=(0.05, 0.2))
    yield delivering
    delivering.stop(timeout_s=2)


def collect(subscriber, count):
    """The first ``count`` events, or fewer when they do not come in time."""
    events = []
    for event in subscriber.alerts(idle_s=PATIENCE_S):
        events.append(event)
        if len(events) == count:
            break
    return events


def retained(broker, *topics):
    """What someone who comes now is told first: topic -> payload; comes again for what was still on its way."""
    found, missing = {}, set(topics)
    for _ in range(20):
        with Subscriber(broker.settings, client_id="late", filters=["edge_mm/#"], persistent=False) as late:
            while missing and (received := late.receive(timeout_s=1.0)) is not None:
                if received.retained:
                    found[received.topic.removeprefix("edge_mm/car-7/")] = json.loads(received.payload)
                    missing.discard(received.topic)
        if not missing:
            return found
    pytest.fail(f"{missing} did not come; {sorted(found)} did")


def test_every_transition_arrives_once_in_order_and_is_forgotten_when_confirmed(broker, outbox, sink):
    with Subscriber(broker.settings, client_id="dashboard") as subscriber:
        outbox.commit([alert(n) for n in range(50)], b"s")  # before the start
        sink.start()
        for n in range(50, 100):
            outbox.commit([alert(n, incident=n)], b"s")
            sink.wake()
        events = collect(subscriber, 100)
        assert [event.data.seq for event in events] == list(range(1, 101))
        assert sink.wait_drained(timeout_s=PATIENCE_S)
    stats = sink.stats()
    assert (stats.published, stats.confirmed, outbox.depth) == (100, 100, 0)
    assert 0 < stats.confirm_p50_ms <= stats.confirm_p95_ms <= stats.confirm_max_ms


def test_who_comes_late_sees_how_things_stand(broker, outbox, sink):
    sink.publish_info(BridgeInfo("0.1.0", "car-7", "ai-edge-litert", None, (StreamInfo("cam", "video", 30.0, "bgr8"),)))
    sink.start()
    outbox.commit([alert(1)])
    sink.wake()
    outbox.commit([alert(2, kind="driver.yawning")])
    sink.wake()
    outbox.commit([alert(3, "cleared")])
    sink.wake()
    sink.publish_health({"cpu": 0.25})
    sink.publish_availability(Status(0, "cam", "stale", "no frame for 2 s"))
    assert sink.wait_drained(timeout_s=PATIENCE_S)
    topics = [
        "bridge/state",
        "bridge/info",
        "bridge/health",
        "sensor/cam/availability",
        "alert/driver_eyes_closed/state",
        "alert/driver_yawning/state",
    ]
    found = retained(broker, *(f"edge_mm/car-7/{topic}" for topic in topics))
    assert found["bridge/state"] == {"state": "online"}
    assert found["bridge/info"]["streams"][0]["name"] == "cam"
    assert found["bridge/health"] == {"cpu": 0.25}
    assert found["sensor/cam/availability"]["state"] == "stale"
    assert found["alert/driver_eyes_closed/state"]["state"] == "inactive"
    assert found["alert/driver_yawning/state"]["state"] == "active"
    assert "alert/event" not in found


def test_a_backlog_is_told_as_events_but_the_state_is_the_present_one(broker, outbox, sink):
    outbox.commit([alert(n, "raised" if n % 2 else "cleared") for n in range(1, 101)], b"s")
    filters = ["edge_mm/car-7/alert/#"]
    with Subscriber(broker.settings, client_id="dashboard", filters=filters) as subscriber:
        sink.start()
        messages = [subscriber.receive(timeout_s=PATIENCE_S) for _ in range(101)]
    states = [json.loads(message.payload) for message in messages if message.topic.endswith("/state")]
    assert [(state["state"], state["seq"]) for state in states] == [("inactive", 100)]
    assert messages[0].topic.endswith("/state"), "the present comes before the past"
    assert [message.event.data.seq for message in messages if message.event] == list(range(1, 101))


def test_readings_come_once_a_second_and_estimates_as_they_are(broker, outbox, sink):
    sink.start()
    assert sink.wait_link("online", timeout_s=PATIENCE_S)
    filters = ["edge_mm/car-7/sensor/+/state", "edge_mm/car-7/fusion/state"]
    with Subscriber(broker.settings, client_id="dashboard", filters=filters) as subscriber:
        for n in range(40):
            sink.publish_observation(Observation(n, "driver.eyes_closed", n / 40, "probability", 0.9, "vision", "cam"))
        sink.publish_estimate(Estimate(1, 0, {"drowsy": 0.5}, {"vision": 1.0}, {}, {}, {}))
        payloads = {}
        while len(payloads) < 2:
            message = subscriber.receive(timeout_s=PATIENCE_S)
            assert message is not None
            assert not message.retained
            payloads[message.topic] = json.loads(message.payload)
    assert payloads["edge_mm/car-7/sensor/cam/state"]["readings"]["driver_eyes_closed"]["value"] == 39 / 40
    assert payloads["edge_mm/car-7/fusion/state"]["scores"] == {"drowsy": 0.5}


PUBLISHER = """
import sys
from delivery_samples import alert
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.settings import MqttSettings
outbox = Outbox(sys.argv[1], device="car-7")
sink = MqttSink(MqttSettings(port=int(sys.argv[2])), outbox, backoff_s=(0.05, 0.2))
sink.start()
for line in sys.stdin:
    for _ in range(int(line)):
        print(outbox.commit([alert()], b"s")[0].seq, flush=True)
        sink.wake()
"""


def publisher(path, broker):
    return subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, str(path), str(broker.settings.port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )


def test_when_the_device_dies_the_broker_says_so_and_when_it_is_back_it_says_so_itself(broker, tmp_path):
    filters = ["edge_mm/car-7/bridge/state"]
    with Subscriber(broker.settings, client_id="dashboard", filters=filters) as subscriber:

        def said():
            message = subscriber.receive(timeout_s=PATIENCE_S)
            return json.loads(message.payload)

        for _ in range(2):
            with publisher(tmp_path / "o.sqlite", broker) as process:
                assert said() == {"state": "online"}
                process.send_signal(signal.SIGKILL)
                assert said() == {"state": "offline", "reason": "connection lost"}
    assert retained(broker, "edge_mm/car-7/bridge/state")["bridge/state"]["state"] == "offline"


def test_after_many_kills_of_the_device_the_subscriber_holds_every_number(broker, tmp_path):
    path, last, seen = tmp_path / "o.sqlite", 0, []
    with Subscriber(broker.settings, client_id="dashboard") as subscriber:
        for round_ in range(8):
            with publisher(path, broker) as process:
                process.stdin.write("30\n" * 20)
                process.stdin.flush()
                for _ in range(5 + 17 * round_ % 60):  # killed after another number of alerts each time
                    last = int(process.stdout.readline())
                process.send_signal(signal.SIGKILL)
                last = max([last, *(int(line) for line in process.stdout.read().split("\n")[:-1] if line)])
        with Outbox(path, device="car-7") as outbox:
            total = outbox.last_seq
            assert total >= last
            sink = MqttSink(broker.settings, outbox)
            sink.start()
            seen = [event.data.seq for event in collect(subscriber, total)]
            assert sink.stop(timeout_s=PATIENCE_S)
    assert sorted(seen) == list(range(1, total + 1))


def test_stopping_says_so_delivers_what_is_left_and_says_offline(broker, outbox, sink):
    filters = ["edge_mm/car-7/bridge/state", "edge_mm/car-7/alert/event"]
    with Subscriber(broker.settings, client_id="dashboard", filters=filters) as subscriber:
        sink.start()
        assert sink.wait_link("online", timeout_s=PATIENCE_S)
        outbox.commit([alert(n) for n in range(100)], b"s")  # nobody woke it
        assert sink.stop(timeout_s=PATIENCE_S) is True
        states, numbers = [], []  # each topic in its own order: MQTT promises none between topics
        while states[-1:] != [{"state": "offline", "reason": "stopped"}] or len(numbers) < 100:
            message = subscriber.receive(timeout_s=PATIENCE_S)
            assert message is not None, f"nothing more came after {states} and {len(numbers)} alerts"
            if message.event is None:
                states.append(json.loads(message.payload))
            else:
                numbers.append(message.event.data.seq)
    assert [state["state"] for state in states] == ["online", "stopping", "offline"]
    assert numbers == list(range(1, 101))
    assert sink.link.state == "stopped"


def test_a_wrong_password_is_refused_in_words_and_let_in_once_it_is_right(kind, outbox, tmp_path):
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    with LocalBroker(kind, directory=folders[0], login=("car", "another")) as broker:
        mine = msgspec.structs.replace(broker.settings, password=SECRET)
        check_broker(broker.settings)
        for settings, words in (
            (mine, "refused: bad user name or password; check"),
            (
                msgspec.structs.replace(mine, username=None, password=None),
                r"bad user name or password \(none was given\)",
            ),
        ):
            with pytest.raises(DeliveryError, match=words) as caught:
                check_broker(settings)
            assert SECRET not in str(caught.value)
        sink = MqttSink(mine, outbox, backoff_s=(0.05, 0.1))
        sink.start()
        outbox.commit([alert()])
        sink.wake()
        assert sink.wait_link("refused", timeout_s=PATIENCE_S)
    with LocalBroker(kind, directory=folders[1], port=mine.port, login=("car", SECRET)):
        assert sink.wait_link("online", timeout_s=PATIENCE_S)
        assert sink.wait_drained(timeout_s=PATIENCE_S)
        sink.stop()


def test_a_subscriber_that_was_away_is_told_what_it_missed(broker, outbox, sink):
    with Subscriber(broker.settings, client_id="dashboard"):
        pass
    sink.start()
    outbox.commit([alert(n) for n in range(2000)], b"s")  # more than mosquitto keeps by default
    sink.wake()
    assert sink.wait_drained(timeout_s=60)
    with Subscriber(broker.settings, client_id="dashboard") as subscriber:
        assert [event.data.seq for event in collect(subscriber, 2000)] == list(range(1, 2001))
        assert subscriber.duplicates == 0
    subscriber.close(forget=True)


def test_what_a_receiver_had_not_finished_with_comes_again_after_its_crash(broker, outbox, sink):
    with Subscriber(broker.settings, client_id="dashboard") as first:
        sink.start()
        outbox.commit([alert(n) for n in range(3)], b"s")
        sink.wake()
        assert [event.data.seq for event in collect(first, 2)] == [1, 2]  # it works on 2, has not asked for 3
        again = set()
        with Subscriber(broker.settings, client_id="dashboard") as second:  # takes the session over
            for event in second.alerts(idle_s=PATIENCE_S):
                again.add(event.data.seq)
                if {2, 3} <= again:
                    break
        assert {2, 3} <= again
