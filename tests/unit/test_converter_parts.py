"""A part's folder is whole or it is not there; what is measured in time stays out of the bundle."""

import numpy as np
import pytest

from converters.parts import Part, check_part, finished_folder, part_bundle, timings, without_timings, write_part
from converters.reference import part_folder
from edge_mm.errors import BundleError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_when_all_of_it_is_built(tmp_path):
    out = tmp_path / "parts" / "vision"
    with finished_folder(out) as folder:
        (folder / "part.json").write_text("new")
        assert not out.exists()
    assert (out / "part.json").read_text() == "new"
    assert names(tmp_path / "parts") == ["vision"]


def test_a_finished_folder_replaces_the_one_before_it(tmp_path):
    out = tmp_path / "vision"
    out.mkdir()
    (out / "old.tflite").write_text("old")
    with finished_folder(out) as folder:
        (folder / "part.json").write_text("new")
    assert names(out) == ["part.json"]
    assert names(tmp_path) == ["vision"]


@pytest.mark.parametrize("before", [["part.json"], None])
def test_what_breaks_half_way_leaves_everything_as_it_was(tmp_path, before):
    out = tmp_path / "vision"
    if before:
        out.mkdir()
        (out / "part.json").write_text("old")
    with pytest.raises(RuntimeError, match="sampler"), finished_folder(out) as folder:
        (folder / "part.json").write_text("half")
        raise RuntimeError("the sampler broke")
    assert names(tmp_path) == (["vision"] if before else [])
    if before:
        assert (out / "part.json").read_text() == "old"


GOLDEN = {"audio.encoder/in/x": np.zeros(2, np.float32), "audio.encoder/out/y": np.ones(2, np.float32)}
REPORT = {"held_out_int8": {"macro_f1": 0.9}}


def part(tmp_path, *, golden=GOLDEN, report=REPORT, graphs=("audio.encoder",)):
    """A part below ``parts/audio``, in which something may be missing."""
    folder = tmp_path / "parts" / "audio"
    write_part(
        folder,
        Part("audio", {"hop_s": 0.25}, dict.fromkeys(graphs, False), report),
        dict.fromkeys(graphs, b"x"),
        golden,
    )
    return folder


def test_a_finished_part_is_taken_as_it_is(tmp_path):
    folder = part(tmp_path)
    check_part(folder)
    assert part_folder("audio", tmp_path, tmp_path / "work", tmp_path / "parts", 0) == folder
    assert part_bundle(folder).front_end("audio") == {"hop_s": 0.25}


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"golden": {}}, "no golden sample of audio.encoder"),
        ({"golden": {"audio.encoder/in/x": np.zeros(1)}}, "no golden sample of audio.encoder"),
        ({"golden": {"audio.encoder/out/x": np.zeros(1)}}, "no golden sample of audio.encoder"),
        ({"graphs": ()}, "no golden sample of any graph"),
        ({"report": {"seed": 0}}, "not scored"),
        ({"report": {"held_out_int8": {}}}, "not scored"),
    ],
)
def test_a_part_that_was_left_half_made_is_refused_with_what_to_do(tmp_path, missing, said):
    part(tmp_path, **missing)
    with pytest.raises(BundleError, match=said) as refused:
        part_folder("audio", tmp_path, tmp_path / "work", tmp_path / "parts", 0)
    assert "delete the folder" in str(refused.value)


@pytest.mark.parametrize("name", ["golden.npz", "audio.encoder.tflite", "part.json"])
def test_a_part_that_lacks_a_file_or_has_half_of_it_is_refused(tmp_path, name):
    folder = part(tmp_path)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    if name != "audio.encoder.tflite":  # whether a graph is whole, the self-test says
        with pytest.raises(BundleError, match="not a finished part"):
            check_part(folder)
    (folder / name).unlink()
    with pytest.raises(BundleError, match="not a finished part"):
        check_part(folder)


def test_times_stay_out_of_a_report_and_are_listed():
    report = {
        "hop_us_x86": 250.1,
        "qrs_75ms": {"se": 99.0},
        "clips": {"cpu_ms_per_640x480_frame": 1.2, "face_found": 1.0},
        "status": "musical",
    }
    kept = {"qrs_75ms": {"se": 99.0}, "clips": {"face_found": 1.0}, "status": "musical"}
    assert without_timings(report) == kept
    assert dict(timings(report)) == {"hop_us_x86": 250.1, "clips.cpu_ms_per_640x480_frame": 1.2}
