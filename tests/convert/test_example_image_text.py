"""The seed article's classifier learns from real signs and their names, becomes int8, and shows why attention."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "image_text_classifier.py"
SPOILT = ("picture blank", "picture noise", "text missing", "text garbled")


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(EXAMPLE.parents[1])}
    return subprocess.run(
        [sys.executable, str(EXAMPLE), *words], cwd=cwd, capture_output=True, text=True, check=False, env=env
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("image_text")
    assert EXAMPLE.name == "image_text_classifier.py"
    done = run("--out", "made", "--epochs", "8", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "made"


def test_attention_loses_less_than_either_concatenation_when_one_of_the_two_is_spoilt(made):
    table = json.loads((made / "table.json").read_text())["table"]

    def lost(net):
        return sum(table["clean"][net]["auroc"] - table[how][net]["auroc"] for how in SPOILT) / len(SPOILT)

    assert table["clean"]["attention"]["auroc"] > 0.8
    assert lost("attention") < min(lost("article"), lost("concat")) - 0.02


def test_attention_turns_away_from_what_is_spoilt(made):
    alpha = json.loads((made / "table.json").read_text())["alpha"]
    for how in SPOILT:
        sense = 0 if how.startswith("picture") else 1
        assert alpha[how][sense] < 0.5 * alpha["clean"][sense], how


def test_int8_says_what_float_says(made):
    table = json.loads((made / "table.json").read_text())["table"]
    for net in ("concat", "attention"):
        assert table["clean"][net]["auroc"] > table["clean"][f"{net}_float"]["auroc"] - 0.01


def test_every_file_is_left(made):
    names = {path.name for path in made.iterdir()}
    assert names >= {"concat.tflite", "attention.tflite", "concat.npy", "attention.npy", "table.json", "attention.png"}


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("--out", "file/made", cwd=tmp_path)
    assert done.returncode == 2 and "--out file/made" in done.stderr and "Traceback" not in done.stderr
