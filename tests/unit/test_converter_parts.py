"""A part's folder is whole or it is not there."""

import pytest

from converters.parts import finished_folder


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
