"""Nobody is on both sides of the split: not in stills, not in clips, not with the face here and the voice there."""

from __future__ import annotations

import importlib.util
import re

import cv2
import numpy as np
import pytest

from converters import grid
from converters.audio import clips
from converters.vision import footage, people


@pytest.fixture(scope="module")
def stills(shared_data):
    """(name, frame, yawn, held out) of every YawDD still."""
    names, jpegs, yawn, held = footage.read_frames(shared_data)
    rows = [i for i, name in enumerate(names) if name.startswith("yawdd/")]
    return [(names[i], cv2.imdecode(jpegs[i], cv2.IMREAD_COLOR), yawn[i], bool(held[i])) for i in rows]


@pytest.fixture(scope="module")
def scenes(stills):
    return [name.split(":")[0].removeprefix("yawdd/") for name, *_ in stills]


@pytest.fixture(scope="module")
def held(stills):
    return np.array([side for *_, side in stills])


def test_scenes_that_a_pair_joins_are_in_one_group_and_others_are_not():
    joined = people.groups(["a", "b", "c", "d", "e"], [("a", "b"), ("d", "c"), ("b", "d"), ("e", "not there")])
    assert joined == [["a", "b", "c", "d"], ["e"]]


def test_every_fifth_group_is_held_out_and_that_of_the_held_out_clip_while_learned_clips_keep_theirs():
    joined = [["000"], ["001"], ["012", "015"], ["019"], ["057"], *[[f"1{k:02d}"] for k in range(8)]]
    assert people.held_out(joined) == {"000", "012", "015", "103"}


def test_a_learned_clip_whose_person_is_joined_with_that_of_the_held_out_one_is_refused():
    scenes = ["012", "019", "033"]
    same = np.stack([people.picture(np.eye(30, dtype=np.uint8) * 255)] * 3)
    with pytest.raises(ValueError, match=r"1\.avi"):
        people.split(scenes, same)


def test_a_fifth_to_a_quarter_of_the_stills_is_held_out_with_both_labels(stills, held):
    yawn = np.array([label for _, _, label, _ in stills], bool)
    assert 200 <= held.sum() <= 350
    assert (held & yawn).sum() >= 80
    assert (held & ~yawn).sum() >= 80


def test_no_still_that_is_held_out_is_nearly_a_still_that_is_learned_from(stills, held):
    small = np.stack([cv2.resize(frame, (48, 36), interpolation=cv2.INTER_AREA).ravel() for _, frame, _, _ in stills])
    centred = small.astype(np.float32) - small.mean(axis=1, keepdims=True)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    assert (unit[held] @ unit[~held].T).max() < 0.93


@pytest.mark.parametrize(
    ("one", "other"),
    [("002", "060"), ("002", "063"), ("012", "015"), ("015", "061"), ("015", "062"), ("024", "026"), ("024", "067"),
     ("024", "029"), ("026", "064"), ("027", "060"), ("027", "069"), ("029", "066"), ("029", "068"), ("030", "065")],
)  # fmt: skip
def test_people_who_were_recognised_in_two_scenes_are_on_one_side(scenes, held, one, other):
    sides = [set(held[[scene == name for scene in scenes]].tolist()) for name in (one, other)]
    assert sides[0] == sides[1]
    assert len(sides[0]) == 1


def test_the_people_of_the_clips_are_on_the_side_of_their_stills(scenes, held):
    side = dict(zip(scenes, held.tolist(), strict=True))
    for clip, scene in people.CLIP_PERSON.items():
        assert side[scene] == (f"yawdd_video/{clip}" in footage.HELD_OUT_CLIPS)


def test_a_grid_speaker_is_on_one_side_by_face_and_by_voice(shared_data):
    for needed in ("scipy", "av", "soundfile"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"not here: {needed} reads the training data; it comes with the extra [convert] or [media]")
    voices = {(c.group.removeprefix("grid "), c.held_out) for c in clips.read_all(shared_data) if "grid" in c.group}
    names = [path.stem for path in (shared_data / "open/grid_av").glob("*.mpg")]
    faces = {(grid.speaker(name), f"grid/{name}.mpg" in footage.HELD_OUT_CLIPS) for name in names}
    assert voices == faces
    assert len(faces) == len({who for who, _ in faces}) == 6
    assert sum(held for _, held in faces) == 2
    assert grid.speaker("id2_vcd_swwp2s") == grid.speaker("pwij3p")


def test_a_grid_clip_of_an_unknown_speaker_is_refused():
    with pytest.raises(ValueError, match=r"bbaf2n.*converters/grid\.py"):
        grid.held_out("bbaf2n")


def test_takes_of_one_source_recording_are_on_one_side(shared_data):
    for needed in ("scipy", "av", "soundfile"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"not here: {needed} reads the training data; it comes with the extra [convert] or [media]")
    sides: dict[str, set[bool]] = {}
    takes = 0
    for clip in clips.read_all(shared_data):
        source = re.match(r"esc \d-(\d+)", clip.group)
        if source:
            sides.setdefault(source[1], set()).add(clip.held_out)
            takes += 1
    assert takes > len(sides) > 60
    assert all(len(one) == 1 for one in sides.values())
