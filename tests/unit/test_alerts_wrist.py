import pytest
from timeline import NS, merged, play, readings, story, ticks

from edge_mm.alerts import Alarms, Limits, default_policies
from edge_mm.alerts.limits import limits_from
from edge_mm.errors import ConfigError


def wrist(limits=None):
    return Alarms(default_policies(modalities=["skin", "motion"], limits=limits))


def impacts(*parts, fps=0.5, **options):
    return readings("motion.fall", *parts, fps=fps, unit="probability", **options)


def arousal(*parts, **options):
    return readings("health.stress", *parts, fps=0.1, unit="probability", **options)


def test_a_fall_is_urgent_told_at_once_and_once():
    alerts = play(wrist(), impacts((4, 0.1), (2, 0.95), (2, 0.9), (2, 0.5)))
    assert story(alerts) == ["motion.fall raised"]
    assert (alerts[0].priority, alerts[0].t_ns, alerts[0].sources) == ("high", 4 * NS, ("motion",))
    assert "probability 0.95" in alerts[0].reason.text


def test_a_fall_is_over_when_ordinary_movement_has_gone_on_for_half_a_minute():
    alerts = play(wrist(), impacts((2, 0.95), (40, 0.05)))
    assert story(alerts) == ["motion.fall raised", "motion.fall cleared"]
    assert alerts[-1].t_ns == 32 * NS


def test_who_lies_still_stays_an_alert_for_two_minutes():
    alerts = play(wrist(), merged(impacts((2, 0.95)), ticks(1, 200)))
    assert story(alerts) == ["motion.fall raised", "motion.fall cleared"]
    assert alerts[-1].t_ns == 120 * NS
    assert alerts[-1].reason.text == "no further impact"


def test_an_impact_that_is_hardly_covered_is_no_fall():
    assert play(wrist(), impacts((2, 0.95), quality=0.2)) == []


def test_arousal_has_to_last_two_minutes_and_is_of_low_priority():
    assert play(wrist(), arousal((60, 0.2), (110, 0.9), (60, 0.2))) == []
    alerts = play(wrist(), arousal((60, 0.2), (180, 0.9), (120, 0.2)))
    assert story(alerts) == ["health.stress raised", "health.stress cleared"]
    assert (alerts[0].priority, alerts[0].onset_ns, alerts[0].t_ns) == ("low", 60 * NS, 180 * NS)
    assert alerts[-1].t_ns == 300 * NS


def test_without_the_sense_there_is_no_rule():
    kinds = {
        one.rule.kind for one in default_policies(modalities=["vision", "audio", "physio"]) if hasattr(one, "rule")
    }
    assert not kinds & {"motion.fall", "health.stress"}
    disabled = Limits(disabled=["motion.fall"])
    assert play(wrist(disabled), impacts((2, 0.95))) == []


def test_limits_out_of_order_are_refused():
    with pytest.raises(ConfigError, match="fall_exit"):
        limits_from({"fall_exit": 0.9})
    with pytest.raises(ConfigError, match="stress_exit"):
        limits_from({"stress_exit": 0.9})
