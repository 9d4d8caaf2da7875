"""The runtime as the SDK gives it: sinks, policies, a sensor that is pulled out and plugged in again."""

import json
import os
import threading
import tty
from pathlib import Path

import pytest
from installation import broker, configured, sound_source
from recordings import ANY_SOUND, bundle_name, bursts, ecg_csv, video

from edge_mm.alerts.limits import limits_from
from edge_mm.daemon.config import load_config
from edge_mm.daemon.replay import replay
from edge_mm.daemon.runtime import Runtime
from edge_mm.delivery.subscriber import Subscriber
from edge_mm.errors import SourceError
from edge_mm.models.bundle import load_bundle
from edge_mm.types import Alert, Condition, Estimate, Observation, Output, PolicyInput, Reason

pytestmark = pytest.mark.devices


@pytest.fixture(scope="module")
def port():
    with broker() as local:
        yield local.settings.port


class Kept:
    """A sink that remembers, and says when it has seen what is waited for."""

    def __init__(self, wanted=lambda output: False) -> None:
        self.outputs: list[Output] = []
        self.seen = threading.Event()
        self._wanted = wanted

    def send(self, output: Output) -> None:
        self.outputs.append(output)
        if self._wanted(output):
            self.seen.set()


class Broken:
    """A sink of somebody's own that fails."""

    def send(self, output: Output) -> None:
        raise RuntimeError("no paper")


class Loud:
    """A policy: something was heard."""

    def update(self, event: PolicyInput):
        if isinstance(event, Observation) and event.name.startswith("audio.") and event.quality > 0:
            reason = Reason("loud", {}, "something was heard")
            yield Condition(event.t_ns, "own.loud", True, event.t_ns, "low", "physiological", reason, 1.0, 0.0, "1")


def test_every_output_reaches_a_sink_alerts_only_once_durable_and_a_broken_sink_stops_nothing(tmp_path, port):
    sound = bursts(tmp_path / "s.wav", count=2)
    config = load_config(configured(tmp_path, port=port, sources=sound_source(sound)))
    kept = Kept()
    summary = Runtime(config, sinks=[Broken(), kept]).run(threading.Event())
    kinds = {type(output) for output in kept.outputs}
    assert kinds == {Observation, Estimate, Alert}
    alerts = [output for output in kept.outputs if isinstance(output, Alert)]
    assert len(alerts) == summary.transitions
    assert summary.alerts == sum(alert.state == "raised" for alert in alerts) >= 2
    assert summary.samples == {"mic": 100}
    assert summary.drops == {}
    assert summary.windows == sum(isinstance(output, Estimate) for output in kept.outputs)
    assert summary.stages["outbox commit"]["n"] >= 1
    assert summary.stages["publish to PUBACK"]["n"] == summary.transitions


def test_a_policy_of_ones_own_replaces_the_built_in_ones(tmp_path, port):
    sound = bursts(tmp_path / "s.wav", count=1)
    config = load_config(configured(tmp_path, port=port, sources=sound_source(sound)))
    kept = Kept()
    Runtime(config, policies=[Loud()], sinks=[kept]).run(threading.Event())
    assert [a.kind for a in kept.outputs if isinstance(a, Alert)] == ["own.loud"]


def test_two_runs_of_the_same_recording_say_the_same(tmp_path, port):
    sound = bursts(tmp_path / "s.wav", count=3)
    said = []
    for name in ("a", "b"):
        kept = Kept()
        config = load_config(configured(tmp_path, port=port, sources=sound_source(sound), outbox=name))
        Runtime(config, sinks=[kept]).run(threading.Event())
        zero = kept.outputs[0].t_ns
        said.append([(type(o).__name__, o.t_ns - zero, getattr(o, "value", None)) for o in kept.outputs])
    assert said[0] == said[1]


def test_a_run_of_files_and_a_replay_of_them_say_the_same(tmp_path, port):
    files = {
        "video": video(tmp_path / "v.avi", frames=90),
        "audio": bursts(tmp_path / "s.wav", count=2),
        "ecg": ecg_csv(tmp_path / "e.csv", seconds=8),
    }
    names = {"video": "vision", "audio": "audio", "ecg": "ecg"}
    sources = "".join(
        f'[[source]]\nname = "{names[kind]}"\nkind = "{kind}"\ndevice = "{path}"\nrealtime = false\n'
        for kind, path in files.items()
    )
    config = load_config(configured(tmp_path, port=port, sources=sources))
    kept = Kept()
    runtime = Runtime(config, sinks=[kept])
    runtime.run(threading.Event())
    replayed = list(replay(bundle_name(), **files, limits=limits_from(config.rules)))

    def told(outputs, origin_ns):
        found = [(o.t_ns - origin_ns, dict(o.scores), dict(o.weights)) for o in outputs if isinstance(o, Estimate)]
        alarms = [(o.t_ns - origin_ns, o.key, o.state, o.value) for o in outputs if isinstance(o, Alert)]
        return found, alarms

    estimates, alerts = told(kept.outputs, runtime.origin_ns)
    assert (estimates, alerts) == told(replayed, 0)
    assert estimates[0][0] == 1_000_000_000 * load_bundle(bundle_name()).manifest.hop_s
    assert alerts


def test_a_file_in_real_time_is_never_stale_while_it_gives_data_and_off_at_its_end(tmp_path, port):
    sound = bursts(tmp_path / "s.wav", count=1)  # 5 s: more than twice what makes a device stale
    config = load_config(configured(tmp_path, port=port, sources=sound_source(sound, realtime=True)))
    kept = Kept()
    said: list[tuple[str, str]] = []
    with Subscriber(config.mqtt, client_id="stale", filters=["edge_mm/d/#"], persistent=False) as subscriber:
        Runtime(config, sinks=[kept]).run(threading.Event())
        while (message := subscriber.receive(timeout_s=1.0)) is not None:
            said.append((message.topic, message.payload.decode()))
    assert not any(o.kind.startswith("sensor.") for o in kept.outputs if isinstance(o, Alert))
    states = [payload for topic, payload in said if topic.endswith("mic/availability")]
    assert not any("stale" in payload for payload in states)
    assert "the file has ended" in states[-1]
    infos = [json.loads(payload) for topic, payload in said if topic.endswith("bridge/info")]
    assert [one["name"] for info in infos[-1:] for one in info["streams"]] == ["mic"]


def test_a_file_in_real_time_begins_when_the_run_does_and_one_read_at_once_where_it_was_said(tmp_path, port):
    sound = bursts(tmp_path / "s.wav", count=1)
    stopped = threading.Event()
    stopped.set()
    for realtime in (True, False):
        runtime = Runtime(load_config(configured(tmp_path, port=port, sources=sound_source(sound, realtime=realtime))))
        made_ns = runtime.origin_ns
        runtime.run(stopped)
        assert (runtime.origin_ns > made_ns) == realtime


def test_a_file_that_is_damaged_in_the_middle_is_told_while_the_others_go_on(tmp_path, port):
    sound = bursts(tmp_path / "s.wav", count=1)
    damaged = tmp_path / "damaged.wav"
    damaged.write_bytes(b"RIFF no sound here")
    sources = sound_source(sound) + sound_source(damaged).replace('"mic"', '"other"')
    config = load_config(configured(tmp_path, port=port, sources=sources))
    kept = Kept()
    with pytest.raises(SourceError, match=r"other: .*damaged\.wav"):
        Runtime(config, sinks=[kept]).run(threading.Event())
    assert any(isinstance(output, Observation) and output.stream == "mic" for output in kept.outputs)
    assert any(isinstance(o, Alert) and o.key == "sensor.lost/other" for o in kept.outputs)


def test_a_sensor_that_is_pulled_out_raises_a_technical_alert_and_clears_it_when_it_is_back(tmp_path, port):
    link = Path("/dev/shm") / f"edge-mm-test-{os.getpid()}"
    feeder = Feeder(link)
    sources = f'[[source]]\nname = "ecg"\nkind = "ecg"\ndevice = "{link}"\nrate_hz = 250\n'
    lost = Kept(lambda output: isinstance(output, Alert) and output.state == "raised")
    back = Kept(lambda output: isinstance(output, Alert) and output.state == "cleared")
    stop = threading.Event()
    failures: list[BaseException] = []

    def watch() -> None:
        try:
            Runtime(load_config(config), sinks=[lost, back]).run(stop)
        except BaseException as error:
            failures.append(error)

    config = configured(tmp_path, port=port, sources=sources, rules=ANY_SOUND)
    thread = threading.Thread(target=watch)
    try:
        feeder.plug_in()
        thread.start()
        feeder.pull_out_after(0.8)
        assert lost.seen.wait(30)
        feeder.plug_in()
        assert back.seen.wait(30)
    finally:
        stop.set()
        thread.join(30)
        feeder.end()
    assert failures == []
    alerts = [output for output in back.outputs if isinstance(output, Alert) and output.category == "technical"]
    assert [(a.key, a.state) for a in alerts[:2]] == [("sensor.lost/ecg", "raised"), ("sensor.lost/ecg", "cleared")]
    assert alerts[0].priority == "high"  # no sensor was left
    assert alerts[0].incident == alerts[1].incident


class Feeder:
    """A sensor behind a pseudo terminal that can be pulled out."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self._gone = threading.Event()
        self._thread: threading.Thread | None = None

    def plug_in(self) -> None:
        self._gone = threading.Event()
        controller, terminal = os.openpty()
        tty.setraw(terminal)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(os.ttyname(terminal))
        os.close(terminal)
        os.set_blocking(controller, False)
        self._thread = threading.Thread(target=self._feed, args=(controller, self._gone))
        self._thread.start()

    def pull_out_after(self, seconds: float) -> None:
        self._gone.wait(seconds)
        self.end()

    def end(self) -> None:
        self._gone.set()
        if self._thread is not None:
            self._thread.join(5)
        self._link.unlink(missing_ok=True)

    @staticmethod
    def _feed(controller: int, gone: threading.Event) -> None:
        try:
            while not gone.wait(0.02):
                try:
                    os.write(controller, b"0.1\n0.2\n0.3\n0.2\n0.1\n")
                except BlockingIOError:
                    continue
        finally:
            os.close(controller)
