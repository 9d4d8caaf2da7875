"""A conversion writes all of its files or none, never over what it is made from, and says so before it begins."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from converters.cli import main
from converters.conversion.files import check_outputs, file_digest, graph_file, record_path, write_files
from converters.conversion.one import Wanted, convert_model
from edge_mm.errors import ConvertError


def refused(out, *, inputs=(), **others):
    with pytest.raises(ConvertError) as error:
        check_outputs({"--out": out} | {f"--{name.replace('_', '-')}": path for name, path in others.items()}, inputs)
    return str(error.value)


def test_an_output_is_never_what_it_is_made_from(tmp_path):
    model = tmp_path / "own.tflite"
    model.write_bytes(b"float")
    (tmp_path / "link.tflite").symlink_to(model)
    (tmp_path / "sub").mkdir()
    for same in (model, tmp_path / "link.tflite", tmp_path / "sub" / ".." / "own.tflite"):
        assert "would overwrite" in refused(same, inputs=[model])
    assert "--float-out" in refused(tmp_path / "a.tflite", float_out=tmp_path / "sub" / ".." / "a.tflite")
    check_outputs({"--out": tmp_path / "a.tflite", "--float-out": tmp_path / "b.tflite"}, [model])


def test_a_folder_that_cannot_be_written_to_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    assert f"there is no folder {tmp_path / 'none'}" in refused(tmp_path / "none" / "a.tflite")
    assert "there is no folder" in refused(tmp_path / "file" / "a.tflite")
    assert "/proc cannot be written to" in refused(Path("/proc/a.tflite"))
    assert "must end in .tflite" in refused(tmp_path / "own.keras")
    (tmp_path / "a.tflite").mkdir()
    assert "is a folder" in refused(tmp_path / "a.tflite")
    record_path(tmp_path / "b.tflite").mkdir()
    assert "b.tflite.json is a folder" in refused(tmp_path / "b.tflite")


def test_the_command_refuses_before_it_reads_a_model(tmp_path, capfd):
    words = ["quantize", str(tmp_path / "none.keras"), "--representative", str(tmp_path / "none.npz")]
    assert main(words) == 65
    assert "none.keras: no such file" in capfd.readouterr().err
    (tmp_path / "none.keras").write_bytes(b"no model")
    assert main([*words, "--out", str(tmp_path / "none" / "a.tflite")]) == 65
    assert "there is no folder" in capfd.readouterr().err


def test_a_graph_of_a_graph_has_a_name_of_its_own(tmp_path, capfd):
    (tmp_path / "own.tflite").write_bytes(b"no graph")
    (tmp_path / "own.int8.tflite").mkdir()
    assert main(["quantize", str(tmp_path / "own.tflite"), "--representative", str(tmp_path / "own.npz")]) == 65
    assert "own.int8.tflite is a folder" in capfd.readouterr().err


@pytest.mark.parametrize("recipe", ["distilled-int8", "channels-50-int8", "int8-qat"])
def test_a_recipe_that_needs_more_than_a_conversion_says_which_verb_does_it(tmp_path, recipe):
    wanted = Wanted(tmp_path / "a.keras", tmp_path / "a.npz", recipe, tmp_path / "a.tflite")
    with pytest.raises(ConvertError, match=f"recipe {recipe} .*(distill|prune|build)"):
        convert_model(wanted)


def test_layers_in_float_are_of_int8_recipes_only(tmp_path):
    wanted = Wanted(tmp_path / "a.keras", tmp_path / "a.npz", "dynamic-range", float_layers=("head",))
    with pytest.raises(ConvertError, match="--float-layer has nothing to change"):
        convert_model(wanted)


def test_files_get_their_names_when_all_are_written(tmp_path):
    graph, record = tmp_path / "a.tflite", tmp_path / "a.tflite.json"
    graph.write_bytes(b"of last week")
    write_files({record: b"{}", graph: b"new"})
    assert (graph.read_bytes(), record.read_bytes()) == (b"new", b"{}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tflite", "a.tflite.json"]


def test_a_disk_that_is_full_leaves_what_was_there(tmp_path):
    graph = tmp_path / "a.tflite"
    graph.write_bytes(b"of last week")
    code = f"""
import resource
from pathlib import Path
from converters.conversion.files import write_files
from edge_mm.errors import ConvertError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_files({{Path({str(tmp_path)!r}, "a.tflite.json"): b"{{}}", Path({str(graph)!r}): bytes(5000)}})
except ConvertError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "cannot be written: File too large" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["a.tflite"]
    assert graph.read_bytes() == b"of last week"


def model_file(path, *, weights=b"weights", saved="today", shared=(1, 2, 1)):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", saved)
        archive.writestr("config.json", json.dumps([{"shared_object_id": one} for one in shared]))
        archive.writestr("model.weights.h5", weights)
    return path


def test_the_same_model_saved_on_another_day_has_the_same_digest(tmp_path):
    first = file_digest(model_file(tmp_path / "a.keras"))
    assert first == file_digest(model_file(tmp_path / "b.keras", saved="tomorrow"))
    assert first == file_digest(model_file(tmp_path / "b.keras", shared=(7000, 34, 7000)))
    assert first != file_digest(model_file(tmp_path / "b.keras", shared=(1, 2, 2)))
    assert first != file_digest(model_file(tmp_path / "c.keras", weights=b"others"))
    cut = tmp_path / "cut.keras"
    cut.write_bytes((tmp_path / "a.keras").read_bytes()[:-30])
    assert file_digest(cut) == hashlib.sha256(cut.read_bytes()).hexdigest()


def test_a_file_that_is_no_graph_is_refused_by_name(tmp_path):
    path = model_file(tmp_path / "a.tflite")
    with pytest.raises(ConvertError, match=r"a\.tflite: not a \.tflite but a \.keras model or a bundle"):
        graph_file(path)
    path.write_bytes(b"no graph")
    with pytest.raises(ConvertError, match=r"a\.tflite: "):
        graph_file(path)
