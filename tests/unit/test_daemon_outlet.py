"""What leaves the monitor: nobody hears of a transition before it is durable."""

import pytest

from edge_mm.daemon.keeper import Keeper
from edge_mm.daemon.meters import Meters
from edge_mm.daemon.outlet import Outlet
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.settings import MqttSettings
from edge_mm.errors import OutboxError
from edge_mm.types import Alert, Observation, Output, Reason

READING = Observation(1, "vitals.heart_rate", 70.0, "bpm", "physio", 1.0, "ecg")


def alert(kind: str, state: str = "raised") -> Alert:
    reason = Reason("code", {}, "a sentence")
    return Alert(1, kind, kind, state, "technical", "low", 0, reason, 2.0, 1.5, "s", 1)  # type: ignore[arg-type]


class Heard:
    """A sink of somebody's own; it notes what the outbox holds when it is told."""

    def __init__(self, outbox: Outbox) -> None:
        self.outputs: list[Output] = []
        self.stored: list[int] = []
        self._outbox = outbox

    def send(self, output: Output) -> None:
        self.outputs.append(output)
        self.stored.append(self._outbox.last_seq)


@pytest.fixture
def house(tmp_path):
    """An outlet over an outbox that has room for one transition, nobody at the other end."""
    now = [0.0]
    with Outbox(tmp_path / "o.sqlite", device="d", max_records=1) as outbox:
        heard, meters = Heard(outbox), Meters()
        keeper = Keeper(outbox, lambda: b"state", clock_s=lambda: now[0])
        mqtt = MqttSink(MqttSettings(port=1), outbox)
        yield Outlet(keeper, mqtt, [heard], meters, clock_ns=None), outbox, heard, meters, now
        mqtt.stop()


def test_a_transition_that_the_disk_refuses_is_told_when_it_is_stored_and_readings_at_once(house):
    outlet, outbox, heard, meters, now = house
    outlet.give([alert("a")])
    outlet.give([READING, alert("b")])
    assert heard.outputs == [alert("a"), READING]
    assert meters.counts("raised") == {"a": 1}
    outbox.acknowledged(1)
    outlet.retry()
    assert heard.outputs == [alert("a"), READING]  # not yet tried again
    now[0] = 1.0
    outlet.retry()
    assert heard.outputs == [alert("a"), READING, alert("b")]
    assert heard.stored == [1, 1, 2]
    assert meters.counts("raised") == {"a": 1, "b": 1}


def test_what_cannot_be_stored_at_the_end_was_never_told(house):
    outlet, _, heard, meters, _ = house
    outlet.give([alert("a"), alert("b")])
    with pytest.raises(OutboxError):
        outlet.finish()
    assert heard.outputs == []
    assert meters.counts("raised") == {}
