"""``inspect`` and ``verify``: what a bundle holds, and whether it is whole and says what it should."""

import json
import shutil
import zipfile

import numpy as np
import pytest
from plans import write_fusion_plan

from converters import cli
from converters.bundling.build import build
from converters.conversion.trial import find_runtime
from converters.package import npz, write_bundle
from edge_mm.models.bundle import load_bundle


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A bundle of one graph."""
    folder = tmp_path_factory.mktemp("tiny")
    return build(write_fusion_plan(folder / "plan"), folder, cache=folder / "cache").path


@pytest.fixture
def copied(tiny, tmp_path):
    return shutil.copy(tiny, tmp_path / "copy.edgemm")


def said(capsys, *words):
    """Exit status, standard output, standard error."""
    status = cli.main([str(word) for word in words])
    return status, *capsys.readouterr()


def test_inspect_says_what_each_graph_costs_and_what_all_do(capsys):
    status, out, _ = said(capsys, "inspect", "driver")
    assert status == 0
    assert out.count(" M MACs, arena ") == len(load_bundle("driver").manifest.graphs)
    assert "\ntogether: " in out
    document = json.loads(said(capsys, "inspect", "driver", "--json")[1])
    assert document["fusion"]["outputs"]["alpha"] == [[1, len(load_bundle("driver").manifest.modalities)], "int8"]
    assert sum(document["fusion"]["ops"].values()) > 10


def test_inspect_takes_a_graph_alone(capsys, tmp_path):
    path = tmp_path / "eye.tflite"
    path.write_bytes(load_bundle("driver").graph("vision.eye"))
    status, out, _ = said(capsys, "inspect", path)
    assert status == 0
    assert out.startswith("eye: ")
    assert "together" not in out


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\0" * 100])
@pytest.mark.parametrize("ending", ["tflite", "edgemm"])
def test_inspect_of_what_is_neither_is_a_sentence(capsys, tmp_path, content, ending):
    path = tmp_path / f"net.{ending}"
    path.write_bytes(content)
    status, out, err = said(capsys, "inspect", path)
    assert status in (65, 78)
    assert out == ""
    assert err.count("\n") == 1
    assert "unexpected" not in err


def test_verify_tries_a_bundle_in_every_runtime_that_is_here(capsys, tiny):
    status, out, _ = said(capsys, "verify", tiny, "--json")
    document = json.loads(out)
    assert (status, document["problems"]) == (0, [])
    here = [name for name in ("ai_edge_litert", "tflite_runtime") if find_runtime(name)]
    assert document["checked"]["runtimes"] == here
    assert document["digest"] == load_bundle(tiny).digest
    assert "whole; 1 graphs agree in ai_edge_litert" in said(capsys, "verify", tiny)[1]


def test_verify_knows_a_boards_budget(capsys, tiny, tmp_path):
    assert said(capsys, "verify", tiny, "--profile", "raspberry-pi-zero-2w")[0] == 0
    assert said(capsys, "verify", tiny, "--profile", "toaster")[0] == 78


def test_a_flipped_byte_is_found_and_its_member_named(capsys, copied):
    with zipfile.ZipFile(copied) as archive:
        place = archive.getinfo("fusion.tflite").header_offset + 2000
    content = bytearray(copied.read_bytes())
    content[place] ^= 1
    copied.write_bytes(content)
    status, _, err = said(capsys, "verify", copied)
    assert status == 78
    assert "fusion.tflite" in err


def test_a_cut_file_and_one_that_is_not_there_are_sentences(capsys, copied, tmp_path):
    content = copied.read_bytes()
    copied.write_bytes(content[: len(content) // 2])
    assert said(capsys, "verify", copied)[0] == 78
    status, _, err = said(capsys, "verify", tmp_path / "gone.edgemm")
    assert status == 2
    assert "gone.edgemm" in err


def test_verify_of_a_graph_names_the_verbs_for_it(capsys, tmp_path):
    (tmp_path / "eye.tflite").write_bytes(b"graph")
    assert cli.main(["verify", str(tmp_path / "eye.tflite")]) == 65
    assert "eye.tflite: verify takes a bundle (.edgemm); of a graph, lint and inspect tell" in capsys.readouterr().err


def test_a_graph_that_says_something_else_than_its_golden_sample_is_a_problem(capsys, tiny, tmp_path):
    bundle = load_bundle(tiny)
    golden = bundle.arrays("golden.npz")
    golden["fusion/out/drowsy"] = np.asarray(golden["fusion/out/drowsy"]) + 0.5
    members = {name: bundle.member(name) for name in bundle.manifest.files} | {"golden.npz": npz(golden)}
    path = write_bundle(bundle.manifest, members, tmp_path)
    status, out, _ = said(capsys, "verify", path)
    assert status == 1
    assert "fusion: in ai_edge_litert the output 'drowsy'" in out


def test_a_bundle_without_a_golden_sample_is_a_sentence(capsys, tiny, tmp_path):
    bundle = load_bundle(tiny)
    members = {name: bundle.member(name) for name in bundle.manifest.files if name != "golden.npz"}
    status, _, err = said(capsys, "verify", write_bundle(bundle.manifest, members, tmp_path))
    assert status == 78
    assert "golden.npz" in err


def test_a_golden_sample_without_an_input_is_a_problem(capsys, tiny, tmp_path):
    bundle = load_bundle(tiny)
    golden = {key: value for key, value in bundle.arrays("golden.npz").items() if key != "fusion/in/presence"}
    members = {name: bundle.member(name) for name in bundle.manifest.files} | {"golden.npz": npz(golden)}
    status, out, err = said(capsys, "verify", write_bundle(bundle.manifest, members, tmp_path))
    assert (status, err) == (1, "")
    assert "fusion: no golden sample of the input 'presence'" in out


def test_recipes_are_listed_and_shown(capsys):
    status, out, _ = said(capsys, "recipes")
    assert status == 0
    assert "int8-static" in out
    assert "channels-50-int8" in out
