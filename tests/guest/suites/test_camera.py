"""A camera of the kernel's own test driver, opened by its path, pulled out and plugged in again."""

import time
from pathlib import Path

import pytest
from kernel import driver, load, soon, unbind, unload, until

from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources import Camera, cameras

NODE = Path("/dev/video0")
VIVID = {"n_devs": 1, "node_types": "0x1", "no_error_inj": 1}  # one device, and of its nodes the capturing one only


@pytest.fixture
def plugged():
    with driver("vivid", **VIVID):
        until(NODE.exists, "the camera's node")
        yield


@pytest.fixture
def camera(plugged):
    opened = Camera(str(NODE), width=640, height=360)
    yield opened
    opened.close()


def test_a_camera_is_listed_with_its_path_and_its_name(plugged):
    assert [(found.id, found.label) for found in cameras()] == [(str(NODE), "vivid")]


def test_frames_come_in_the_asked_size_each_later_than_the_one_before(camera):
    spec = camera.open()
    assert (spec.kind, spec.unit) == ("video", "bgr8")
    frames = [camera.read() for _ in range(10)]
    assert {frame.data.shape for frame in frames} == {(360, 640, 3)}
    times = [frame.t_ns for frame in frames]
    assert times == sorted(set(times))
    assert any((frame.data != frames[0].data).any() for frame in frames), "the test picture shows a running clock"


def test_a_second_program_cannot_read_a_camera_that_is_held(camera):
    camera.open()
    camera.read()
    second = Camera(str(NODE))
    with pytest.raises((SourceError, SourceLost)):
        second.open()
        second.read()
    second.close()
    assert camera.read().data.any()


def test_a_camera_that_is_pulled_out_is_lost_within_3_s_and_works_again_when_it_is_back(camera):
    camera.open()
    camera.read()
    with soon(lambda: unbind("vivid")) as pulled, pytest.raises(SourceLost, match="plugged in"):
        for _ in range(1000):
            camera.read()
    assert time.monotonic() - pulled[0] < 3.0
    camera.close()
    assert not NODE.exists()
    assert cameras() == []
    with pytest.raises(SourceError, match="there is no /dev/video0"):
        camera.open()

    unload("vivid")
    load("vivid", **VIVID)
    until(NODE.exists, "the camera's node")
    camera.open()
    assert camera.read().data.shape == (360, 640, 3)
