"""What the monitor was given is recorded beside the watch, and a replay of it says the same."""

import logging
import stat
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest
from recorded_events import HEAD, read, write
from recorded_events import STATE as EMPTY
from recorded_runs import alerts_of, given, installation, replayed, watched
from recordings import bursts, ecg_csv, video

from edge_mm.alerts.limits import limits_from
from edge_mm.daemon.config_record import RecordConfig
from edge_mm.daemon.inbox import Opened
from edge_mm.daemon.recorder import Recorder, recorder_of
from edge_mm.daemon.shelf import Shelf, recording_files
from edge_mm.daemon.supervision import News
from edge_mm.errors import ConfigError
from edge_mm.monitor import Monitor
from edge_mm.recording import Announced, Recorded, Said, State
from edge_mm.types import Alert, Sample, Status, StreamSpec, Tick

NS = 1_000_000_000
SPEC = StreamSpec("ecg", "ecg", 250.0, "mV")


def test_a_replay_of_a_run_in_several_files_gives_its_alerts_to_the_bit(tmp_path, bundle):
    config = installation(tmp_path, what="everything", segment_s=10)
    files = {"ecg": ecg_csv(tmp_path / "e.csv", seconds=45, bpm=150), "audio": bursts(tmp_path / "s.wav", count=9)}
    alerts = watched(config, bundle, given(**files))
    assert len(recording_files(tmp_path / "r")) >= 4
    again, found = replayed(tmp_path / "r", bundle)
    again = alerts_of(again)
    assert again == alerts
    assert {alert.kind for alert in alerts} > {"health.heart_rate_high"}
    assert [(one.t_ns, one.key, one.state) for one in found[0].said] == [(a.t_ns, a.key, a.state) for a in alerts]
    assert [one.remarks for one in found] == [[]]


def test_alarms_that_were_active_before_a_run_are_restored_in_its_replay(tmp_path, bundle):
    before = Monitor(bundle)
    before.push(Status(0, "cabin", "lost", "no camera"))
    config = installation(tmp_path)
    events = [Tick(NS), Status(2 * NS, "cabin", "live"), *(Tick(t * NS) for t in range(3, 9))]
    alerts = watched(config, bundle, iter(events), snapshot=before.snapshot())
    assert [(alert.key, alert.state, alert.incident) for alert in alerts] == [("sensor.lost/cabin", "cleared", 1)]
    assert alerts_of(replayed(tmp_path / "r", bundle)[0]) == alerts


def test_a_file_from_the_middle_of_a_run_knows_what_was_announced_and_what_was_active(tmp_path, bundle):
    config = installation(tmp_path, segment_s=10)
    alerts = watched(config, bundle, given(ecg=ecg_csv(tmp_path / "e.csv", seconds=45, bpm=150)))
    assert [alert.state for alert in alerts] == ["raised", "cleared"]  # it ends with the signal
    last = recording_files(tmp_path / "r")[-1]
    again, found = replayed(last, bundle)
    again = alerts_of(again)
    assert [(one.t_ns, one.key, one.state, one.incident) for one in again] == [
        (one.t_ns, one.key, one.state, one.incident) for one in alerts[1:]
    ]
    state = read(last)[1][0]
    assert isinstance(state, State)
    assert [spec.name for spec in state.streams] == ["ecg"]
    assert b"heart_rate_high" in state.snapshot
    assert found[0].remarks == []


def test_pictures_and_sound_are_recorded_only_where_that_was_said(tmp_path, bundle):
    files = {
        "video": video(tmp_path / "v.avi", frames=60), "audio": bursts(tmp_path / "s.wav", count=1),
        "ecg": ecg_csv(tmp_path / "e.csv", seconds=5),
    }  # fmt: skip
    for what, streams in (("signals", {"ecg"}), ("everything", {"vision", "audio", "ecg"})):
        folder = tmp_path / what
        config = installation(tmp_path, what=what) if what == "everything" else installation(tmp_path)
        config = msgspec.structs.replace(config, record=msgspec.structs.replace(config.record, folder=str(folder)))
        watched(config, bundle, given(**files))
        found = [event for path in recording_files(folder) for event in read(path)[1]]
        assert {event.stream for event in found if isinstance(event, Sample)} == streams
        assert {event.spec.name for event in found if isinstance(event, Announced)} == streams
        assert {event.stream for event in found if isinstance(event, Status)} >= {"vision", "audio", "ecg"}


def test_files_are_for_their_owner_alone_and_the_people_are_told_at_every_start(tmp_path, bundle, caplog):
    with caplog.at_level(logging.INFO):
        watched(installation(tmp_path), bundle, iter([Tick(0)]))
    assert stat.S_IMODE((tmp_path / "r").stat().st_mode) == 0o700
    (path,) = recording_files(tmp_path / "r")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (said,) = [one for one in caplog.records if "people are recorded" in one.message]
    assert said.levelno == logging.WARNING
    assert "no picture and no sound" in said.message


def test_without_the_table_nothing_is_recorded(tmp_path, bundle, caplog):
    config = msgspec.structs.replace(installation(tmp_path), record=None)
    monitor = Monitor(bundle)
    recorder = recorder_of(config, monitor, limits_from({}), None, own=False, news=News())
    with recorder:
        recorder.tap(Tick(0))
    assert recorder.report == {"state": "off", "file": None, "mib": 0.0, "dropped": 0}
    assert list(tmp_path.iterdir()) == []
    assert "recorded" not in caplog.text


def test_only_what_is_around_alerts_is_kept_where_that_is_wanted(tmp_path, bundle):
    slow, fast = (ecg_csv(tmp_path / f"{bpm}.csv", seconds=80, bpm=bpm) for bpm in (70, 150))
    values = [np.loadtxt(path, delimiter=",", skiprows=1)[:, 1] for path in (slow, fast, slow)]
    np.save(tmp_path / "e.npy", np.concatenate(values).astype(np.float32))
    config = installation(tmp_path, keep="alerts", pre_s=20, post_s=10)
    alerts = watched(config, bundle, given(ecg=tmp_path / "e.npy", rate_hz=250.0))
    raised = next(alert for alert in alerts if alert.kind == "health.heart_rate_high")
    assert 80 * NS < raised.t_ns < 160 * NS
    kept = [read(path)[1] for path in recording_files(tmp_path / "r")]
    events = next(one for one in kept if any(isinstance(e, Said) and e.kind == raised.kind for e in one))
    samples = [event for event in events if isinstance(event, Sample)]
    assert 20 * NS <= raised.t_ns - samples[0].t_ns <= 27 * NS
    assert 9.5 * NS <= samples[-1].t_ns - raised.t_ns <= 12 * NS
    assert sum(len(one) for one in kept) < 0.6 * 240 * 9
    again, _ = replayed(tmp_path / "r", bundle)
    again = alerts_of(again)
    evidence = [alert for alert in again if alert.kind == raised.kind and alert.state == "raised"]
    assert [abs(alert.t_ns - raised.t_ns) < 15 * NS for alert in evidence] == [True]


def test_pictures_kept_pixel_by_pixel_give_every_reading_to_the_bit(tmp_path, bundle):
    config = installation(tmp_path, what="everything", jpeg_quality=0)
    events = list(given(video=video(tmp_path / "v.avi", frames=60)))
    watched(config, bundle, iter(events))
    (path,) = recording_files(tmp_path / "r")
    before, after = ([one for one in found if isinstance(one, Sample)] for found in (events, read(path)[1]))
    assert [one.t_ns for one in after] == [one.t_ns for one in before]
    assert all(np.array_equal(a.data, b.data) for a, b in zip(after, before, strict=True))


def test_pictures_kept_as_jpeg_give_the_alerts_of_the_eyes_to_within_a_frame_and_fused_ones_to_within_a_window(
    tmp_path, bundle, shared_data
):
    clip = shared_data / "research" / "yawdd" / "videos" / "1.avi"
    if not clip.is_file():
        pytest.skip("not here: the recording of a driver who yawns")
    monitor = Monitor(bundle)
    alerts: list[Alert] = []
    events: list[Recorded] = [EMPTY]
    for event in given(video=clip):
        if isinstance(event, Opened):
            monitor.add_stream(event.spec)
            events.append(Announced(event.t_ns, event.spec))
        else:
            alerts += [output for output in monitor.push(event) if isinstance(output, Alert)]
            events.append(event)
    head = msgspec.structs.replace(HEAD, limits={})
    again, _ = replayed(write(tmp_path / "r.mcap", events, head=head), bundle)
    again = alerts_of(again)
    assert {alert.kind for alert in alerts} >= {"driver.yawning", "driver.drowsy"}
    assert [(one.key, one.state) for one in again] == [(one.key, one.state) for one in alerts]
    within = {"driver.drowsy": bundle.manifest.hop_s}
    for now, then in zip(again, alerts, strict=True):
        assert abs(now.t_ns - then.t_ns) <= NS * within.get(now.key, 1 / 25), now.key


class Disk:
    """A disk whose room and clock a test sets."""

    def __init__(self) -> None:
        self.free, self.now_s = 1000, 0.0
        self.told: list[tuple[str, str]] = []

    def shelf(self, config: RecordConfig) -> Shelf:
        return Shelf(
            config, HEAD, tell=lambda *words: self.told.append(words), free_mib=lambda _: self.free,
            clock_s=lambda: self.now_s,
        )  # fmt: skip


STATE = State(0, (SPEC,), (), b"")


def block(second: float, n: int = 250) -> Sample:
    return Sample("ecg", round(second * NS), np.full(n, second, np.float32), 250.0)


def test_a_full_disk_stops_the_recording_says_so_and_it_goes_on_when_there_is_room(tmp_path):
    disk = Disk()
    shelf = disk.shelf(RecordConfig(folder=str(tmp_path / "r")))
    shelf.begin()
    shelf.take(STATE, dropped=0)
    shelf.take(block(0), dropped=0)
    disk.free = 3
    disk.now_s = 6
    shelf.turn()
    assert shelf.file is None
    for second in range(5):
        shelf.take(block(second), dropped=0)
    assert shelf.lost == 5
    disk.now_s = 17
    shelf.turn()
    assert not shelf.wants_state
    disk.free = 1000
    disk.now_s = 28
    shelf.turn()
    assert shelf.wants_state
    shelf.take(State(30 * NS, (SPEC,), (), b""), dropped=0)
    shelf.take(block(30), dropped=0)
    shelf.close(dropped=0)
    assert [state for state, _ in disk.told] == ["live", "degraded", "live"]
    assert "3 MiB are free" in disk.told[1][1]
    first, second = (read(path) for path in recording_files(tmp_path / "r"))
    assert [len(events) for _, events in (first, second)] == [2, 2]
    assert first[0].end is not None
    assert not second[0].head.joined
    assert second[0].end is not None
    assert second[0].end.dropped == 5


def test_a_folder_that_cannot_be_made_is_said_and_stops_nothing(tmp_path):
    (tmp_path / "r").write_text("a file")
    disk = Disk()
    shelf = disk.shelf(RecordConfig(folder=str(tmp_path / "r" / "x")))
    shelf.begin()
    shelf.take(STATE, dropped=0)
    shelf.take(block(0), dropped=0)
    assert shelf.lost == 1
    assert disk.told[0][0] == "degraded"


def test_the_oldest_files_go_first_and_nobody_elses(tmp_path):
    disk = Disk()
    folder = tmp_path / "r"
    folder.mkdir()
    (folder / "holiday.mcap").write_bytes(bytes(9 << 20))
    shelf = disk.shelf(RecordConfig(folder=str(folder), max_mib=16))
    shelf.begin()
    for second in range(30):
        if second % 3 == 0 or shelf.wants_state:
            shelf.take(State(second * NS, (SPEC,), (), b""), dropped=0)
        shelf.take(block(second, 250_000), dropped=0)
        disk.now_s += 6
        shelf.turn()
        total = sum(path.stat().st_size for path in recording_files(folder))
        assert total <= (16 << 20) + (1 << 20), second
    shelf.close(dropped=0)
    files = recording_files(folder)
    assert files[0].name > "edge-mm-00000004"
    assert read(files[-1])[1][-1].t_ns == 29 * NS
    assert (folder / "holiday.mcap").exists()
    assert shelf.mib > 10


def test_a_card_that_hangs_costs_the_recording_samples_and_the_watch_nothing(tmp_path):
    stuck, free = threading.Event(), threading.Event()

    def room(_folder: Path) -> int:
        stuck.set()
        assert free.wait(60)
        return 1000

    config = RecordConfig(folder=str(tmp_path / "r"))
    shelf = Shelf(config, HEAD, tell=lambda *_: None, free_mib=room)
    recorder = Recorder(config, shelf, lambda: b"", lambda *_: None)
    with recorder:
        assert stuck.wait(60)
        recorder.tap(Opened(0, SPEC))
        for second in range(100):
            recorder.tap(block(second, 250_000))
        dropped = recorder.report["dropped"]
        assert 60 < dropped < 70
        recorder.tap(Tick(100 * NS))
        free.set()
    events = [event for path in recording_files(tmp_path / "r") for event in read(path)[1]]
    assert len([event for event in events if isinstance(event, Sample)]) == 100 - dropped
    assert events[-1] == Tick(100 * NS)
    assert read(recording_files(tmp_path / "r")[-1])[0].end.dropped == dropped


def test_a_source_that_gives_no_arrays_costs_the_recording_only_its_own_samples(tmp_path):
    shelf = Disk().shelf(RecordConfig(folder=str(tmp_path / "r")))
    recorder = Recorder(RecordConfig(folder=str(tmp_path / "r")), shelf, lambda: b"", lambda *_: None)
    with recorder:
        recorder.tap(Opened(0, SPEC))
        recorder.tap(Sample("ecg", 0, [1.0, 2.0], 250.0))
        recorder.tap(block(1))
    (path,) = recording_files(tmp_path / "r")
    assert [type(event) for event in read(path)[1]] == [State, Announced, Sample]


def test_the_configuration_is_checked_and_its_folder_counts_from_its_file(tmp_path):
    assert installation(tmp_path).record == RecordConfig(folder=str(tmp_path / "r"))
    for wrong in ({"what": "features"}, {"max_mib": 1}, {"segment_s": 1}, {"keep": "never"}, {"colour": "red"}):
        with pytest.raises(ConfigError, match=f"record.{next(iter(wrong))}"):
            installation(tmp_path, **wrong)
