"""What `check`, the log and Home Assistant are told of rules that nothing can feed, and of names of no kind."""

import json
import logging

import pytest
from recordings import bundle_name, bursts

from edge_mm.cli import main
from edge_mm.daemon.announced import alarms_of
from edge_mm.daemon.config import load_config, parse_config
from edge_mm.daemon.outfit import watch_of
from edge_mm.daemon.rules_looked_at import unknown_names, without_sensor
from edge_mm.errors import ConfigError
from edge_mm.models.bundle import load_bundle


def config(folder, *kinds, person=None, **tables):
    at = {"video": "a.avi", "ecg": "a.csv"}
    rows = [{"name": f"s{i}", "kind": kind, "device": at.get(kind, f"mqtt:{kind}")} for i, kind in enumerate(kinds)]
    for row, who in zip(rows, person or (), strict=bool(person)):
        row["person"] = who
    return parse_config({"version": 1, "device_id": "d", "source": rows, **tables}, file="f", folder=folder)


KINDS = ("heart_rate", "spo2", "respiration_rate", "body_temp")


@pytest.fixture(scope="module")
def bundle():
    return load_bundle(bundle_name())


def test_rules_of_a_preset_without_a_sensor_are_named_with_what_to_do(tmp_path):
    some = config(tmp_path, *KINDS, rules={"presets": ["health.adult_monitor"]})
    (said,) = without_sensor(some)
    assert said.startswith("6 rules of health.adult_monitor have no sensor: health.systolic_low (blood_pressure), ")
    off = json.loads(said.rpartition("disabled = ")[2])
    assert {"health.diastolic_high", "health.asystole", "health.ventricular_run"} < set(off)
    rules = {"presets": ["health.adult_monitor"], "disabled": off}
    assert not list(without_sensor(config(tmp_path, *KINDS, rules=rules)))
    (one,) = without_sensor(config(tmp_path, "video", rules={"enabled": ["health.cough_rate"]}))
    assert one.startswith("1 rule of the [rules] enabled has no sensor: health.cough_rate (audio); ")
    assert not list(without_sensor(config(tmp_path, rules=rules)))


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [("*", None), ("driver.*", None), ("driver.sleep", None), ("sensor.lost", None), ("outbox.*", None),
     ("driver", "did you mean driver.*?"), ("driver.sleeep", "did you mean driver.sleep?"),
     ("zzz", "families are device.*, driver.*, ")],
)  # fmt: skip
def test_names_of_no_kind_are_told_with_what_was_meant(tmp_path, caplog, bundle, pattern, hint):
    some = config(tmp_path, "video", alarms={pattern: {"keep_s": 3.0}})
    said = unknown_names(some)
    assert [hint in text for text in said] == ([] if hint is None else [True])
    with caplog.at_level(logging.WARNING, logger="edge_mm.run"):
        watch_of(some, bundle, None)
        assert [one.getMessage() for one in caplog.records] == said
        caplog.clear()
        watch_of(some, bundle, ())  # a policy of one's own may give it
    assert not caplog.records


def test_an_empty_name_is_wrong(tmp_path):
    with pytest.raises(ConfigError, match="an empty name"):
        config(tmp_path, "video", alarms={"": {"keep_s": 3.0}})


def test_check_warns_of_both_and_goes_on(tmp_path, capfd):
    bursts(tmp_path / "s.wav", count=1)
    head = f'version = 1\ndevice_id = "d"\nbundle = "{bundle_name()}"\n'
    path = tmp_path / "edge-mm.toml"
    path.write_text(
        head + '[[source]]\nname="a"\nkind="audio"\ndevice="s.wav"\nrealtime=false\n[rules]\n'
        'presets=["motion.fall_no_movement"]\n[alarms.driver]\nlatching=true\n'
    )
    load_config(path)
    main(["check", "-c", str(path), "--json"])
    told = [one for one in json.loads(capfd.readouterr().out)["findings"] if one["part"] == "rules"]
    assert [(one["level"], one["status"]) for one in told] == [("warning", 0)] * 2
    assert "did you mean driver.*?" in told[0]["text"] and "2 rules of motion.fall_no_movement" in told[1]["text"]


def test_only_alarms_that_a_configured_sense_can_raise_are_announced(tmp_path, bundle):
    def announced(some):
        return {alarm.key for alarm in alarms_of(watch_of(some, bundle, None), some)}

    belt = announced(config(tmp_path, "heart_rate", rules={"enabled": ["health.spo2_low"]}))
    assert {one for one in belt if one.startswith(("driver.", "sound.", "health.", "motion."))} == {
        "health.heart_rate_low", "health.heart_rate_high"
    }  # fmt: skip
    assert "sensor.lost/s0" in belt and "sensor.electrode/s0" not in belt and "device.lost/broker" in belt
    ecg = announced(config(tmp_path, "ecg", "video"))
    assert {"health.asystole", "driver.sleep", "sensor.electrode/s0"} <= ecg
    assert not {"sound.siren", "sensor.electrode/s1"} & ecg
    two = announced(config(tmp_path, "video", "heart_rate", person=("ann", "bob")))
    assert {"driver.sleep@ann", "health.heart_rate_low@bob"} <= two
    assert not {"driver.sleep@bob", "health.heart_rate_low@ann"} & two
