"""What is said during a connection, to brokers that are slow, silent, or hang up."""

import contextlib
import json
import queue
import socket
import threading
import time

import pytest
from delivery_broker import PATIENCE_S, ToldBroker
from delivery_samples import alert

from edge_mm.delivery import clock
from edge_mm.delivery.backlog import Backlog
from edge_mm.delivery.backoff import STEADY_S, Backoff
from edge_mm.delivery.clock import Anchor
from edge_mm.delivery.connection import Connection
from edge_mm.delivery.link import Troubles
from edge_mm.delivery.meter import Meter
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.news import News
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.session import MAX_INFLIGHT, Session
from edge_mm.delivery.settings import MqttSettings
from edge_mm.delivery.topics import Topics
from edge_mm.types import Estimate, Observation

SOON = (0.01, 0.02)


@pytest.fixture
def outbox(tmp_path):
    with Outbox(tmp_path / "o.sqlite", device="car-7") as opened:
        yield opened


def test_a_slow_broker_that_goes_on_confirming_is_left_in_peace(outbox):
    outbox.commit([alert(n, kind=f"k{n}") for n in range(25)])
    with ToldBroker(pause_s=0.05) as broker:
        sink = MqttSink(broker.settings(ack_timeout_s=1.0), outbox, backoff_s=SOON)
        sink.start()
        assert sink.wait_drained(timeout_s=60)  # 25 states and 25 events: 2.5 s
        sink.stop()
    assert (sink.stats().connects, sink.stats().published) == (1, 25)


def test_a_broker_that_confirms_nothing_is_left_and_told_again(outbox):
    outbox.commit([alert()])
    with ToldBroker(lambda topic: not topic.endswith("event")) as broker:
        sink = MqttSink(broker.settings(ack_timeout_s=0.05), outbox, backoff_s=SOON)
        sink.start()
        first, second = (json.loads(broker.next(topic="event").payload) for _ in range(2))
        sink.stop(timeout_s=1)
    assert first["id"] == second["id"]
    assert outbox.depth == 1


def test_what_a_broker_confirms_with_its_last_words_is_delivered(outbox):
    outbox.commit([alert(n) for n in range(10)])
    with ToldBroker(hangs_up_after=10) as broker:
        sink = MqttSink(broker.settings(), outbox, backoff_s=SOON)
        sink.start()
        assert sink.wait_drained(timeout_s=PATIENCE_S)
        sink.stop(timeout_s=1)
    assert (sink.stats().published, sink.stats().confirmed) == (10, 10)


def test_no_more_than_twenty_transitions_are_unconfirmed_at_a_time(outbox):
    outbox.commit([alert(n) for n in range(30)])
    with ToldBroker(lambda topic: not topic.endswith("event")) as broker:
        sink = MqttSink(broker.settings(), outbox, backoff_s=SOON)
        sink.start()
        assert sink.wait_link("online", timeout_s=PATIENCE_S)
        sink.publish_health({"told": "after the events"})
        topics = []
        while not topics or not topics[-1].endswith("health"):
            topics.append(broker.next().topic)
        assert sum(topic.endswith("event") for topic in topics) == MAX_INFLIGHT == 20
        broker.release()
        numbers = [json.loads(broker.next(topic="event").payload)["data"]["seq"] for _ in range(10)]
        broker.release()
        sink.stop(timeout_s=1)
    assert numbers == list(range(21, 31))


def test_the_last_will_is_kept_by_the_broker_and_no_session_is(outbox):
    with ToldBroker() as broker:
        sink = MqttSink(broker.settings(), outbox)
        sink.start()
        flags = broker.next(what="connect").flags
        sink.stop()
    will, will_qos, will_retain, clean_session = flags >> 2 & 1, flags >> 3 & 3, flags >> 5 & 1, flags >> 1 & 1
    assert (will, will_qos, will_retain, clean_session) == (1, 1, 1, 1)


def test_an_event_is_dated_by_the_clock_as_it_is_now_not_as_it_was_when_it_was_stored(outbox):
    present = clock.now()
    in_1970 = Anchor(60 * 10**9, present.mono_ns, present.boot_id, synced=False)
    outbox.commit([alert(present.mono_ns / 1e9)], anchor=in_1970)
    state, event = dated(outbox)
    assert state["since"][:4] != "1970"
    assert event["time"][:4] != "1970"


def test_an_event_is_dated_by_the_last_clock_that_was_right_when_somebody_has_moved_it_since(outbox, monkeypatch):
    present = clock.now()
    right = Anchor(present.wall_ns, present.mono_ns, present.boot_id, synced=True)
    outbox.commit([alert(present.mono_ns / 1e9)], anchor=right)
    monkeypatch.setattr(time, "time_ns", lambda: 60 * 10**9)  # date -s: no time service knows of it
    _, event = dated(outbox)
    assert event["time"] == clock.iso(present.wall_ns)
    assert event["data"]["clock_synced"] is True


def dated(outbox):
    """The state and the event of the only alert, as they are published now."""
    with ToldBroker() as broker:
        connection = Connection(broker.settings(), client_id="c", clean_session=True)
        connection.open()
        words = {"meter": Meter(), "settings": broker.settings(), "troubles": Troubles()}
        Session(connection, outbox, Topics("car-7"), **words).pump()
        connection.step(1.0)
        said = [json.loads(broker.next(topic=topic).payload) for topic in ("eyes_closed/state", "event")]
        connection.close()
    return said


def test_while_the_broker_is_away_a_clock_that_is_set_late_is_noted(outbox, tmp_path, monkeypatch):
    started, real = tmp_path / "synchronized", time.time_ns
    monkeypatch.setattr(clock, "_TIMESYNCD", started)
    monkeypatch.setattr(time, "time_ns", lambda: real() if started.exists() else 60 * 10**9)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    noted = []

    def look(link):
        noted.append(outbox.anchor_of(clock.boot_id()))
        started.touch()

    sink = MqttSink(MqttSettings(port=port), outbox, on_link=look, backoff_s=SOON)
    sink.start()
    assert sink.wait_link("offline", timeout_s=PATIENCE_S)
    sink.stop()
    assert [anchor.synced for anchor in noted] == [False, True]
    assert noted[0].wall_ns == 60 * 10**9 < noted[1].wall_ns


class Stumbling(Outbox):
    """An outbox with a mistake in it, the first time."""

    stumbled = False

    def states(self, *, after=0):
        if not self.stumbled:
            self.stumbled = True
            raise ValueError("a mistake")
        return super().states(after=after)


def test_an_error_that_nobody_thought_of_does_not_end_delivery(tmp_path, caplog):
    links = []
    with Stumbling(tmp_path / "o.sqlite", device="car-7") as outbox, ToldBroker() as broker:
        outbox.commit([alert()])
        sink = MqttSink(broker.settings(), outbox, on_link=links.append, backoff_s=SOON)
        sink.start()
        assert sink.wait_drained(timeout_s=PATIENCE_S)
        sink.stop()
    assert links[0].detail == "internal error: ValueError('a mistake')"
    assert "delivery stumbled and goes on" in caplog.text


def test_waits_double_up_to_the_longest_and_begin_anew_after_a_connection_that_held():
    backoff = Backoff(0.5, 30.0)
    for longest in (0.5, 1, 2, 4, 8, 16, 30, 30):
        assert longest / 2 <= backoff.after(0.0) <= longest
    assert 15 <= backoff.after(STEADY_S / 2) <= 30
    assert 0.25 <= backoff.after(STEADY_S + 1) <= 0.5


@pytest.fixture
def held(monkeypatch):
    """How long each connection is said to have held, as the back-off hears of it."""
    heard, after = queue.Queue(), Backoff.after
    monkeypatch.setattr(Backoff, "after", lambda self, held_s: heard.put(held_s) or after(self, held_s))
    return heard


def test_an_attempt_that_a_silent_broker_draws_out_has_not_held(outbox, held):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = MqttSettings(port=silent.getsockname()[1], connect_timeout_s=0.05)
        sink = MqttSink(settings, outbox, backoff_s=SOON)
        sink.start()
        assert [held.get(timeout=PATIENCE_S) for _ in range(3)] == [0.0, 0.0, 0.0]
        sink.stop(timeout_s=1)


def test_a_connection_has_held_since_the_broker_let_us_in(outbox, held):
    outbox.commit([alert()])
    with ToldBroker(hangs_up_after=1) as broker:
        sink = MqttSink(broker.settings(), outbox, backoff_s=SOON)
        sink.start()
        assert held.get(timeout=PATIENCE_S) > 0.0
        sink.stop(timeout_s=1)


def test_what_was_of_the_moment_is_forgotten_and_counted_when_the_broker_goes():
    meter = Meter()
    news = News(Topics("car-7"), meter)
    news.online(True)
    for name in ("a", "b"):
        news.reading(Observation(1, name, 0.5, "1", 1.0, "vision", "cam"))
    news.estimate(Estimate(1, 0, {}, {}, {}, {}, {}))
    news.online(False)
    news.online(True)
    assert news.take() == []
    assert meter.stats().dropped == 3


def test_an_estimate_that_a_newer_one_replaces_before_it_is_sent_is_counted():
    meter = Meter()
    news = News(Topics("car-7"), meter)
    news.online(True)
    for t_ns in (1, 2, 3):
        news.estimate(Estimate(t_ns, 0, {}, {}, {}, {}, {}))
    assert len(news.take()) == 1
    assert meter.stats().dropped == 2


def test_what_is_on_its_way_is_not_sent_again_when_one_before_it_was_thrown_away(outbox):
    outbox.commit([alert(n) for n in range(3)])
    with ToldBroker(lambda topic: not topic.endswith("event")) as broker:
        connection = Connection(broker.settings(), client_id="c", clean_session=True)
        connection.open()
        backlog = Backlog(outbox)
        words = {"meter": Meter(), "settings": broker.settings(), "troubles": Troubles(), "backlog": backlog}
        session = Session(connection, outbox, Topics("car-7"), **words)
        session.pump()
        backlog.again(1)
        outbox.commit([alert(9)])
        session.pump()
        seqs = []
        while not seqs or seqs[-1] != 4:
            connection.step(0.1)
            with contextlib.suppress(queue.Empty):
                said = broker.said.get(timeout=0.1)
                seqs += [json.loads(said.payload)["data"]["seq"]] if said.topic.endswith("alert/event") else []
        connection.close()
    assert seqs == [1, 2, 3, 4]


def test_a_broker_that_has_spoken_mqtt_5_and_hangs_up_once_is_asked_for_it_again(outbox):
    levels = queue.Queue()
    listener = socket.create_server(("127.0.0.1", 0))

    def broker():
        """Lets the first in and hangs up, is away for one, then speaks no MQTT 5 any more."""
        with contextlib.suppress(OSError):
            for number in range(100):
                caller, _ = listener.accept()
                with caller:
                    said = caller.recv(4096)
                    levels.put(said[said.index(b"MQTT") + 4])
                    if number == 0:
                        caller.sendall(b"\x20\x03\x00\x00\x00")
                        caller.recv(4096)

    thread = threading.Thread(target=broker)
    thread.start()
    sink = MqttSink(MqttSettings(port=listener.getsockname()[1]), outbox, backoff_s=SOON)
    sink.start()
    found = [levels.get(timeout=PATIENCE_S) for _ in range(6)]
    sink.stop(timeout_s=0.1)
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()
    assert found == [5, 5, 5, 5, 5, 4]
