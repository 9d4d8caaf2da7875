"""``edge-mm rules``: what runs, by which numbers, from where."""

import json

import pytest

from edge_mm.alerts import limits_from
from edge_mm.alerts.described import default_sources
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.presets import PRESETS
from edge_mm.alerts.rule_kinds import ALWAYS, KINDS
from edge_mm.cli import main


def rules(capsys, *args):
    assert main(["rules", "--json", *args]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(autouse=True)
def _nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_is_told_with_its_numbers_their_sources_and_its_rules(capsys, name):
    said, preset = rules(capsys, "--preset", name), PRESETS[name]
    assert [one for one, row in said["presets"].items() if row["active"]] == [name]
    assert {key: (row["value"], row["source"]) for key, row in said["numbers"].items() if row["from"] == name} == {
        key: tuple(number) for key, number in preset.numbers.items()
    }
    assert {kind for kind, row in said["rules"].items() if row["active"]} == {*ALWAYS, *preset.enables}
    assert main(["rules", "--preset", name]) == 0
    text = capsys.readouterr().out
    assert f"preset {name}: inspired by {preset.inspired_by}" in text
    assert all(
        f"{key} = {json.dumps(number.value)}    {name}: {number.source}" in text
        for key, number in preset.numbers.items()
    )


def test_every_number_has_a_source_and_every_rule_its_readings(capsys):
    said = rules(capsys)
    names = [name for name in Limits.__struct_fields__ if name not in ("enabled", "disabled")]
    assert set(said["numbers"]) == set(names) and all(row["source"] for row in said["numbers"].values())
    assert all("same source" not in row["source"].lower() for row in said["numbers"].values())
    assert {row["from"] for row in said["numbers"].values()} == {"default"}
    assert list(said["rules"]) == list(KINDS) and all(row["listens_to"] for row in said["rules"].values())
    assert said["rules"]["health.news2"] == {
        "active": False,
        "listens_to": [
            "vitals.body_temperature_c", "vitals.breathing_rate_bpm", "vitals.heart_rate_bpm", "vitals.spo2_percent",
            "vitals.systolic_mmhg",
        ],
        "source": "heart_rate",
    }  # fmt: skip
    assert set(default_sources()) >= set(names)


def test_a_rule_by_speed_says_that_it_needs_one(capsys):
    kinds = ("driver.looking_away", "driver.glancing_away", "driver.unresponsive")
    said = rules(capsys, "--preset", "driver.addw")["rules"]
    assert all("vehicle.speed_kmh" in said[kind]["listens_to"] and "speed" in said[kind]["source"] for kind in kinds)
    said = rules(capsys)["rules"]
    assert not any("vehicle.speed_kmh" in said[kind]["listens_to"] for kind in kinds)


def test_the_configuration_s_presets_and_numbers_are_told_apart(tmp_path, capsys):
    table = (
        'presets = ["health.adult_monitor"]\nspo2_low_percent = 88\nheart_rate_high_bpm = 130\n'
        'enabled = ["driver.not_visible"]\ndisabled = ["sound.dog"]\n'
    )
    head = 'version = 1\ndevice_id = "cab"\n[[source]]\nname = "cam"\nkind = "video"\ndevice = "a.avi"\n'
    (tmp_path / "edge-mm.toml").write_text(f"{head}[rules]\n{table}")
    said = rules(capsys)
    numbers = said["numbers"]
    assert (numbers["spo2_low_percent"]["value"], numbers["spo2_low_percent"]["from"]) == (88.0, "[rules]")
    assert (numbers["spo2_low_exit_percent"]["value"], numbers["spo2_low_exit_percent"]["from"]) == (90.0, "follows")
    assert numbers["heart_rate_s"] == {
        "value": 6.0,
        "from": "health.adult_monitor",
        "source": PRESETS["health.adult_monitor"].numbers["heart_rate_s"].source,
    }
    assert said["rules"]["driver.not_visible"]["active"] and not said["rules"]["sound.dog"]["active"]
    limits = limits_from({"presets": ["health.adult_monitor"], "spo2_low_percent": 88, "heart_rate_high_bpm": 130})
    assert all(row["value"] == getattr(limits, key) for key, row in numbers.items())


def test_a_preset_that_there_is_none_of_is_one_sentence(capsys):
    assert main(["rules", "--preset", "driver.adw"]) == 78
    out = capsys.readouterr()
    assert out.out == "" and "no preset 'driver.adw'; did you mean driver.addw?" in out.err
    assert "Traceback" not in out.err


def test_presets_that_disagree_are_refused(capsys):
    assert main(["rules", "--preset", "driver.addw", "--preset", "driver.euroncap2026", "--json"]) == 78
    assert "take one of them, or set away_s beside them" in capsys.readouterr().err
