"""A baseline that is learned beside the watch: from the readings of a real monitor, by the time of its events."""

import math

import numpy as np
import pytest
from recordings import bundle_name

from edge_mm.daemon.baseline_file import load_baseline
from edge_mm.daemon.learning import Learning
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.settings import MqttSettings
from edge_mm.models.bundle import load_bundle
from edge_mm.monitor import Monitor
from edge_mm.types import NS_PER_S, Sample, StreamSpec

RATE_HZ = 250.0


@pytest.fixture
def monitor():
    watch = Monitor(load_bundle(bundle_name()))
    watch.add_stream(StreamSpec("ecg", "ecg", RATE_HZ, "mV"))
    return watch


def beats(t_s, bpm):
    phase = (t_s * bpm / 60.0) % 1.0
    waves = ((0.3, 0.12, 0.025), (0.48, -0.1, 0.008), (0.5, 1.1, 0.01), (0.52, -0.2, 0.01), (0.75, 0.3, 0.05))
    return sum(height * np.exp(-(((phase - at) / width) ** 2) / 2) for at, height, width in waves)


def rested(monitor, learning, *, seconds, bpm=50.0, from_s=0):
    """A person at rest for so long, in blocks of a second."""
    for second in range(from_s, from_s + seconds):
        t_s = second + np.arange(int(RATE_HZ)) / RATE_HZ
        block = beats(t_s, bpm).astype(np.float32)
        for output in monitor.push(Sample("ecg", second * NS_PER_S, block, RATE_HZ)):
            learning.send(output)
        learning.turn((second + 1) * NS_PER_S)


def ended(learning):
    """Wait for the thread that stores it."""
    thread = learning._thread
    assert thread is not None
    thread.join(20)
    assert not thread.is_alive()


def test_what_is_usual_is_learned_in_the_time_that_was_asked_for_stored_and_put_to_use(monitor, tmp_path, caplog):
    path, renewed = tmp_path / "me.json", []
    learning = Learning(monitor, str(path), own=False, renew=lambda: renewed.append(True))
    rested(monitor, learning, seconds=5)
    assert learning.begin(75.0, now_ns=5 * NS_PER_S) == ""
    assert "one runs already" in learning.begin(60.0, now_ns=6 * NS_PER_S)
    rested(monitor, learning, seconds=74, from_s=5)
    assert not path.exists()  # not a second too soon
    rested(monitor, learning, seconds=2, from_s=79)
    ended(learning)
    baseline = load_baseline(str(path))
    assert math.isclose(baseline.heart_rate_bpm.median, 50.0, abs_tol=0.5)
    assert path.stat().st_mode & 0o077 == 0
    assert renewed == [True]
    assert learning.begin(60.0, now_ns=90 * NS_PER_S) == ""  # and anew


def test_too_little_of_it_is_said_and_changes_nothing(monitor, tmp_path, caplog):
    path, renewed = tmp_path / "me.json", []
    learning = Learning(monitor, str(path), own=False, renew=lambda: renewed.append(True))
    learning.begin(60.0, now_ns=0)
    rested(monitor, learning, seconds=20)
    learning.turn(61 * NS_PER_S)
    ended(learning)
    assert "not calibrated: nothing could be learned" in caplog.text
    assert (path.exists(), renewed) == (False, [])


def test_the_result_is_an_event_and_a_folder_that_cannot_be_written_is_one_too(monitor, tmp_path):
    with Outbox(tmp_path / "o.sqlite", device="d") as outbox:
        sink = MqttSink(MqttSettings(), outbox)
        learning = Learning(monitor, str(tmp_path / "none" / "me.json"), own=False, renew=None)
        learning.serve(sink)
        learning.begin(70.0, now_ns=0)
        rested(monitor, learning, seconds=71)
        ended(learning)
        said = [message.payload.decode() for message in sink._news.take()]
        sink.stop()
    assert len(said) == 2
    assert '"calibration_started"' in said[0]
    assert '"calibration_failed"' in said[1]
    assert "me.json" in said[1]


def test_who_cannot_learn_says_why(monitor, tmp_path):
    path = str(tmp_path / "me.json")
    assert "rules of one's own" in Learning(monitor, path, own=True, renew=None).begin(60, now_ns=0)
    deaf = Monitor(load_bundle(bundle_name()))
    deaf.add_stream(StreamSpec("mic", "audio", 16_000.0, "full scale"))
    assert "no sensor here gives" in Learning(deaf, path, own=False, renew=None).begin(60, now_ns=0)
