"""What a broker has confirmed and may still lose is kept until it has settled, and sent again after a break."""

import json
import queue
import shutil
import threading

import msgspec
import pytest
from delivery_samples import alert
from installation import broker as a_broker
from paho.mqtt.client import CallbackAPIVersion, Client
from short_lives import CutLink, one_life

from edge_mm.delivery.backlog import Backlogs
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.subscriber import Subscriber

pytestmark = pytest.mark.devices


def sink_of(local, outbox, *, settle_s):
    return MqttSink(msgspec.structs.replace(local.settings, settle_s=settle_s), outbox, backoff_s=(0.05, 0.2))


def seqs(subscriber, count):
    found = []
    for event in subscriber.alerts(idle_s=10.0):
        found.append(event.data.seq)
        if len(found) == count:
            break
    return found


def test_a_broker_that_forgets_what_it_confirmed_gets_it_again(tmp_path):
    """The worst it can do: it confirms, nobody is there to receive, and its disk knows nothing of it."""
    place = tmp_path / "broker"
    place.mkdir()
    with a_broker(kind="mosquitto", directory=place) as local, Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        with Subscriber(local.settings, client_id="back-end"):
            pass  # it has a session, and is away
        local.stop()
        before = tmp_path / "before"
        shutil.copytree(place, before)
        local.start()
        sink = sink_of(local, outbox, settle_s=60.0)
        outbox.commit([alert(n) for n in range(5)], b"s")
        sink.start()
        while sink.stats().confirmed < 5:
            sink.wait_drained(timeout_s=0.05)
        assert outbox.depth == 5  # confirmed, and not settled
        local.kill()
        shutil.rmtree(place)
        shutil.copytree(before, place)
        local.start()
        with Subscriber(local.settings, client_id="back-end") as subscriber:
            assert seqs(subscriber, 5) == [1, 2, 3, 4, 5]
        sink.stop(timeout_s=1)


def test_what_has_settled_is_deleted_and_not_sent_again(tmp_path):
    with a_broker(kind="mosquitto") as local, Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        with Subscriber(local.settings, client_id="back-end") as subscriber:
            sink = sink_of(local, outbox, settle_s=0.3)
            outbox.commit([alert(n) for n in range(3)], b"s")
            sink.start()
            assert sink.wait_drained(timeout_s=20)
            local.stop()  # in order: it knows its sessions again
            local.start()
            outbox.commit([alert(9)], b"s")
            sink.wake()
            assert seqs(subscriber, 4) == [1, 2, 3, 4]
            assert sink.stats().published == 4
            assert sink.stop(timeout_s=5)  # waits until the last one has settled
        assert outbox.depth == 0


class Everything:
    """Hears every event, doubles too."""

    def __init__(self, local):
        self.seqs = queue.Queue()
        self._client = Client(CallbackAPIVersion.VERSION2)
        subscribed = threading.Event()
        self._client.on_message = lambda _c, _d, message: self.seqs.put(json.loads(message.payload)["data"]["seq"])
        self._client.on_connect = lambda *_: self._client.subscribe("edge_mm/car-7/alert/event", 1)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", local.settings.port)
        self._client.loop_start()
        assert subscribed.wait(20)

    def until(self, seq):
        """What has come, to the first of this number."""
        found = [self.seqs.get(timeout=20)]
        while found[-1] != seq:
            found.append(self.seqs.get(timeout=20))
        return found

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


def test_lives_that_end_before_a_confirmation_settles_send_what_was_never_confirmed_first(tmp_path):
    path, total, lives, got = tmp_path / "o.sqlite", 100, 0, set()
    with a_broker(kind="mosquitto") as local:
        everything = Everything(local)
        with Outbox(path, device="car-7") as outbox:
            outbox.commit([alert(n) for n in range(total)], b"s")
        marked = set()
        while len(marked) < total:
            one_life(path, local.settings.port)
            first = min(set(range(1, total + 1)) - marked)
            came = everything.until(first)
            got |= set(came)
            with Outbox(path, device="car-7") as outbox:
                now = set(outbox.settling())
                assert outbox.depth == total  # nothing has settled, so nothing was deleted
            assert now > marked, "each life gets further"
            assert first in now
            marked, lives = now, lives + 1
        with Outbox(path, device="car-7") as outbox:
            sink = sink_of(local, outbox, settle_s=0.2)
            sink.start()
            assert sink.wait_drained(timeout_s=30)
            sink.stop()
            assert outbox.settling() == []
        everything.close()
        while not everything.seqs.empty():
            got.add(everything.seqs.get())
    assert got == set(range(1, total + 1))
    assert lives > 1


def test_a_link_that_is_cut_before_a_confirmation_settles_gets_all_of_it_through(tmp_path):
    total = 100
    with a_broker(kind="mosquitto") as local, Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        outbox.commit([alert(n) for n in range(total)], b"s")
        with (
            Subscriber(local.settings, client_id="back-end") as subscriber,
            CutLink(local.settings.port, after_bytes=30_000) as link,
        ):
            settings = msgspec.structs.replace(local.settings, port=link.port, settle_s=60.0)
            sink = MqttSink(settings, outbox, backoff_s=(0.01, 0.02))
            sink.start()
            found = seqs(subscriber, total)
            assert link.cuts >= 4
            sink.stop(timeout_s=0.5)
        assert outbox.depth == total  # no connection lived until anything was settled
    assert sorted(found) == list(range(1, total + 1))
    assert found == sorted(found), "the broker lost nothing, so whoever drops doubles sees them in order"


def test_after_a_connection_in_which_confirmations_settled_all_that_has_not_goes_again_in_order(tmp_path):
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        outbox.commit([alert(n) for n in range(6)], b"s")
        outbox.confirmed(1, 2, 3)
        outbox.confirmed(1)
        backlogs = Backlogs(outbox)
        first, second, third = backlogs.begin(), backlogs.begin(), backlogs.begin()
        assert [record.seq for record in first.next(4) + first.next(9) + first.next(9)] == [4, 5, 6, 2, 3, 1]
        assert [record.seq for record in second.next(9)] == [1, 2, 3, 4, 5, 6]
        assert [record.seq for record in third.next(9)] == [4, 5, 6, 2, 3, 1]  # the second got nothing settled
        third.again(2)
        assert [record.seq for record in third.next(9)] == [2]
        third.settled = True
        assert [record.seq for record in backlogs.begin().next(2)] == [1, 2]


def test_marks_are_gone_with_what_they_mark(tmp_path):
    with Outbox(tmp_path / "o.sqlite", device="car-7", sinks=("mqtt", "log:x")) as outbox:
        outbox.commit([alert(n) for n in range(3)], b"s")
        outbox.confirmed(1, 2)
        outbox.acknowledged(2, sink="log:x")
        assert outbox.settling() == [1, 2]
        outbox.acknowledged(1)
        assert outbox.settling() == [2]
