"""A bundle takes its place on disk only when it was found good; the same parts give the same bytes."""

import json

import numpy as np
import pytest
from plans import fusion_graph, write_fusion_plan

from converters.driver import DRIVER
from converters.package import write_bundle
from converters.parts import Part, write_part
from converters.plan import write_plan
from converters.reference import pack as packed_bundle
from edge_mm.errors import BundleError
from edge_mm.models.bundle import GraphSpec, Manifest, load_bundle

MANIFEST = Manifest(
    schema=1, name="tiny", version="1", window_s=10.0, hop_s=1.0, modalities=["vision"], heads=["drowsy"],
    graphs={"fusion": GraphSpec(file="fusion.tflite")}, front_ends={}, files={},
)  # fmt: skip


VERSIONS = {"python": "3"}


def refuse(bundle):
    raise BundleError(f"{bundle.source}: fails its self-test")


@pytest.mark.parametrize(("asked", "why"), [({"check": refuse}, "self-test"), ({"max_bytes": 100}, "smaller")])
def test_a_bundle_that_is_refused_leaves_the_one_before_it(tmp_path, asked, why):
    before = write_bundle(MANIFEST, {"fusion.tflite": b"good"}, tmp_path).read_bytes()
    with pytest.raises(BundleError, match=why):
        write_bundle(MANIFEST, {"fusion.tflite": b"bad"}, tmp_path, **asked)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny-1.edgemm"]
    assert (tmp_path / "tiny-1.edgemm").read_bytes() == before


@pytest.mark.parametrize("asked", [{"check": refuse}, {"max_bytes": 100}])
def test_a_first_bundle_that_is_refused_leaves_nothing(tmp_path, asked):
    with pytest.raises(BundleError):
        write_bundle(MANIFEST, {"fusion.tflite": b"bad"}, tmp_path / "out", **asked)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def folders(tmp_path):
    """``folders(microseconds)``: the shipped bundle's parts, taken apart, timed as it happened that day."""
    shipped = load_bundle("driver")
    golden = shipped.arrays("golden.npz")
    reports = json.loads(shipped.member("report.json"))

    def made(microseconds):
        result = []
        for modality in (*shipped.manifest.modalities, "fusion"):
            names = [n for n in shipped.manifest.graphs if n.split(".")[0] == modality]
            sample = {k: v for k, v in golden.items() if k.split("/")[0] in names}
            report = reports[modality] | {"hop_us_x86": microseconds, "clips": {"cpu_ms_per_frame": microseconds}}
            metrics = dict.fromkeys(names, "auroc:drowsy")
            whole = Part(modality, shipped.front_end(modality), dict.fromkeys(names, False), report, metrics)
            folder = tmp_path / f"parts-{microseconds}" / modality
            write_part(folder, whole, {n: shipped.graph(n) for n in names}, sample)
            result.append(folder)
        return result

    return made


def test_two_runs_that_differ_in_time_give_the_same_plan(folders, tmp_path, capsys):
    plans = [
        write_plan(DRIVER, folders(us), tmp_path / f"plan-{us}" / "plan", seed=0, versions=VERSIONS)
        for us in (250, 260)
    ]
    one, two = ({file.name: file.read_bytes() for file in plan.parent.iterdir()} for plan in plans)
    assert {"driver.toml", "driver-small.toml", "golden.npz", "model_card.md", "report.json"} <= set(one)
    for name in one:
        assert one[name].replace(b"parts-250", b"parts-260") == two[name], name
    assert "hop_us_x86 250" in capsys.readouterr().out


def test_the_golden_sample_of_a_plan_has_inputs_only_so_that_the_graphs_that_are_built_say_the_rest(folders, tmp_path):
    with np.load(
        write_plan(DRIVER, folders(250), tmp_path / "plan", seed=0, versions=VERSIONS).with_name("golden.npz")
    ) as kept:
        assert {"vision.eye/in/image", "physio.beat/in/beat"} <= set(kept.files)
        assert not [key for key in kept.files if "/out/" in key]


@pytest.fixture
def packed(folders, tmp_path):
    """``packed(scored)``: the shipped fusion packed by a plan of its own, after it was scored as ``scored``.

    Its recipe converts nothing, so that no TensorFlow is needed.
    """
    plan = write_fusion_plan(tmp_path / "plan")

    def pack(scored):
        part = folders(250)[-1]
        (part / "fusion.tflite").write_bytes(scored(fusion_graph()))
        return packed_bundle(plan, [part], tmp_path / "out", cache=tmp_path / "cache")

    return pack


def test_a_plan_whose_graphs_are_those_that_were_scored_is_packed(packed):
    assert load_bundle(packed(lambda graph: graph)).manifest.heads == load_bundle("driver").manifest.heads


def test_a_graph_that_is_not_the_one_that_was_scored_is_not_packed(packed, tmp_path):
    with pytest.raises(RuntimeError, match="fusion: converting again gave another graph"):
        packed(lambda graph: graph[:-1] + b"x")
    assert not (tmp_path / "out").exists()
