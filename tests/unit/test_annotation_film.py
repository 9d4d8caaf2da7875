"""The file that an annotated video is written to, and where everything lies in it."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from films import frames_of, left_over
from recordings import bundle_name, bursts, video

from edge_mm.annotation.film import CODECS, Film, writable_rate
from edge_mm.annotation.layout import laid_out, shown_size
from edge_mm.cli import main
from edge_mm.errors import EdgeMmError
from edge_mm.models.bundle import load_bundle

ROOT = Path(__file__).resolve().parents[2]


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
    signals.write_text("time,X,Y,Z\n" + "".join(f"{i / 50},{i % 3},0,1\n" for i in range(80)))
    out = tmp_path / "o.mp4"
    words = ["--signals", str(signals), "--map", "acc_x=X,acc_y=Y,acc_z=Z", "--annotate", str(out)]
    if load_bundle(bundle_name()).manifest.name != "driver":
        pytest.skip("not here: another bundle may use acceleration")
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
