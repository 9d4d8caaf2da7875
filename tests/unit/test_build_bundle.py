"""A bundle is built from what is whole, judged and within the budget, or not at all; nothing is made twice."""

import json
import re
import subprocess
import sys
from importlib import resources

import numpy as np
import pytest
from plans import fusion_graph, write_fusion_plan

import firmware_profiles
from converters import cli
from converters.bundling.build import build
from converters.bundling.cache import Cache, key_of
from edge_mm.errors import BundleError, ConfigError, ConvertError
from edge_mm.models.bundle import load_bundle
from edge_mm.perception.selftest import self_test


@pytest.fixture
def plan(tmp_path):
    return write_fusion_plan(tmp_path / "plan")


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
    assert bundle.graph("fusion") == fusion_graph()
    made = json.loads(bundle.member("conversion.json"))
    assert made["recipes"]["as-it-is"]["quantize"]["mode"] == "float"
    assert {"python", "numpy", "ai-edge-litert"} <= set(made["versions"])
    row = made["graphs"]["fusion"]
    assert row["recipe"] == "as-it-is"
    assert {len(row[f"{what}_sha256"]) for what in ("model", "representative", "evaluation")} == {64}
    spec = bundle.manifest.graphs["fusion"]
    assert (spec.recipe, spec.macs, spec.arena_bytes) == ("as-it-is", row["macs"], row["arena_bytes"])
    assert spec.macs > 1000


def test_a_second_build_makes_nothing_and_gives_the_same_bytes(plan, built):
    first, _ = built(plan)
    before = first.path.read_bytes()
    again, said = built(plan)
    assert [text for text in said if not text.endswith(", made before")] == ["packing"]
    assert again.path.read_bytes() == before


def test_a_change_makes_anew_only_what_depends_on_it(plan, built):
    built(plan)
    rows = dict(np.load(plan.with_name("rows.npz")))
    np.savez(plan.with_name("more.npz"), **{key: value[:350] for key, value in rows.items()})
    plan.write_text(plan.read_text().replace('evaluation = "rows.npz"', 'evaluation = "more.npz"'))
    _, said = built(plan)
    assert said[:3] == ["fusion: float, made before", "fusion: quantized, made before", "fusion: judged"]


@pytest.mark.parametrize("broken", [b"", b"short", b"x" * 40_000], ids=["empty", "cut", "altered"])
def test_a_result_that_was_damaged_is_made_again(plan, built, tmp_path, broken):
    before = built(plan)[0].path.read_bytes()
    for path in (tmp_path / "cache").iterdir():
        path.write_bytes(broken)
    again, said = built(plan)
    assert said == ["fusion: float", "fusion: quantized", "fusion: judged", "packing"]
    assert again.path.read_bytes() == before


def test_a_result_is_whole_or_not_there(tmp_path):
    cache, key = Cache(tmp_path / "cache"), key_of("float", {"model": "a"})
    assert cache.found(key) is None
    cache.keep(key, b"content")
    cache.keep(key, b"content")
    assert cache.found(key) == b"content"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [key]
    assert key_of("float", {"model": "b"}) != key


def test_a_cache_that_cannot_be_written_is_a_sentence(plan, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ConvertError, match=r"cache.*(cannot be kept|Not a directory)"):
        build(plan, tmp_path / "out", cache=tmp_path / "cache")


def test_rows_without_targets_cannot_be_judged(plan, built):
    rows = dict(np.load(plan.with_name("rows.npz")))
    del rows["drowsy"]
    np.savez(plan.with_name("rows.npz"), **rows)
    with pytest.raises(ConvertError, match=r"rows\.npz: no targets"):
        built(plan)


def test_too_few_rows_to_judge_are_refused_and_the_bundle_before_stays(tmp_path, built):
    before = built(write_fusion_plan(tmp_path / "plan"))[0].path
    content = before.read_bytes()
    few = dict(np.load(tmp_path / "plan" / "rows.npz"))
    plan = write_fusion_plan(tmp_path / "plan", fusion={"evaluation": "few.npz"})
    np.savez(tmp_path / "plan" / "few.npz", **{key: value[:40] for key, value in few.items()})
    done, _ = built(plan)
    assert done.path is None
    assert any("fusion: " in text and "40 rows" in text for text in done.refused), done.refused
    assert any("more held-out rows" in text for text in done.refused)
    assert before.read_bytes() == content


@pytest.mark.parametrize(
    ("figure", "said"),
    [(("bundle_bytes", 1000), "bundle"), (("arena_bytes", 100), "arena"), (("latency_ms", 1e-6), "MACs")],
)
def test_over_a_boards_budget_says_by_how_much_and_writes_nothing(plan, built, tmp_path, figure, said):
    done, _ = built(plan, profiles=[tiny_board(tmp_path, *figure)])
    assert done.path is None
    (line,) = done.refused
    assert "tiny-board.toml: " in line
    assert said in line
    assert re.search(r"\d", line.split("tiny-board.toml: ")[1])
    assert not (tmp_path / "out").exists()


def test_a_board_that_does_not_exist_is_said_before_any_work(plan, built):
    with pytest.raises(ConfigError, match="no profile"):
        built(plan, profiles=["toaster"])


def test_a_bundle_larger_than_its_plan_allows_is_refused(tmp_path, built):
    with pytest.raises(BundleError, match="MiB, more than"):
        built(write_fusion_plan(tmp_path / "plan", max_bytes=1000))
    assert not (tmp_path / "out").exists()


def test_the_golden_sample_may_be_given(tmp_path, built):
    plan = write_fusion_plan(tmp_path / "plan", golden="golden.npz")
    np.savez(plan.with_name("golden.npz"), **{"fusion/in/presence": np.array([1, 0, 1], np.float32)})
    arrays = load_bundle(built(plan)[0].path).arrays("golden.npz")
    assert arrays["fusion/in/presence"].ravel().tolist() == [1, 0, 1]
    assert arrays["fusion/out/alpha"].ravel()[1] == 0
    np.savez(plan.with_name("golden.npz"), **{"fusion/in/presence": np.ones(2, np.float32)})
    with pytest.raises(ConvertError, match="fusion/in/presence has 2 values, 3 needed"):
        built(plan)


def test_the_verb_prints_a_table_and_json(plan, tmp_path, capsys):
    words = ["build", str(plan), "--out", str(tmp_path / "dist"), "--cache", str(tmp_path / "cache")]
    assert cli.main([*words, "--profile", "raspberry-pi-4", "--graphs", str(tmp_path / "graphs")]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "auroc:drowsy: +0.00 [" in out
    assert "tiny-1.0.edgemm" in out
    assert "fits raspberry-pi-4" in out
    assert {path.name for path in (tmp_path / "graphs").iterdir()} == {"fusion.tflite", "fusion.float.tflite"}
    assert cli.main([*words, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["bundle"].endswith("tiny-1.0.edgemm")
    assert report["refused"] == []


def test_the_verb_refuses_with_status_1_and_a_bad_plan_with_65(plan, tmp_path, capsys):
    words = ["--out", str(tmp_path / "dist"), "--cache", str(tmp_path / "cache")]
    board = tiny_board(tmp_path, "arena_bytes", 100)
    assert cli.main(["build", str(plan), *words, "--profile", board]) == 1
    assert "refused: " in capsys.readouterr().err
    assert not (tmp_path / "dist").exists()
    assert cli.main(["build", str(tmp_path / "gone.toml"), *words]) == 65
    assert "gone.toml: no such plan" in capsys.readouterr().err


def test_a_build_from_the_cache_does_not_import_tensorflow(plan, built, tmp_path):
    built(plan)
    code = (
        "import sys; from converters.cli import main; "
        "status = main(['build', *sys.argv[1:]]); "
        "assert not {'tensorflow', 'keras'} & set(sys.modules); sys.exit(status)"
    )
    words = [str(plan), "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
