"""When something stands still: a device, the monitor's own thread; and when a run fails in the middle."""

import queue
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from installation import configured, log_of, sound_source, start
from recordings import bursts, ecg_csv

from edge_mm.daemon.config import Config, load_config
from edge_mm.daemon.runtime import Runtime
from edge_mm.delivery.outbox import Outbox
from edge_mm.errors import SourceError, WorkerError
from edge_mm.protocols import Sink
from edge_mm.types import Alert, Condition, Estimate, Observation, Output, PolicyInput, Reason, Sample, StreamSpec

pytestmark = pytest.mark.devices
BLOCK = 1600
"""Samples: 0.1 s."""


class Microphone:
    """A live source of one's own; it gives what ``speak`` puts into it, or noise in real time while ``on`` is set.

    As a sound card does, it loses nothing when its reader is late.
    """

    live = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.samples = BLOCK
        self.on = threading.Event()
        self.free = threading.Event()
        self._blocks: queue.Queue[int] = queue.Queue()
        self._next_ns: int | None = None

    def open(self) -> StreamSpec:
        return StreamSpec(self.name, "audio", 16_000.0, "1")

    def speak(self) -> None:
        self._blocks.put(time.monotonic_ns())

    def read(self) -> Sample | None:
        data = np.random.default_rng(1).normal(0, 0.1, self.samples).astype(np.float32)
        while not self.free.is_set():
            if self.on.is_set():
                begin_ns = time.monotonic_ns() if self._next_ns is None else self._next_ns
                self._next_ns = begin_ns + self.samples * 62_500
                self.free.wait(max(0.0, (self._next_ns - time.monotonic_ns()) / 1e9))
                return Sample(self.name, begin_ns, data, 16_000.0)
            try:
                return Sample(self.name, self._blocks.get(timeout=0.05), data, 16_000.0)
            except queue.Empty:
                continue
        return None

    def close(self) -> None:
        pass


class Kept:
    """A sink that remembers; it may take its time once, and says when it has seen what is waited for."""

    def __init__(self, wanted=lambda output: False, *, slow_s: float = 0.0) -> None:
        self.outputs: list[Output] = []
        self.seen = threading.Event()
        self._wanted, self._slow_s = wanted, slow_s

    def send(self, output: Output) -> None:
        self.outputs.append(output)
        if isinstance(output, Estimate) and self._slow_s and len(self.estimates) == 3:
            threading.Event().wait(self._slow_s)  # as a card that writes slowly
        if self._wanted(output):
            self.seen.set()

    @property
    def estimates(self) -> list[Estimate]:
        return [output for output in self.outputs if isinstance(output, Estimate)]

    @property
    def alerts(self) -> list[Alert]:
        return [output for output in self.outputs if isinstance(output, Alert)]


@pytest.fixture
def microphones(tmp_path, monkeypatch):
    """Two microphones in the places of two sound files, and the configuration that names them."""
    mine = {name: Microphone(name) for name in ("left", "right")}
    monkeypatch.setattr("edge_mm.daemon.plan.audio_source", lambda *_words, name, **_options: mine[name])
    sources = "".join(f'[[source]]\nname = "{name}"\nkind = "audio"\n' for name in mine)
    yield mine, load_config(configured(tmp_path, port=1, sources=sources, rules=""))
    for microphone in mine.values():
        microphone.free.set()


@contextmanager
def watched(config: Config, *sinks: Sink) -> Iterator[None]:
    """A daemon that runs until the block ends."""
    stop = threading.Event()
    thread = threading.Thread(target=Runtime(config, sinks=sinks).run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def test_a_stall_of_the_monitor_raises_no_alert_and_closes_no_window_over_what_waits(microphones):
    mine, config = microphones
    kept = Kept(lambda _: len(kept.estimates) == 9, slow_s=4.0)
    for microphone in mine.values():
        microphone.on.set()
    with watched(config, kept):
        assert kept.seen.wait(60)
    assert [alert.key for alert in kept.alerts if alert.category == "technical"] == []
    coverage = [estimate.coverage["audio"] for estimate in kept.estimates]
    steps = [now - before for before, now in pairwise([0.0, *coverage])]  # a window of 10 s fills by a second each time
    assert min(steps[1:]) > 0.05, coverage


def test_a_stall_so_long_that_samples_are_lost_makes_nobody_stale(microphones):
    mine, config = microphones
    for microphone in mine.values():
        microphone.samples = 400  # 25 ms: what waits in the inbox is then of 1.6 s, later than the silence that is told
        microphone.on.set()
    kept = Kept(lambda _: len(kept.estimates) == 6, slow_s=4.0)
    with watched(config, kept):
        assert kept.seen.wait(60)
    assert [alert.key for alert in kept.alerts if alert.kind == "sensor.stale"] == []


def test_a_device_that_falls_silent_is_stale_until_it_gives_again(microphones):
    mine, config = microphones
    stale = Kept(lambda output: isinstance(output, Alert) and output.state == "raised")
    back = Kept(lambda output: isinstance(output, Alert) and output.state == "cleared")
    mine["left"].on.set()
    mine["right"].speak()
    with watched(config, stale, back):
        assert stale.seen.wait(30)
        mine["right"].on.set()
        assert back.seen.wait(30)
    technical = [(alert.key, alert.state) for alert in back.alerts if alert.category == "technical"]
    assert len(technical) >= 2
    assert {key.partition("/")[2] for key, _ in technical} == {"right"}
    assert [state for _, state in technical[:2]] == ["raised", "cleared"]


class Faulty:
    """A policy with a bug: it raises one alarm, then fails at everything."""

    def __init__(self) -> None:
        self._heard = 0

    def update(self, event: PolicyInput):
        if not isinstance(event, Observation):
            return
        self._heard += 1
        if self._heard > 1:
            raise KeyError("a bug of somebody's own")
        reason = Reason("heard", {}, "something was heard")
        yield Condition(event.t_ns, "own.heard", True, event.t_ns, "low", "physiological", reason, 1.0, 0.0, "1")


def test_a_policy_that_fails_ends_the_run_loudly_with_its_transitions_stored_and_nothing_left_open(tmp_path):
    sound = bursts(tmp_path / "s.wav", count=2)
    config = load_config(configured(tmp_path, port=1, sources=sound_source(sound)))
    descriptors = []
    for _ in range(3):
        with pytest.raises(KeyError):
            Runtime(config, policies=[Faulty()]).run(threading.Event())
        descriptors.append(len(list(Path("/proc/self/fd").iterdir())))
        assert not [t.name for t in threading.enumerate() if t.name == "mqtt" or t.name.startswith("source ")]
    assert len(set(descriptors)) == 1
    with Outbox(tmp_path / "o.sqlite", device="d") as outbox:
        assert [record.alert.kind for record in outbox.pending()] == ["own.heard"]  # raised once; the others knew it
        assert outbox.snapshot()


def test_a_stream_that_the_bundle_cannot_use_is_lost_while_the_others_are_watched(tmp_path):
    sound, slow = bursts(tmp_path / "s.wav", count=1), ecg_csv(tmp_path / "e.csv", seconds=5, rate_hz=20)
    sources = sound_source(sound) + f'[[source]]\nname = "ecg"\nkind = "ecg"\ndevice = "{slow}"\nrealtime = false\n'
    kept = Kept()
    Runtime(load_config(configured(tmp_path, port=1, sources=sources)), sinks=[kept]).run(threading.Event())
    lost = [alert for alert in kept.alerts if alert.key == "sensor.lost/ecg"]
    assert [alert.state for alert in lost] == ["raised", "cleared"]
    assert lost[1].t_ns - lost[0].t_ns == 5_000_000_000  # at the end of the file, not when it gives data
    assert {o.stream for o in kept.outputs if isinstance(o, Observation)} == {"mic"}


def test_two_runs_with_a_file_that_cannot_be_opened_say_the_same(tmp_path):
    sound = bursts(tmp_path / "s.wav", count=1)
    damaged = tmp_path / "damaged.wav"
    damaged.write_bytes(b"RIFF no sound here")
    sources = sound_source(sound) + sound_source(damaged).replace('"mic"', '"other"')
    said = []
    for name in ("a", "b"):
        kept = Kept()
        runtime = Runtime(load_config(configured(tmp_path, port=1, sources=sources, outbox=name)), sinks=[kept])
        with pytest.raises(SourceError):
            runtime.run(threading.Event())
        said.append([(alert.key, alert.state, alert.t_ns - runtime.origin_ns) for alert in kept.alerts])
    assert said[0] == said[1]
    assert any(key == "sensor.lost/other" for key, _, _ in said[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_daemon_feeds_the_watchdog_and_ends_in_order_at_a_signal(number, tmp_path, monkeypatch):
    sound = bursts(tmp_path / "s.wav", count=20)
    config = configured(tmp_path, port=1, sources=sound_source(sound, realtime=True))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        process = start(config)
        said = [systemd.recv(64) for _ in range(4)]
        process.send_signal(number)
        words = iter(lambda: systemd.recv(64), b"STOPPING=1")
        assert len(list(islice(words, 20))) < 20  # ten seconds: it was the signal and not the end of the recording
        assert process.wait(30) == 0, log_of(config)
    assert said == [b"READY=1"] + [b"WATCHDOG=1"] * 3


class Dying(Microphone):
    """Its thread ends once without a word, as after a bug of ours."""

    died = False

    def open(self) -> StreamSpec:
        if not self.died:
            self.died = True
            raise SystemExit
        return super().open()


def test_the_thread_of_a_device_that_has_died_is_replaced_and_announced_while_the_watchdog_is_fed(
    microphones, tmp_path, monkeypatch
):
    mine, config = microphones
    mine["left"] = Dying("left")
    for microphone in mine.values():
        microphone.on.set()
    kept = Kept(lambda output: isinstance(output, Alert) and (output.key, output.state) == LEFT_IS_BACK)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        with watched(config, kept):
            assert kept.seen.wait(60)
        said = [systemd.recv(64) for _ in range(4)]
    assert said == [b"READY=1"] + [b"WATCHDOG=1"] * 3
    (lost,) = [alert for alert in kept.alerts if alert.key == "sensor.lost/left" and alert.state == "raised"]
    assert "its thread failed with SystemExit" in lost.reason.text


class Doomed(Microphone):
    """Its thread ends at each opening."""

    def open(self) -> StreamSpec:
        raise SystemExit("a bug of ours")


def test_a_thread_that_fails_again_and_again_ends_the_run_with_its_transitions_stored(microphones, tmp_path):
    mine, config = microphones
    mine["left"] = Doomed("left")
    mine["right"].on.set()
    with pytest.raises(WorkerError, match=r"left: its thread failed with SystemExit: a bug of ours; that was the 6th"):
        Runtime(config).run(threading.Event())
    with Outbox(tmp_path / "o.sqlite", device="d") as outbox:
        kinds = [(record.alert.key, record.alert.state) for record in outbox.pending()]
        assert ("sensor.lost/left", "raised") in kinds
        assert outbox.snapshot()


LEFT_IS_BACK = ("sensor.lost/left", "cleared")
