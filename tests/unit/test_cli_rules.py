"""``edge-mm rules``: what runs, by which numbers, from where."""

import json
from typing import get_args

import pytest

from edge_mm.alerts import limits_from
from edge_mm.alerts.described import default_sources, heard, raised_by
from edge_mm.alerts.inputs import NEEDS
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.presets import PRESETS
from edge_mm.alerts.rule_kinds import ALWAYS, KINDS, OPTIONAL
from edge_mm.cli import main
from edge_mm.kinds import StreamKind
from edge_mm.perception.readings import MEANINGS


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
        "source": "body_temp or respiration_rate or ecg or ppg or heart_rate or spo2 or blood_pressure",
        "missing": "",
        "alarms": {},
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


HEAD = 'version = 1\ndevice_id = "cab"\n[[source]]\nname = "cam"\nkind = "video"\ndevice = "a.avi"\n'


def test_a_number_of_ones_own_is_not_credited_to_a_vendor_and_stands_first(tmp_path, capsys):
    table = '[rules]\npresets = ["health.adult_monitor"]\nheart_rate_high_bpm = 130\naway_s = 9\n'
    (tmp_path / "edge-mm.toml").write_text(HEAD + table)
    assert main(["rules"]) == 0
    whole = capsys.readouterr().out.splitlines()
    numbers = [line for line in whole if " = " in line and "[alarms]" not in line]
    assert {line.split("    ")[1].partition(":")[0] for line in numbers[:2]} == {"[rules]"}
    own = "heart_rate_high_bpm = 130.0    [rules]: yours; preset health.adult_monitor has 120.0 (Contec CMS8000, adult"
    assert any(line.startswith(own) for line in numbers[:2])
    assert any(line.startswith("away_s = 9.0    [rules]: yours; the default is ") for line in numbers[:2])
    assert main(["rules", "--changed"]) == 0
    changed = capsys.readouterr().out.splitlines()
    assert changed == [line for line in whole if "    default: " not in line] != whole


def test_what_a_rule_misses_is_told_of_the_sensors_that_are_there(tmp_path, capsys):
    alone = rules(capsys)["rules"]
    assert alone["driver.sleep"]["source"] == "video" and alone["health.asystole"]["source"] == "ecg"
    assert not any(row["missing"] for row in alone.values())
    (tmp_path / "edge-mm.toml").write_text(HEAD + '[rules]\npresets = ["driver.addw"]\n')
    missing = {kind: row["missing"] for kind, row in rules(capsys)["rules"].items()}
    assert missing["driver.sleep"] == "" and missing["health.heart_rate_low"] == "ecg or ppg or heart_rate"
    assert missing["driver.looking_away"] == "speed" and missing["health.spo2_low"] == "spo2"
    assert main(["rules"]) == 0
    said = capsys.readouterr().out.splitlines()
    (spo2,) = (line for line in said if line.startswith("health.spo2_low (off)"))
    assert spo2.endswith("; missing: a source of kind spo2")
    assert "driver.sleep: listens to driver.eyes_closed" in said


def test_how_an_alarm_is_dealt_with_is_told_where_the_configuration_changes_it(tmp_path, capsys):
    table = '[alarms."driver.*"]\nlatching = true\n[alarms."driver.sleep"]\nescalate_s = 30\nkeep_s = 2\n'
    (tmp_path / "edge-mm.toml").write_text(HEAD + table + '[alarms."sensor.lost"]\nfor_s = 5\n')
    said = rules(capsys)
    assert said["rules"]["driver.sleep"]["alarms"] == {"latching": True, "escalate_s": 30}
    assert said["rules"]["sound.dog"]["alarms"] == {} and said["alarms"] == {"sensor.lost": {"for_s": 5}}
    assert main(["rules"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "sensor.lost; [alarms]: for_s = 5" in lines
    assert any(line.startswith("driver.yawning: ") and line.endswith("; [alarms]: latching = true") for line in lines)


def test_a_mistake_elsewhere_in_the_configuration_does_not_hide_the_rules(tmp_path, capsys):
    (tmp_path / "edge-mm.toml").write_text(HEAD + "[mqtt]\nport = 0\n[rules]\naway_s = 3\n")
    assert rules(capsys)["numbers"]["away_s"]["from"] == "[rules]"
    (tmp_path / "edge-mm.toml").write_text(HEAD + "[mqtt]\nport = 0\n[rules]\nawayy_s = 3\n")
    assert main(["rules"]) == 78
    said = capsys.readouterr().err
    assert "awayy_s" in said and "port" not in said


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_rule_asks_for_by_name_is_among_what_can_feed_it(kind):
    limits = Limits(enabled=list(OPTIONAL), away_by_speed=True)
    fed, heard_of = raised_by(limits), {name for name in heard(limits)[kind] if name.startswith("vitals.")}
    assert fed[kind] and set(fed[kind]) <= set(get_args(StreamKind))
    assert kind not in NEEDS or NEEDS[kind].source in fed[kind]
    told = {source for source, meaning in MEANINGS.items() if heard_of & set(meaning.names)}
    assert told <= set(fed[kind]) | ({"heart_rate"} if kind == "health.asystole" else set())


def test_a_preset_that_there_is_none_of_is_one_sentence(capsys):
    assert main(["rules", "--preset", "driver.adw"]) == 78
    out = capsys.readouterr()
    assert out.out == "" and "no preset 'driver.adw'; did you mean driver.addw?" in out.err
    assert "Traceback" not in out.err


def test_presets_that_disagree_are_refused(capsys):
    assert main(["rules", "--preset", "driver.addw", "--preset", "driver.euroncap2026", "--json"]) == 78
    assert "take one of them, or set away_s beside them" in capsys.readouterr().err
