"""A bundle is built from what is whole, judged and within the budget, or not at all."""

import json
import re
from importlib import resources

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from graph_by_hand import graph, tensor
from plans import write_fusion_plan

import firmware_profiles
from converters import cli
from converters.bundling.build import build
from converters.conversion.adoption import adopted
from edge_mm.errors import BundleError, ConfigError, ConvertError
from edge_mm.models.bundle import load_bundle
from edge_mm.perception.selftest import self_test

SLOPE = 1.0


def small_fusion(slope=SLOPE):
    """A float graph: ``evidence`` (4,) and ``presence`` (3,) -> ``drowsy`` (1,), the sigmoid of a weighted sum."""

    def named(name, *shape):
        one = tensor(*shape, dtype="float32")
        one.name = name
        return one

    evidence, presence, both = named(b"evidence", 1, 4), named(b"presence", 1, 3), named(b"both", 1, 7)
    score, drowsy = named(b"score", 1, 1), named(b"drowsy", 1, 1)
    joined, dense = schema.ConcatenationOptionsT(), schema.FullyConnectedOptionsT()
    joined.axis = 1
    weights = tensor(1, 7, dtype="float32", value=[[slope, -1, 1, -1, 0.1, 0.2, 0.3]])
    bias = tensor(1, dtype="float32", value=[-0.3])
    ops = [
        ("CONCATENATION", 1, [evidence, presence], [both], joined),
        ("FULLY_CONNECTED", 1, [both, weights, bias], [score], dense),
        ("LOGISTIC", 1, [score], [drowsy], None),
    ]
    return adopted(graph(*ops))


def small_plan(folder, **changes):
    """``folder/tiny.toml`` for ``small_fusion`` and a recipe that does nothing to it."""
    return write_fusion_plan(folder, graph=small_fusion(), heads=["drowsy"], **changes)


@pytest.fixture
def plan(tmp_path):
    return small_plan(tmp_path / "plan")


@pytest.fixture
def built(tmp_path):
    """``built(plan, **more)``: the build and what it said."""

    def run(plan, **more):
        said = []
        done = build(plan, tmp_path / "out", cache=tmp_path / "cache", say=said.append, **more)
        return done, said

    return run


def tiny_board(folder, key, value):
    """The profile of a Raspberry Pi 4 with one figure of its budget changed."""
    text = resources.files(firmware_profiles).joinpath("raspberry-pi-4.toml").read_text("utf-8")
    path = folder / "tiny-board.toml"
    path.write_text(re.sub(rf"(?m)^{key} = \S+", f"{key} = {value}", text))
    return str(path)


def test_a_bundle_loads_passes_its_self_test_and_says_how_it_was_made(plan, built):
    done, said = built(plan)
    assert done.refused == []
    assert said == ["fusion: float", "fusion: quantized", "fusion: judged", "packing"]
    bundle = load_bundle(done.path)
    self_test(bundle)
    assert bundle.graph("fusion") == small_fusion()
    made = json.loads(bundle.member("conversion.json"))
    assert made["recipes"]["as-it-is"]["quantize"]["mode"] == "float"
    assert made["recipes"]["as-it-is"]["gate"]["max_loss_pp"] == 1.0
    assert {"python", "numpy", "ai-edge-litert"} <= set(made["versions"])
    row = made["graphs"]["fusion"]
    assert row["recipe"] == "as-it-is"
    assert {len(row[f"{what}_sha256"]) for what in ("model", "representative", "evaluation")} == {64}
    assert row["runtimes"] == {"ai_edge_litert": made["versions"]["ai-edge-litert"]}
    spec = bundle.manifest.graphs["fusion"]
    assert (spec.recipe, spec.macs, spec.arena_bytes) == ("as-it-is", row["macs"], row["arena_bytes"])
    assert spec.macs == 7


def test_documents_of_a_plan_are_in_the_bundle_as_they_are(tmp_path, built):
    plan = small_plan(tmp_path / "plan", members={"docs/card.md": "card.md"}, front_ends="ends.json")
    plan.with_name("card.md").write_bytes(b"all about it")
    plan.with_name("ends.json").write_text('{"vision": {"rate_hz": 8.0}}')
    bundle = load_bundle(built(plan)[0].path)
    assert bundle.member("docs/card.md") == b"all about it"
    assert bundle.front_end("vision") == {"rate_hz": 8.0}


def test_rows_without_targets_cannot_be_judged(plan, built):
    rows = dict(np.load(plan.with_name("rows.npz")))
    del rows["drowsy"]
    np.savez(plan.with_name("rows.npz"), **rows)
    with pytest.raises(ConvertError, match=r"rows\.npz: no targets"):
        built(plan)


def test_too_few_rows_to_judge_are_refused_and_the_bundle_before_stays(tmp_path, built):
    before = built(small_plan(tmp_path / "plan"))[0].path
    content = before.read_bytes()
    few = dict(np.load(tmp_path / "plan" / "rows.npz"))
    plan = small_plan(tmp_path / "plan", fusion={"evaluation": "few.npz"})
    np.savez(tmp_path / "plan" / "few.npz", **{key: value[:40] for key, value in few.items()})
    done, _ = built(plan)
    assert done.path is None
    assert any("fusion: " in text and "40 rows" in text for text in done.refused), done.refused
    assert any("more held-out rows" in text for text in done.refused)
    assert before.read_bytes() == content


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (("bundle_bytes", 1000), r"the bundle's file has [\d.]+ KiB, [\d.]+ KiB \([\d.]+ %\) over the 1000 bytes"),
        (("arena_bytes", 100), r"the graphs' arenas take .* \([\d.]+ %\) over the 100 bytes"),
        (("latency_ms", 8.5e-7), r"one invoke of each graph takes 7 MACs, 2 MACs \(40\.0 %\) over the 5 MACs"),
    ],
)
def test_over_a_boards_budget_says_by_how_much_and_writes_nothing(plan, built, tmp_path, figure, said):
    done, _ = built(plan, profiles=["raspberry-pi-4", tiny_board(tmp_path, *figure)])
    assert done.path is None
    (line,) = done.refused
    assert "tiny-board.toml: " in line
    assert re.search(said, line), line
    assert not (tmp_path / "out").exists()
    assert done.report()["profiles"] == ["raspberry-pi-4"]


def test_the_budget_is_judged_by_the_size_of_the_file(plan, built, tmp_path):
    size = built(plan, profiles=[tiny_board(tmp_path, "bundle_bytes", 10**7)])[0].path.stat().st_size
    assert built(plan, profiles=[tiny_board(tmp_path, "bundle_bytes", size)])[0].refused == []
    (line,) = built(plan, profiles=[tiny_board(tmp_path, "bundle_bytes", size - 1)])[0].refused
    assert "1 bytes (0.0 %) over" in line


def test_a_board_that_does_not_exist_is_said_before_any_work(plan, built, tmp_path):
    with pytest.raises(ConfigError, match="no profile"):
        built(plan, profiles=["toaster"])
    assert not (tmp_path / "cache").exists()


def test_a_bundle_larger_than_its_plan_allows_is_refused(tmp_path, built):
    with pytest.raises(BundleError, match="MiB, more than"):
        built(small_plan(tmp_path / "plan", max_bytes=1000))
    assert not (tmp_path / "out").exists()


def test_the_golden_sample_may_be_given(tmp_path, built):
    plan = small_plan(tmp_path / "plan", golden="golden.npz")
    np.savez(plan.with_name("golden.npz"), **{"fusion/in/presence": np.array([1, 0, 1], np.float32)})
    arrays = load_bundle(built(plan)[0].path).arrays("golden.npz")
    assert arrays["fusion/in/presence"].ravel().tolist() == [1, 0, 1]
    score = arrays["fusion/in/evidence"].ravel() @ [SLOPE, -1, 1, -1] + 0.1 + 0.3 - 0.3
    assert arrays["fusion/out/drowsy"].ravel() == pytest.approx([1 / (1 + np.exp(-score))], abs=1e-3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"fusion/in/presence": np.ones(2)}, "fusion/in/presence has 2 values, 3 needed"),
        ({"fusion/in/presnce": np.ones(3)}, "no graph reads fusion/in/presnce; they read fusion/in/evidence"),
        ({"eye/in/presence": np.ones(3)}, "no graph reads eye/in/presence"),
    ],
)
def test_a_golden_sample_that_fits_no_graph_is_a_sentence(tmp_path, built, given, said):
    plan = small_plan(tmp_path / "plan", golden="golden.npz")
    np.savez(plan.with_name("golden.npz"), **given)
    with pytest.raises(ConvertError, match=said):
        built(plan)


@pytest.mark.parametrize(
    ("key", "content", "said"),
    [
        ("front_ends", b"{", r"paper: .*"),
        ("front_ends", b"[]", r"paper: Expected `object`"),
        ("front_ends", b"\xff\xfe", r"paper: "),
        ("golden", b"no arrays", r"paper: .*; write it with numpy\.savez"),
    ],
)
def test_a_document_that_cannot_be_read_is_said_before_any_work(tmp_path, built, key, content, said):
    plan = small_plan(tmp_path / "plan", **{key: "paper"})
    plan.with_name("paper").write_bytes(content)
    with pytest.raises(ConvertError, match=said):
        built(plan)
    assert not (tmp_path / "cache").exists()


def test_a_bundle_that_no_device_would_run_is_packed_with_a_note(tmp_path, plan, capsys):
    words = ["build", str(plan), "--out", str(tmp_path / "dist"), "--cache", str(tmp_path / "cache")]
    assert cli.main(words) == 0
    assert "note: edge-mm run does not take this bundle: no parameters for the fusion" in capsys.readouterr().out


def test_the_verb_prints_a_table_and_json(plan, tmp_path, capsys):
    words = ["build", str(plan), "--out", str(tmp_path / "dist"), "--cache", str(tmp_path / "cache")]
    assert cli.main([*words, "--profile", "raspberry-pi-4", "--graphs", str(tmp_path / "graphs")]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "auroc:drowsy: 100.00 -> 100.00, +0.00 [" in out
    assert "tiny-1.0.edgemm" in out
    assert "fits raspberry-pi-4" in out
    assert cli.main([*words, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["bundle"].endswith("tiny-1.0.edgemm")
    assert report["refused"] == []


def test_graphs_are_written_when_asked_for_also_of_a_bundle_that_is_refused(plan, tmp_path, capsys):
    words = ["--out", str(tmp_path / "dist"), "--cache", str(tmp_path / "cache"), "--graphs", str(tmp_path / "graphs")]
    board = tiny_board(tmp_path, "arena_bytes", 100)
    assert cli.main(["build", str(plan), *words, "--profile", board]) == 1
    assert {path.name for path in (tmp_path / "graphs").iterdir()} == {"fusion.tflite", "fusion.float.tflite"}
    assert (tmp_path / "graphs" / "fusion.float.tflite").read_bytes() == small_fusion()
    assert "refused: " in capsys.readouterr().err
    assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize("option", ["--out", "--graphs", "--cache"])
def test_a_folder_that_is_a_file_is_a_sentence(plan, tmp_path, capsys, option):
    (tmp_path / "taken").write_text("a file")
    folders = {"--out": tmp_path / "dist", "--graphs": tmp_path / "graphs", "--cache": tmp_path / "cache"}
    words = [str(word) for pair in {**folders, option: tmp_path / "taken"}.items() for word in pair]
    assert cli.main(["build", str(plan), *words]) == 65
    err = capsys.readouterr().err
    assert "taken: " in err
    assert err.count("\n") == 1
    assert "unexpected" not in err


@pytest.mark.parametrize("plan", ["gone.toml", "."])
def test_a_plan_that_is_not_there_has_status_65(tmp_path, capsys, plan):
    assert cli.main(["build", str(tmp_path / plan)]) == 65
    assert "no such plan; 'edge-mm-convert build --help' shows one" in capsys.readouterr().err


def test_a_head_that_the_fusion_does_not_say_is_refused(tmp_path, built):
    plan = write_fusion_plan(tmp_path / "plan", graph=small_fusion(), heads=["drowsy", "asleep"])
    with pytest.raises(BundleError, match=r"heads has 'asleep', the fusion graph says drowsy"):
        built(plan)
    assert not list((tmp_path).rglob("*.edgemm"))


def test_parameters_that_do_not_fit_the_fusion_are_refused(tmp_path, built):
    plan = small_plan(tmp_path / "plan", front_ends="front_ends.json")
    one = {"mean": [0.0], "scale": [1.0]}
    inputs = dict.fromkeys(load_bundle("driver").manifest.modalities, one)
    text = json.dumps({"fusion": {"pooling": ["mean"], "clip": 4.0, "inputs": inputs}})
    plan.with_name("front_ends.json").write_text(text)
    with pytest.raises(BundleError, match="the fusion graph has no input 'vision'"):
        built(plan)
