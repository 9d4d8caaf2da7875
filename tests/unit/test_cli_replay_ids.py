"""The ids of a replay's alerts hang on everything that decides what comes out."""

import json

import numpy as np
from recordings import bundle_name, ecg_csv

from edge_mm.cli import main


def ids(capsys, *words: str) -> list[str]:
    assert main(["replay", "--json", "--bundle", bundle_name(), *words]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line["id"] for line in lines if line["type"] == "alert"]


def test_another_rate_another_role_or_other_rules_give_other_ids_and_the_same_again_the_same(tmp_path, capsys):
    table = ecg_csv(tmp_path / "e.csv", seconds=60, bpm=150).read_text().splitlines()[1:]
    np.save(tmp_path / "e.npy", np.array([float(row.split(",")[1]) for row in table], np.float32))
    signal, rules = str(tmp_path / "e.npy"), tmp_path / "c.toml"
    rules.write_text('version = 1\ndevice_id = "d"\n[rules]\nheart_rate_high_bpm = 125\n')
    first = ids(capsys, "--ecg", signal, "--rate", "250")
    assert first
    assert ids(capsys, "--ecg", signal, "--rate", "250") == first
    others = [["--ecg", signal, "--rate", "240"], ["--ecg", signal, "--rate", "250", "--config", str(rules)]]
    for words in others:
        assert not set(ids(capsys, *words)) & set(first)
