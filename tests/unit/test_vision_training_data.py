"""Labels and simulated blinks that the vision graphs learn from."""

import math

import numpy as np
import pytest

from converters.vision import labels
from converters.vision.blink import behind_dark_glass, closed_by


def mesh(seed=0):
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 20, (468, 3))
    for row, place in {
        10: (0, -90, 0), 152: (0, 90, 0), 234: (-70, 0, 40), 454: (70, 0, 40), 33: (-45, -30, 5), 133: (-18, -30, 0),
        362: (18, -30, 0), 263: (45, -30, 5), 2: (0, 20, -20), 61: (-20, 50, -5), 291: (20, 50, -5), 0: (0, 40, -15),
        17: (0, 60, -12), 13: (0, 48, -12), 14: (0, 50, -12),
    }.items():  # fmt: skip
        points[row] = place
    return points.astype(np.float32)


def turned(points, yaw=0.0, pitch=0.0, roll=0.0):
    y, p, r = (math.radians(v) for v in (yaw, pitch, roll))
    # camera looks along +z, x right, y down; the face looks along -z
    about_y = np.array([[math.cos(y), 0, -math.sin(y)], [0, 1, 0], [math.sin(y), 0, math.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(p), math.sin(p)], [0, -math.sin(p), math.cos(p)]])
    about_z = np.array([[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]])
    return (points @ (about_z @ about_y @ about_x).T * 1.7 + [300, 200, 0]).astype(np.float32)


TURNS = [(0, 0, 0), (30, 0, 0), (-50, 0, 0), (0, 20, 0), (0, -15, 0), (0, 0, 25)]


@pytest.mark.parametrize(("yaw", "pitch", "roll"), TURNS)
def test_head_angles_of_a_turned_mesh_are_the_turns(yaw, pitch, roll):
    straight = labels.mean_face(np.stack([mesh()] * 2))
    seen = labels.head_angles(turned(mesh(), yaw, pitch, roll), straight)
    np.testing.assert_allclose(seen, (yaw, pitch, roll), atol=1.0)


def test_yaw_is_positive_when_the_nose_moves_to_the_images_right():
    nose = turned(mesh(), yaw=30)[2] - turned(mesh())[2]
    assert nose[0] > 0


def test_pitch_is_positive_when_the_face_looks_up():
    nose = turned(mesh(), pitch=20)[2, 1] - turned(mesh(), pitch=20)[[33, 263], 1].mean()
    assert nose < turned(mesh())[2, 1] - turned(mesh())[[33, 263], 1].mean()


def test_the_lip_gap_is_in_face_scales():
    wide = mesh()
    wide[14, 1] = wide[13, 1] + 31.5
    assert labels.lip_gap(wide) == pytest.approx(31.5 / 65, rel=0.05)


def eye():
    size, square = 88, np.full((88, 88), 180, np.uint8)
    rows, columns = np.indices((size, size))
    inside = ((columns - 44) / 26) ** 2 + ((rows - 44) / 9) ** 2 < 1
    square[inside] = 235
    square[(columns - 44) ** 2 + (rows - 44) ** 2 < 64] = 30
    angle = np.linspace(math.pi, 0, 9)
    lower = np.stack([44 + 26 * np.cos(angle), 44 + 9 * np.sin(angle)], 1)
    angle = np.linspace(math.pi, 0, 9)[1:-1]
    upper = np.stack([44 + 26 * np.cos(angle), 44 - 9 * np.sin(angle)], 1)
    return square, np.concatenate([lower, upper]).astype(np.float32)


def test_a_simulated_blink_hides_the_iris_and_half_a_blink_half_of_it():
    square, lids = eye()
    dark = [int((closed_by(square, lids, share, np.random.default_rng(0))[:51] < 60).sum()) for share in (0, 0.5, 1)]
    assert dark[0] > 150
    assert 0.3 * dark[0] < dark[1] < 0.75 * dark[0]
    assert dark[2] < 0.15 * dark[0]


def test_a_share_of_0_leaves_the_eye_as_it_is():
    square, lids = eye()
    np.testing.assert_array_equal(closed_by(square, lids, 0.0, np.random.default_rng(0)), square)


def test_dark_glass_hides_the_white_of_the_eye():
    square, _ = eye()
    shown = [int((behind_dark_glass(square, np.random.default_rng(i)) > 220).sum()) for i in range(10)]
    assert np.median(shown) < 0.2 * (square > 220).sum()
