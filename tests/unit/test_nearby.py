"""Which alarm is signalled when nobody listens, and how an LED shows it (a folder of files that simulates one)."""

import queue

import numpy as np
import pytest
from delivery_samples import alert

from edge_mm.errors import DeliveryError
from edge_mm.nearby.lamp import Lamp
from edge_mm.nearby.patterns import PATTERNS
from edge_mm.nearby.signal import NearbySignal
from edge_mm.nearby.tones import burst

PATIENCE_S = 20.0


class Bell:
    """A device of somebody's own: it notes what it signals and waits for the change that ends the pause."""

    def __init__(self):
        self.heard = queue.Queue()
        self.closed = False

    def cycle(self, priority, pause):
        self.heard.put(priority)
        pause(PATIENCE_S)

    def quiet(self):
        self.heard.put("quiet")

    def close(self):
        self.closed = True

    def next(self):
        return self.heard.get(timeout=PATIENCE_S)


@pytest.fixture
def bell():
    bell = Bell()
    signal = NearbySignal("bell", bell, always=False)
    signal.start(lambda _state, _detail: None)
    assert bell.next() == "quiet"
    yield bell, signal
    signal.stop()
    assert bell.closed


def test_it_is_quiet_while_somebody_listens_and_signals_the_highest_when_nobody_does(bell):
    bell, signal = bell
    signal.send(alert(kind="a", priority="medium"))
    signal.send(alert(kind="b", priority="high", incident=2))
    assert signal.report["signalling"] is None
    signal.unheard(True)
    assert bell.next() == "high"
    signal.send(alert(2, "cleared", kind="b", priority="high", incident=2))
    signal.send(alert(3, kind="c", priority="low", incident=3))  # something new: no waiting for the pause to end
    assert bell.next() == "medium"
    signal.unheard(False)
    assert bell.next() == "quiet"


@pytest.mark.parametrize("state", ["acknowledged", "silenced", "cleared"])
def test_what_has_been_answered_is_quiet_and_a_new_alarm_is_not(bell, state):
    bell, signal = bell
    signal.unheard(True)
    signal.send(alert(1, kind="a"))
    assert bell.next() == "high"
    signal.send(alert(2, state, kind="a"))
    assert bell.next() == "quiet"
    signal.send(alert(3, kind="b", priority="medium", incident=2))
    assert bell.next() == "medium"


def test_latched_and_escalated_alarms_go_on_and_a_broker_that_is_away_is_none(bell):
    bell, signal = bell
    signal.unheard(True)
    signal.send(alert(1, kind="device.lost", key="device.lost/broker"))
    signal.send(alert(1, kind="a", priority="medium"))
    assert bell.next() == "medium"
    signal.send(alert(2, "escalated", kind="a", priority="high"))
    assert bell.next() == "high"
    signal.send(alert(3, "latched", kind="a", priority="high"))
    assert signal.report["signalling"] == "high"


@pytest.mark.parametrize("priority", ["high", "medium", "low"])
@pytest.mark.parametrize("rate_hz", [8000, 44100])
def test_a_burst_has_its_pulses_and_the_loudness_that_was_asked_for(priority, rate_hz):
    sound = burst(priority, rate_hz=rate_hz, volume=0.5).astype(float) / 32767
    pattern = PATTERNS[priority]
    assert np.max(np.abs(sound)) == pytest.approx(0.5 * pattern.level, rel=0.05)
    assert len(sound) / rate_hz == pytest.approx(pattern.burst_s, abs=0.01)
    blocks = np.abs(sound[: len(sound) // (rate_hz // 100) * (rate_hz // 100)]).reshape(-1, rate_hz // 100).max(axis=1)
    loud = np.concatenate([[0], blocks > 0.05])
    assert np.count_nonzero(np.diff(loud.astype(int)) == 1) == len(pattern.onsets_s)


def simulated_leds(folder, *names):
    for name in names:
        (folder / name).mkdir(parents=True)
        for file, text in (("brightness", "0"), ("max_brightness", "255"), ("trigger", "mmc0")):
            (folder / name / file).write_text(text)
    return folder


def test_an_led_flashes_at_the_rate_of_its_priority_and_is_dark_at_the_end(tmp_path):
    root = simulated_leds(tmp_path / "simulated_leds", "red", "yellow")
    lamp = Lamp({"high": "red", "medium": "yellow", "low": "yellow"}, root=root)
    seen = []

    def pause(seconds):
        seen.append((seconds, *((root / name / "brightness").read_text() for name in ("red", "yellow"))))

    for priority in ("high", "medium", "low"):
        lamp.cycle(priority, pause)
    assert [lit for _, *lit in seen] == [["255", "0"], ["0", "0"], ["0", "255"], ["0", "0"], ["0", "255"]]
    (high_on, high_off), (medium_on, medium_off) = ((seen[i][0], seen[i + 1][0]) for i in (0, 2))
    assert 1.4 <= 1 / (high_on + high_off) <= 2.8
    assert 0.4 <= 1 / (medium_on + medium_off) <= 0.8
    assert all(0.2 <= on / (on + off) <= 0.6 for on, off in ((high_on, high_off), (medium_on, medium_off)))
    assert (root / "red" / "trigger").read_text() == "none"
    lamp.close()
    assert (root / "yellow" / "brightness").read_text() == "0"


def test_an_led_that_is_not_there_is_said(tmp_path):
    lamp = Lamp({"high": "blue"}, root=simulated_leds(tmp_path / "simulated_leds", "red"))
    with pytest.raises(DeliveryError, match="there is no such LED"):
        lamp.look()
    with pytest.raises(DeliveryError, match="there is no such LED"):
        lamp.cycle("high", lambda _s: None)
