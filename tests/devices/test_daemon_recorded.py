"""The daemon with live sources and [record]: what it kept, replayed, gives the alerts that it gave."""

import json
import threading
import time

import numpy as np
import pytest
from installation import configured
from recorded_runs import alerts_of, replayed
from recordings import bundle_name, ecg_csv

from edge_mm.cli import main
from edge_mm.daemon.config import load_config
from edge_mm.daemon.runtime import Runtime
from edge_mm.errors import SourceLost
from edge_mm.types import Alert, Estimate, Observation, Output, Sample, StreamSpec

pytestmark = pytest.mark.devices


class Kept:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []

    def send(self, output: Output) -> None:
        self.outputs.append(output)

    @property
    def alerts(self) -> list[Alert]:
        return alerts_of(self.outputs)


class Bursts:
    """A live microphone: noise and silence, 2 s each, with stamps that jitter; it is pulled out once in between."""

    live = True
    name = "mic"

    def __init__(self, *, seconds: float) -> None:
        self._random = np.random.default_rng(5)
        self._blocks = round(seconds * 10)
        self._read = 0
        self._done = threading.Event()

    def open(self) -> StreamSpec:
        return StreamSpec(self.name, "audio", 16_000.0, "full scale")

    def read(self) -> Sample | None:
        self._done.wait(0.1)
        self._read += 1
        if self._read == self._blocks // 2:
            raise SourceLost("mic: it is gone")
        if self._read > self._blocks:
            return None
        level = 0.1 if self._read // 20 % 2 == 0 else 0.0
        data = self._random.normal(0, level, 1600).astype(np.float32) if level else np.zeros(1600, np.float32)
        return Sample(self.name, time.monotonic_ns() - 100_000_000, data, 16_000.0)

    def close(self) -> None:
        pass


def test_live_sources_recorded_and_replayed_give_the_same_readings_and_alerts_to_the_bit(tmp_path, bundle, monkeypatch):
    ecg = ecg_csv(tmp_path / "e.csv", seconds=20, bpm=150)
    monkeypatch.setattr("edge_mm.daemon.plan.audio_source", lambda *_words, **_options: Bursts(seconds=18))
    sources = '[[source]]\nname = "mic"\nkind = "audio"\n'
    sources += f'[[source]]\nname = "ecg"\nkind = "ecg"\ndevice = "{ecg}"\nrealtime = true\n'
    config = configured(
        tmp_path, port=1, sources=f'{sources}[record]\nfolder = "kept"\nwhat = "everything"\nsegment_s = 10\n'
    )
    kept, stop = Kept(), threading.Event()
    timer = threading.Timer(22.0, stop.set)
    timer.start()
    runtime = Runtime(load_config(config), sinks=[kept])
    runtime.run(stop)
    timer.cancel()
    again, _ = replayed(tmp_path / "kept", bundle)
    found = alerts_of(again)
    assert found == kept.alerts
    assert {alert.kind for alert in found} >= {"sensor.lost", "health.heart_rate_high"}
    for kind in (Observation, Estimate):
        then, now = ([one for one in outputs if isinstance(one, kind)] for outputs in (kept.outputs, again))
        assert now == then
    assert len(list((tmp_path / "kept").glob("*.mcap"))) >= 2


class Mender(Kept):
    """Makes the folder that is missing once the alert about it has come; ends the run when it has cleared."""

    def __init__(self, folder, stop: threading.Event) -> None:
        super().__init__()
        self._folder, self._stop = folder, stop

    def send(self, output: Output) -> None:
        super().send(output)
        if isinstance(output, Alert) and output.key == "device.degraded/recorder":
            if output.state == "raised":
                self._folder.mkdir()
            else:
                self._stop.set()


def test_a_recorder_that_cannot_write_is_an_alert_of_the_device_and_the_watch_goes_on(tmp_path):
    ecg = ecg_csv(tmp_path / "e.csv", seconds=40, bpm=72)
    sources = f'[[source]]\nname = "ecg"\nkind = "ecg"\ndevice = "{ecg}"\n[record]\nfolder = "card/kept"\n'
    stop = threading.Event()
    mender = Mender(tmp_path / "card", stop)
    config = load_config(configured(tmp_path, port=1, sources=sources))
    Runtime(config, sinks=[mender]).run(stop)
    about = [alert for alert in mender.alerts if alert.key == "device.degraded/recorder"]
    assert [alert.state for alert in about] == ["raised", "cleared"]
    assert "No such file or directory" in about[0].reason.text
    assert any(isinstance(one, Observation) and one.name == "vitals.heart_rate_bpm" for one in mender.outputs)
    assert list((tmp_path / "card" / "kept").glob("*.mcap"))


def test_the_command_replays_what_a_run_of_it_has_kept(tmp_path, capsys):
    ecg = ecg_csv(tmp_path / "e.csv", seconds=40, bpm=150)
    config = configured(
        tmp_path, port=1,
        sources=f'[[source]]\nname = "ecg"\nkind = "ecg"\ndevice = "{ecg}"\nrealtime = false\n[record]\n',
    )  # fmt: skip
    bundle_name()
    assert main(["run", "-c", str(config)]) == 0
    assert "people are recorded: physiological signals and readings, no picture" in capsys.readouterr().err
    assert main(["replay", "--json", "--recording", str(tmp_path / "edge-mm-recordings")]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["transitions"] == lines[-1]["transitions_then"] == 2
