"""The tasks of `evaluate` on the project's own data; what is absent is said. Quick: nothing here is a measurement."""

import json

import numpy as np
import pytest
from recordings import bundle_name

from converters.bundling.carded import carded
from converters.cli import main
from converters.evaluation.results import as_data
from converters.evaluation.tasks import TASKS, Context, evaluate, task
from converters.evaluation.tasks.faces import iou
from converters.evaluation.tasks.false_alerts import excused
from converters.evaluation.tasks.qrs import spoiled
from converters.evaluation.watching import Pictures, Signal, watch
from converters.reports.evaluation import card_table
from edge_mm.errors import ConvertError, UsageError
from edge_mm.models.bundle import load_bundle
from edge_mm.types import Alert, Reason


def test_every_task_says_what_it_needs():
    for name in TASKS:
        one = task(name)
        assert one.TITLE
        assert all(not path.startswith("/") for path in one.NEEDS)


def test_a_task_that_is_none_is_refused_before_anything_runs(bundle, tmp_path):
    with pytest.raises(UsageError, match="no task 'eye'; choose from faces"):
        evaluate(Context(bundle, tmp_path), ("int8", "eye"))


def test_tasks_without_their_data_say_which_is_missing(bundle, tmp_path, capsys):
    (tmp_path / "open").mkdir()
    results = {one.task: one for one in evaluate(Context(bundle, tmp_path))}
    assert results["qrs"].absent == "not evaluated: no open/mitdb_val"
    assert "research/yawdd/frames" in results["faces"].absent
    assert not results["int8"].absent  # the bundle's own record is enough
    (tmp_path / "open").rmdir()
    assert main(["evaluate", bundle_name(), "--data", str(tmp_path)]) == 65
    assert "neither manifest.csv" in capsys.readouterr().err


def test_a_data_set_that_is_not_whole_is_one_sentence(bundle, tmp_path, capsys):
    (tmp_path / "open/mitdb_val").mkdir(parents=True)
    assert main(["evaluate", bundle_name(), "--data", str(tmp_path), "--tasks", "qrs"]) == 65
    assert "task qrs: its recordings below" in capsys.readouterr().err


def test_the_card_of_a_bundle_gets_the_table_of_its_own_evaluation(bundle, tmp_path):
    results = evaluate(Context(bundle, tmp_path), ("int8",))
    data = json.loads(json.dumps(as_data(results, {"quick": False, "bundle": {"sha256": bundle.digest}})))
    once = load_bundle(carded(bundle, data, tmp_path))
    card = once.member("model_card.md").decode()
    assert card.count("## Evaluation") == 1 and card_table(data) in card
    kept = json.loads(once.member("evaluation.json"))
    assert card_table(kept) == card_table(data) and "tasks" not in kept
    assert once.manifest.graphs == bundle.manifest.graphs
    data["bundle"]["sha256"] = once.digest
    twice = load_bundle(carded(once, data, tmp_path / "again"))
    assert twice.member("model_card.md") == once.member("model_card.md")
    with pytest.raises(ConvertError, match="of another bundle"):
        carded(bundle, data, tmp_path / "other")


def test_a_quick_evaluation_is_refused_for_a_card(tmp_path, capsys):
    (tmp_path / "open").mkdir()
    words = ["evaluate", bundle_name(), "--data", str(tmp_path), "--quick", "--card", str(tmp_path / "cards")]
    assert main(words) == 2
    assert "--card with --quick" in capsys.readouterr().err
    assert not (tmp_path / "cards").exists()


def test_a_model_card_takes_its_table_from_the_json_and_not_from_a_quick_run(bundle, tmp_path):
    results = evaluate(Context(bundle, tmp_path), ("int8",))
    data = json.loads(json.dumps(as_data(results, {"quick": False})))
    table = card_table(data)
    assert "vision.eye: loss of auroc:closed" in table
    assert table.count("\n") == len(results[0].rows) + 1
    with pytest.raises(ConvertError, match="measures nothing"):
        card_table({**data, "quick": True})
    with pytest.raises(ConvertError, match="schema 99"):
        card_table({**data, "schema": 99})
    with pytest.raises(ConvertError, match="not an evaluation"):
        card_table({"rows": []})


def test_the_loss_of_int8_is_that_which_the_build_recorded(bundle, tmp_path):
    (result,) = evaluate(Context(bundle, tmp_path), ("int8",))
    record = json.loads(bundle.member("conversion.json"))["graphs"]
    assert len(result.rows) == len(record)
    eye = next(row for row in result.rows if row.measure.startswith("vision.eye"))
    assert eye.value == pytest.approx(record["vision.eye"]["loss_pp"] / 100)


def test_a_recording_of_our_own_reaches_the_monitor_sample_by_sample(bundle, signal):
    said = watch(bundle, Signal(signal[: 360 * 60], rate_hz=360.0, kind="ecg"))
    beats = said.series("vitals.beat")
    assert 40 < len(beats.t_s) < 120
    assert np.all(np.diff(beats.t_s) > 0)
    at = beats.t_s[10]
    assert said.nearest("vitals.beat", np.array([at + 0.01, at + 1e6]), within_s=0.1)[0] == beats.value[10]
    assert np.isnan(said.nearest("vitals.beat", np.array([at + 1e6]), within_s=0.1)[0])


def test_an_empty_picture_has_no_face(bundle):
    said = watch(bundle, Pictures([np.full((240, 320, 3), 90, np.uint8)], rate_hz=30.0))
    assert said.series("driver.face_found").value.tolist() == [0.0]


def test_boxes_overlap_by_intersection_over_union():
    assert iou((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(2 / 6)
    assert iou((0, 0, 1, 1), (2, 2, 3, 3)) == 0.0


def test_made_noise_has_the_ratio_that_is_asked_for(signal):
    clean = signal[:72_000].astype(float)
    for kind in ("muscle", "motion"):
        added = spoiled(clean, 360.0, kind, 6.0) - clean
        ratio = np.mean((clean - np.median(clean)) ** 2) / np.mean(added**2)
        assert 10 * np.log10(ratio) == pytest.approx(6.0, abs=0.01)


def test_an_alert_about_a_rate_that_the_reference_shows_too_is_not_false():
    fast = np.array([[10.0, 90.0], [40.0, 124.0]])
    alert = Alert(
        50_000_000_000, "health.heart_rate_high", "k", "raised", "physiological", "medium", 0, Reason("c", {}, "t"),
        121.0, 120.0, "bpm", 1,
    )  # fmt: skip
    assert excused(alert, fast)
    assert not excused(alert, fast[:1])
    assert not excused(alert, np.zeros((0, 2)))


def test_hearts_of_the_shared_data_end_to_end(shared_data, tmp_path, capsys):
    words = ["evaluate", bundle_name(), "--data", str(shared_data), "--quick", "--tasks", "qrs,beats,rhythm"]
    assert main([*words, "--json", "--out", str(tmp_path)]) == 0
    report = json.loads(capsys.readouterr().out)
    rows = {row["measure"]: row for row in report["rows"]}
    assert report["quick"] is True
    assert rows["QRS at 150 ms: sensitivity"]["value"] > 0.98
    assert rows["QRS at 150 ms: sensitivity"]["target"] == {"sense": ">=", "limit": 0.998}
    assert rows["V beats: F1"]["value"] > 0.9
    assert rows["AF: specificity"]["value"] > 0.9
    assert "QUICK" in (tmp_path / "evaluation.md").read_text()
