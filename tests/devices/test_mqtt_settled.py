"""What a broker has confirmed and may still lose is kept until it has settled, and sent again after a break."""

import shutil

import pytest
from delivery_samples import alert
from installation import broker as a_broker

from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.subscriber import Subscriber

pytestmark = pytest.mark.devices


def sink_of(local, outbox, *, settle_s):
    import msgspec

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
