import math

import msgspec
import pytest
from timeline import play, readings, story

from edge_mm.alerts import Alarms, Limits, default_policies, limits_from
from edge_mm.alerts.limits import KINDS
from edge_mm.alerts.rule_kinds import ALWAYS
from edge_mm.errors import ConfigError
from edge_mm.models.bundle import load_bundle


def test_nothing_given_is_the_defaults():
    assert limits_from({}) == Limits()


def test_a_key_changes_its_number_and_no_other():
    limits = limits_from({"eyes_closed_s": 2, "disabled": ["sound.dog"]})
    assert limits.eyes_closed_s == 2.0
    assert msgspec.structs.replace(limits, eyes_closed_s=1.5, disabled=[]) == Limits()
    alarms = Alarms(default_policies(limits=limits))
    assert play(alarms, readings("driver.eyes_closed", (1.9, 0.9))) == []


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(ConfigError) as caught:
        limits_from(
            {
                "eyes_closed": 1.0,
                "sleep_s": "3",
                "perclos_enter": 1.5,
                "ventricular_count": 2.5,
                "drowsy_enter": 0.3,
                "drowsy_exit": 0.4,
                "disabled": ["driver.sleeping"],
                "away_s": math.nan,
                "sound_s": True,
            },
            where="car.toml: [rules]",
        )
    problems = caught.value.problems
    assert len(problems) == 8
    text = "\n".join(problems)
    assert all(problem.startswith("car.toml: [rules] ") for problem in problems)
    assert "eyes_closed: unknown key; did you mean eyes_closed_s?" in text
    assert "sleep_s = '3': give a number from 0 to 3600, in seconds, without quotes" in text
    assert "perclos_enter = 1.5: give a number above 0 and at most 1" in text
    assert "drowsy_exit = 0.4 is above drowsy_enter = 0.3: set it to at most 0.3" in text
    assert "no rule 'driver.sleeping'; did you mean driver.sleep?; there are driver.eyes_closed, driver.sleep," in text
    assert "away_s = nan: give a number from 0 to 3600, in seconds" in text


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, 1e9, -91.0])
def test_no_number_may_be_absurd(wrong):
    numbers = [name for name, value in msgspec.structs.asdict(Limits()).items() if isinstance(value, float)]
    with pytest.raises(ConfigError) as caught:
        limits_from(dict.fromkeys(numbers, wrong))
    assert [problem.split()[1] for problem in caught.value.problems] == numbers


ZERO = [
    *(f"{one}_max_gap_s" for one in ("vision", "fusion", "vitals", "irregular", "sound", "unusable")),
    *("perclos_window_s", "ventricular_window_s", "perclos_closed", "away_exit_ratio"),
    *(f"{one}_{way}" for one in ("eyes_closed", "perclos", "yawning", "drowsy") for way in ("enter", "exit")),
    *(f"{one}_{way}" for one in ("irregular", "sound", "unusable") for way in ("enter", "exit")),
]


@pytest.mark.parametrize("key", ZERO)
def test_a_zero_that_would_silence_a_rule_or_make_it_endless_is_refused(key):
    with pytest.raises(ConfigError) as caught:
        limits_from({key: 0})
    assert caught.value.problems[0].startswith(f"[rules] {key} = 0: give a number above 0 and at most ")


PAIRS = [
    ("eyes_closed_exit", "eyes_closed_enter"),
    ("perclos_exit", "perclos_enter"),
    ("perclos_min_cover_s", "perclos_window_s"),
    ("yawning_exit", "yawning_enter"),
    ("drowsy_exit", "drowsy_enter"),
    ("heart_rate_low_exit_bpm", "heart_rate_high_exit_bpm"),
    ("heart_rate_high_exit_bpm", "heart_rate_high_bpm"),
    ("irregular_exit", "irregular_enter"),
    ("ventricular_exit_count", "ventricular_count"),
    ("sound_exit", "sound_enter"),
    ("glances_s", "glances_window_s"),
    ("distracted_1_s", "distracted_2_s"),
    ("distracted_2_s", "distracted_3_s"),
    ("away_slow_kmh", "away_fast_kmh"),
    ("glances_exit_s", "glances_s"),
    ("temperature_high_exit_c", "temperature_high_c"),
    ("breathing_low_exit_bpm", "breathing_high_exit_bpm"),
    ("cough_rate_exit_count", "cough_rate_count"),
    ("news2_total", "news2_emergency_total"),
]


@pytest.mark.parametrize(("lower", "upper"), PAIRS)
def test_of_two_limits_the_lower_may_reach_the_upper_but_not_pass_it(lower, upper):
    top = getattr(Limits(), upper)
    assert getattr(limits_from({lower: top}), lower) == top
    above = top + 1 if isinstance(top, int) else top + 0.01
    with pytest.raises(ConfigError) as caught:
        limits_from({lower: above})
    assert f"[rules] {lower} = {above:g} is above {upper} = {top:g}: set it to at most {top:g}" in caught.value.problems


def test_the_least_quality_is_that_of_the_bundle_and_of_the_sensor_rule():
    assert Limits().min_quality == Limits().unusable_enter == load_bundle("driver").manifest.min_quality


def test_a_wrong_number_is_not_also_blamed_for_its_order():
    with pytest.raises(ConfigError) as caught:
        limits_from({"eyes_closed_enter": "high", "eyes_closed_exit": 0.9})
    assert len(caught.value.problems) == 1


def test_limits_made_in_python_are_checked_too():
    with pytest.raises(ConfigError, match="yawning_s"):
        default_policies(limits=Limits(yawning_s=-1))


def test_the_list_of_kinds_is_what_the_rules_are_called():
    limits = Limits(enabled=list(KINDS))
    policies = default_policies(heads=["drowsy", "stressed", "arrhythmia", "distress", "event"], limits=limits)
    said = [policy.rule.kind for policy in policies if hasattr(policy, "rule")]
    assert tuple(dict.fromkeys(said)) == KINDS
    policies = default_policies(heads=["drowsy", "stressed", "arrhythmia", "distress", "event"])
    assert tuple(policy.rule.kind for policy in policies if hasattr(policy, "rule")) == ALWAYS


def test_each_sense_brings_its_own_rules_and_the_technical_ones_are_always_there():
    def kinds(**given):
        return [policy.rule.kind.split(".")[0] for policy in default_policies(**given) if hasattr(policy, "rule")]

    assert set(kinds(modalities=["audio"])) == {"sound"}
    assert set(kinds(modalities=["physio"])) == {"health"}
    assert set(kinds(modalities=["vision"])) == {"driver"}
    assert kinds(modalities=[], heads=["drowsy"]) == ["driver"]
    everything = default_policies(limits=Limits(disabled=list(KINDS)))
    assert len(everything) == 3


def test_a_disabled_kind_does_not_alert():
    alarms = Alarms(default_policies(limits=Limits(disabled=["driver.eyes_closed"])))
    assert story(play(alarms, readings("driver.eyes_closed", (5, 0.9)))) == ["driver.sleep raised"]


def test_every_number_can_be_set_from_the_table():
    defaults = msgspec.structs.asdict(Limits())
    assert limits_from(defaults) == Limits()
    assert len(defaults) > 50
