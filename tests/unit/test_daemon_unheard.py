"""While alerts can be stored nowhere, the room hears of them: outlet, supervision and signal together."""

import queue

import pytest
from delivery_samples import alert

from edge_mm.daemon.crew import Crew
from edge_mm.daemon.freshness import Freshness
from edge_mm.daemon.keeper import RETRY_S, Keeper
from edge_mm.daemon.meters import Meters
from edge_mm.daemon.outlet import Outlet
from edge_mm.daemon.supervision import News, Supervision
from edge_mm.daemon.ways_out import WaysOut
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.settings import MqttSettings
from edge_mm.nearby.signal import NearbySignal

PATIENCE_S = 20.0


class Bell:
    """A device of somebody's own; it notes what it signals and waits for the change that ends the pause."""

    def __init__(self):
        self.heard = queue.Queue()

    def cycle(self, priority, pause):
        self.heard.put(priority)
        pause(PATIENCE_S)

    def quiet(self):
        self.heard.put("quiet")

    def close(self):
        self.heard.put("closed")

    def next(self):
        return self.heard.get(timeout=PATIENCE_S)


def no_reader(_planned):
    raise AssertionError("there is no source")


@pytest.fixture
def house(tmp_path):
    """An outbox that has room for one transition, a broker that was never there, a bell in the room."""
    bell, now_s = Bell(), [0.0]
    ways, news = WaysOut(()), News()
    ways.signals.append(NearbySignal("bell", bell, always=False))
    with Outbox(tmp_path / "o.sqlite", device="d", max_records=1) as outbox:
        keeper = Keeper(outbox, lambda: b"state", clock_s=lambda: now_s[0])
        mqtt = MqttSink(MqttSettings(port=1), outbox)
        supervision = Supervision(
            Crew((), no_reader), outbox=outbox, keeper=keeper, sink=mqtt, freshness=Freshness(()), news=news
        )
        ways.start(outbox, news, base_topic="edge_mm")
        assert bell.next() == "quiet"
        yield Outlet(keeper, mqtt, [], Meters(), clock_ns=None, ways=ways), supervision, ways, outbox, bell, now_s
        ways.stop(timeout_s=PATIENCE_S)
        mqtt.stop()
    assert bell.next() == "closed"


def test_what_cannot_be_stored_is_signalled_until_it_can(house):
    outlet, supervision, ways, outbox, bell, now_s = house
    outlet.give([alert(1, kind="a", priority="low")])
    ways.look_after(0.0, unheard=supervision.unheard)
    assert ways.signals[0].report["signalling"] is None, "it is stored, and somebody may listen"
    outlet.give([alert(2, kind="b", priority="high", incident=2)])
    assert supervision.unheard
    ways.look_after(0.0, unheard=supervision.unheard)
    assert bell.next() == "high"
    assert [record.alert.kind for record in outbox.pending()] == ["a"]
    outbox.acknowledged(1)
    now_s[0] = RETRY_S
    outlet.retry()
    assert not supervision.unheard
    ways.look_after(0.0, unheard=supervision.unheard)
    assert bell.next() == "quiet"
    assert [record.alert.kind for record in outbox.pending()] == ["b"]
