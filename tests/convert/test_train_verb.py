"""`edge-mm-convert train`: a bundle learns a horn that it never met, from recordings of its user."""

import json

import numpy as np
import pytest
from own_sounds import horn_folder

from converters.cli import main
from edge_mm.daemon.replay import replay
from edge_mm.models.bundle import load_bundle
from edge_mm.types import Alert


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    return horn_folder(tmp_path_factory.mktemp("horns"))


def trained(recordings, out, capsys, *more):
    words = ["train", "--from", "driver", "--data", str(recordings), "--out", str(out), "--json", *more]
    status = main(words)
    return status, json.loads(capsys.readouterr().out)


def sirens(bundle, recordings):
    said = [one for one in replay(bundle, audio=recordings / "0.wav") if isinstance(one, Alert)]
    return [one for one in said if one.kind == "sound.siren" and one.state == "raised"]


def test_the_heads_learn_it_and_nothing_else_moves(recordings, tmp_path, capsys):
    status, report = trained(recordings, tmp_path, capsys, "--logs", str(tmp_path / "logs"))
    assert status == 0
    audio = report["graphs"]["audio.encoder"]
    assert audio["taken"] and audio["kept_apart_by"] == "person"
    assert audio["weights_trained"] == 32 * 7 + 7
    [siren] = audio["labels"]
    assert siren["after"]["log_loss"] < 0.7 * siren["before"]["log_loss"]
    assert siren["after"]["auroc"] > siren["before"]["auroc"]
    assert siren["others_moved"] == 0
    assert list((tmp_path / "logs" / "audio.encoder").glob("events.out.tfevents.*"))
    old, new = load_bundle("driver"), load_bundle(report["bundle"])
    assert new.manifest.version == "0.1.0+mine"
    assert old.has("evaluation.json") and not new.has("evaluation.json")
    changed = [name for name, digest in new.manifest.files.items() if old.manifest.files.get(name) != digest]
    assert sorted(changed) == [
        "encoders/audio.encoder.tflite", "golden.npz", "model_card.md", "transfer.json"
    ]  # fmt: skip
    a, b = (np.frombuffer(one.graph("audio.encoder"), np.uint8) for one in (old, new))
    assert len(a) == len(b) and 0 < (a != b).sum() < 600
    assert "Trained further" in new.member("model_card.md").decode()
    assert len(sirens(new, recordings)) > len(
        sirens(old, recordings)
    )  # through the device's own monitor and the rules that ship


def test_the_same_again_gives_the_same_bytes(recordings, tmp_path, capsys):
    reports = [trained(recordings, tmp_path / name, capsys, "--epochs", "6")[1] for name in ("a", "b")]
    first, second = (load_bundle(one["bundle"]).digest for one in reports)
    assert first == second
    assert (
        load_bundle(trained(recordings, tmp_path / "c", capsys, "--epochs", "6", "--seed", "1")[1]["bundle"]).digest
        != first
    )


def test_whole_nets(recordings, tmp_path, capsys):
    status, report = trained(recordings, tmp_path, capsys, "--unfreeze", "--epochs", "25", "--name", "horns")
    assert status == 0
    audio = report["graphs"]["audio.encoder"]
    assert audio["weights_trained"] > 100_000
    [siren] = audio["labels"]
    assert siren["after"]["log_loss"] < siren["before"]["log_loss"]
    assert load_bundle(report["bundle"]).manifest.name == "horns"


def test_a_state_teaches_the_fusion(tmp_path, capsys):
    folder = horn_folder(tmp_path / "states", seconds=60, label="drowsy")
    status, report = trained(folder, tmp_path / "out", capsys)
    assert status == 0
    assert set(report["graphs"]) == {"fusion"}
    fusion = report["graphs"]["fusion"]
    assert fusion["weights_trained"] == 4 * 32 + 1
    [drowsy] = fusion["labels"]
    assert drowsy["after"]["log_loss"] < drowsy["before"]["log_loss"]
    assert drowsy["others_moved"] == 0  # attention and the other states


def test_what_is_not_better_is_not_written(recordings, tmp_path, capsys):
    status, report = trained(recordings, tmp_path, capsys, "--epochs", "1", "--rate", "1e-9")
    assert (status, report["bundle"]) == (1, None)
    assert not list(tmp_path.glob("*.edgemm"))


def test_the_text_says_what_came_of_it(recordings, tmp_path, capsys):
    assert main(["train", "--from", "driver", "--data", str(recordings), "--out", str(tmp_path), "--epochs", "20"]) == 0
    said = capsys.readouterr().out
    assert "siren  audio.encoder" in said and "(by person)" in said and "driver-0.1.0+mine.edgemm" in said


REFUSED = [
    (["--labels", "yawn"], 65, "no recording has labels for yawn"),
    (["--held-out", "1"], 2, "between 0 and 1"),
    (["--rate", "-1"], 2, "must be above 0"),
    (["--strategy", "workers"], 2, "TF_CONFIG"),
    (["--version", "0.1.0"], 65, "is the bundle that is trained further"),
    (["--version", "../x"], 65, "--version ../x"),
    (["--logs", "/proc/nobody"], 65, "the log cannot be written there"),
    (["--data", "/nowhere"], 2, "no manifest.csv"),
    (["--from", "nobody"], 2, "nobody"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: " ".join(case[0]))
def test_refused(recordings, tmp_path, capsys, monkeypatch, case):
    words, status, text = case
    monkeypatch.delenv("TF_CONFIG", raising=False)
    asked = ["train", "--from", "driver", "--data", str(recordings), "--out", str(tmp_path / "out"), *words]
    assert main(asked) == status
    assert text in capsys.readouterr().err
    assert not list(tmp_path.glob("out/*"))


def test_a_file_that_was_cut_is_noted(tmp_path, capsys):
    folder = horn_folder(tmp_path / "cut")
    whole = (folder / "0.wav").read_bytes()
    (folder / "0.wav").write_bytes(whole[: len(whole) // 3])
    assert main(["train", "--from", "driver", "--data", str(folder), "--out", str(tmp_path), "--epochs", "3"]) == 0
    assert "note: day 0: 1 labels begin after what was read of it" in capsys.readouterr().out


def test_too_few_recordings_are_refused(tmp_path, capsys):
    folder = horn_folder(tmp_path / "one", people=1, seconds=12)
    assert main(["train", "--from", "driver", "--data", str(folder), "--out", str(tmp_path)]) == 65
    assert "too few labelled moments" in capsys.readouterr().err


def test_a_bundle_that_cannot_learn_it_says_what_it_learns(tmp_path, capsys):
    folder = horn_folder(tmp_path / "yawns", people=3, seconds=12, label="yawn")
    assert main(["train", "--from", "health", "--data", str(folder), "--out", str(tmp_path)]) == 65
    assert "it learns" in capsys.readouterr().err
