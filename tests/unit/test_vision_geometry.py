"""Regions, crops and the way back."""

import math

import cv2
import numpy as np
import pytest

from edge_mm.perception import vision_geometry as geo

FACE = np.array(
    [
        [260, 200],
        [320, 200],
        [290, 245],
        [290, 275],
        [268, 272],
        [312, 272],
        [290, 140],
        [290, 312],
        [240, 220],
        [340, 220],
    ],
    np.float32,
)


def turned(points, degrees, about=(290.0, 240.0)):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return ((points - about) @ np.array([[c, s], [-s, c]]) + about).astype(np.float32)


def dot(shape, x, y):
    picture = np.zeros(shape, np.uint8)
    picture[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2] = 255
    return picture


@pytest.mark.parametrize("degrees", [-40, 0, 25])
def test_points_go_to_unit_coordinates_and_back(degrees):
    region = geo.face_region(turned(FACE, degrees))
    np.testing.assert_allclose(region.to_frame(region.to_unit(FACE)), FACE, atol=1e-2)


@pytest.mark.parametrize("degrees", [-40, 0, 25])
def test_a_crop_shows_a_point_where_unit_coordinates_say_it_is(degrees):
    points = turned(FACE, degrees)
    region = geo.face_region(points)
    for point in points[[0, 1, 3, 7]]:
        crop = geo.cut(dot((480, 640), *point), region, geo.FACE_SIZE).astype(float)
        rows, columns = np.indices(crop.shape)
        seen = np.array([(columns * crop).sum(), (rows * crop).sum()]) / crop.sum()
        expected = (region.to_unit(point[None])[0] + 0.5) * geo.FACE_SIZE - 0.5
        np.testing.assert_allclose(seen, expected, atol=0.7)


def test_the_head_is_upright_in_its_crop_however_it_is_tilted():
    region = geo.face_region(turned(FACE, 30))
    left, right = region.to_unit(turned(FACE, 30)[:2])
    assert abs(left[1] - right[1]) < 1e-3
    assert left[0] < right[0]
    assert math.degrees(geo.roll(turned(FACE, 30))) == pytest.approx(30, abs=0.1)


def test_a_mirrored_crop_is_the_flipped_crop():
    picture = np.random.default_rng(0).integers(0, 256, (480, 640), np.uint8)
    region = geo.eye_regions(turned(FACE, 15))[1]
    plain = geo.cut(picture, region, geo.EYE_SIZE).astype(int)
    mirrored = geo.cut(picture, region, geo.EYE_SIZE, mirrored=True).astype(int)
    difference = abs(plain[:, ::-1] - mirrored)
    assert difference.max() <= 8  # fixed-point interpolation of white noise: 2 with OpenCV 5, 6 with 4.11
    assert difference.mean() <= 1


def test_cutting_from_a_part_equals_cutting_from_the_frame():
    frame = np.random.default_rng(1).integers(0, 256, (480, 640), np.uint8)
    region = geo.Region(290.3, 240.8, 70.0, -0.3)
    part = np.ascontiguousarray(frame[150:330, 200:380])
    whole = geo.cut(frame, region, 64).astype(int)
    assert abs(whole - geo.cut(part, region.moved(200, 150), 64)).max() <= 2


@pytest.mark.parametrize("side", [64.0, 200.0, 320.0, 700.0])
def test_a_colour_frame_gives_the_crop_of_its_grey_version(side):
    rough = np.random.default_rng(4).integers(0, 256, (48, 64, 3), np.uint8)
    frame = cv2.resize(rough, (640, 480), interpolation=cv2.INTER_CUBIC)
    region = geo.Region(310.0, 250.0, side, 0.2)
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    assert abs(geo.cut(frame, region, 64).astype(int) - geo.cut(grey, region, 64)).max() <= 2


def test_a_large_face_is_averaged_rather_than_picked():
    stripes = np.zeros((480, 640), np.uint8)
    stripes[:, ::2] = 255
    crop = geo.cut(stripes, geo.Region(320.0, 240.0, 320.0, 0.0), 64)[8:-8, 8:-8].astype(float)
    assert crop.std() < 32


def test_the_face_scale_does_not_change_when_the_mouth_opens_and_little_when_the_head_turns():
    scale = geo.face_scale(FACE)
    yawning = FACE.copy()
    yawning[3:6, 1] += 20
    yawning[7, 1] += 40
    assert geo.face_scale(yawning) == scale
    looking_aside = FACE.copy()
    looking_aside[:, 0] = 290 + (FACE[:, 0] - 290) * math.cos(math.radians(50))
    assert geo.face_scale(looking_aside) == pytest.approx(scale, rel=0.1)


@pytest.mark.parametrize("region", [
    geo.Region(-500.0, -500.0, 60.0, 0.3), geo.Region(5000.0, 20.0, 10.0, 0.0), geo.Region(10.0, 10.0, 4000.0, 1.0),
    geo.Region(3.0, 100.0, 0.5, 0.0),
])  # fmt: skip
def test_a_region_beside_or_beyond_the_frame_still_gives_a_crop(region):
    frame = np.full((120, 160, 3), 90, np.uint8)
    crop = geo.cut(frame, region, 64)
    assert crop.shape == (64, 64)
    assert crop.dtype == np.uint8


def test_levelling_takes_out_brightness_and_contrast():
    ramp = np.tile(np.arange(40, dtype=np.uint8), (40, 1)) * 3 + 10
    darker = (ramp * 0.4 + 5).astype(np.uint8)
    a, b = geo.levelled(ramp).astype(int), geo.levelled(darker).astype(int)
    assert abs(a - b).max() <= 4
    assert a.mean() == pytest.approx(128, abs=1)
    assert a.std() == pytest.approx(50, abs=3)


def test_a_flat_crop_stays_flat():
    assert geo.levelled(np.full((32, 32), 7, np.uint8)).std() == 0


def test_graph_input_is_the_crop_less_128():
    crop = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(geo.as_input(crop), crop.astype(int) - 128)


@pytest.mark.parametrize("shape", [(480, 640, 3), (144, 176, 3), (640, 480), (1080, 1920, 3), (17, 300, 3)])
def test_letterboxing_keeps_the_proportions_and_knows_the_step(shape):
    square, step = geo.letterbox(np.full(shape, 200, np.uint8))
    assert square.shape == (geo.SEARCH_SIZE, geo.SEARCH_SIZE)
    assert step == pytest.approx(max(shape[:2]) / geo.SEARCH_SIZE)
    filled = np.flatnonzero(square.any(axis=1))
    assert len(filled) == pytest.approx(shape[0] / step, abs=1)


def test_the_box_of_a_face_is_a_square_that_mirrors_with_it():
    points = np.array(
        [
            [80, 100],
            [120, 100],
            [103, 125],
            [102, 145],
            [90, 145],
            [114, 145],
            [101, 70],
            [104, 170],
            [68, 115],
            [140, 115],
        ],
        np.float32,
    )
    left, top, right, bottom = geo.face_box(points)
    assert right - left == pytest.approx(bottom - top) == pytest.approx(2.484 * geo.face_scale(points), rel=1e-3)
    assert left < points[0, 0]
    assert right > points[1, 0]
    assert top < points[0, 1]
    assert bottom > points[3, 1]
    between, middle = (80 + 120) / 4 + 102 / 2, (68 + 140) / 2
    assert between < (left + right) / 2 < middle  # towards the side that the head turns its cheek to
    mirrored = (points * np.array([-1, 1], np.float32))[[1, 0, 2, 3, 5, 4, 6, 7, 9, 8]]
    assert geo.face_box(mirrored) == pytest.approx((-right, top, -left, bottom), abs=1e-3)
