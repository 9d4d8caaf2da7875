"""An alarm's life as time lines in seconds: what people do with it, what happens when they do nothing."""

import pytest
from alarm_script import QUIET, Script, line, lived, refused, told
from timeline import NS

from edge_mm.alerts.handling import Handling, Handlings
from edge_mm.errors import ConfigError
from edge_mm.types import Alert, Reply


def test_an_acknowledged_alarm_stays_until_its_condition_is_over():
    _, happened = line(Script({10: True, 50: False}), commands=[(20, "acknowledge", 1, 0)])
    assert told(happened) == [(10, "raised"), (20, "acknowledged"), (50, "cleared")]
    seen = next(one for one in happened if isinstance(one, Alert) and one.state == "acknowledged")
    assert (seen.previous, seen.by, seen.incident) == ("active", "ann", 1)
    assert [one.transaction for one in happened if isinstance(one, Reply)] == ["t"]


def test_to_acknowledge_twice_is_done_once():
    _, happened = line(Script({10: True}), commands=[(20, "acknowledge", 1, 0), (21, "acknowledge", 1, 0)], until=60)
    assert told(happened) == [(10, "raised"), (20, "acknowledged")]
    assert refused(happened) == []


def test_a_silence_ends_by_itself_and_the_alarm_is_active_again():
    _, happened = line(Script({10: True}), commands=[(20, "silence", 1, 30)], until=70, table=QUIET)
    assert told(happened) == [(10, "raised"), (20, "silenced"), (50, "resumed")]
    silenced, resumed = [one for one in happened if isinstance(one, Alert)][1:]
    assert (silenced.silent_until_ns, resumed.silent_until_ns) == (50 * NS, None)


@pytest.mark.parametrize(("priority", "longest"), [("high", 120), ("medium", 600), ("low", 600)])
def test_a_silence_without_a_length_is_as_long_as_is_allowed_and_no_longer(priority, longest):
    script = Script({10: True}, priority=priority)
    _, happened = line(script, commands=[(20, "silence", 1, 0)], until=700, table=QUIET)
    assert told(happened) == [(10, "raised"), (20, "silenced"), (20 + longest, "resumed")]


@pytest.mark.parametrize("seconds", [121, -1, float("nan"), float("inf")])
def test_a_silence_that_is_too_long_or_no_length_is_refused(seconds):
    _, happened = line(Script({10: True}), commands=[(20, "silence", 1, seconds)], until=60)
    assert told(happened) == [(10, "raised")]
    assert "120 s at most" in refused(happened)[0]


def test_an_unknown_instance_is_refused_and_says_so():
    commands = [(5, "acknowledge", 1, 0), (20, "acknowledge", 7, 0), (60, "silence", 1, 0)]
    _, happened = line(Script({10: True, 40: False}), commands=commands)
    assert told(happened) == [(10, "raised"), (40, "cleared")]
    assert len(refused(happened)) == 3
    assert all("no alarm of this instance" in error for error in refused(happened))


def test_acknowledging_one_instance_never_hides_the_next():
    script = Script({10: True, 20: False, 30: True})
    _, happened = line(script, commands=[(12, "acknowledge", 1, 0)], until=80)
    assert told(happened) == [(10, "raised"), (12, "acknowledged"), (20, "cleared"), (30, "raised")]
    assert [one.incident for one in happened if isinstance(one, Alert)] == [1, 1, 1, 2]


def test_what_comes_back_during_a_long_cooldown_is_not_hidden_by_an_acknowledgement():
    script = Script({10: True, 20: False, 30: True, 200: False})
    table = {"driver.sleep": {"cooldown_s": 60, "escalate_s": 0}}
    _, happened = line(script, commands=[(12, "acknowledge", 1, 0)], until=260, table=table)
    assert told(happened) == [(10, "raised"), (12, "acknowledged"), (30, "resumed"), (200, "cleared")]


def test_a_flicker_does_not_undo_an_acknowledgement():
    script = Script({10: True, 20: False, 21: True, 40: False})
    _, happened = line(script, commands=[(12, "acknowledge", 1, 0)], table={"*": {"keep_s": 12}})
    assert told(happened) == [(10, "raised"), (12, "acknowledged"), (40, "cleared")]


def test_nobody_acknowledges_a_high_alarm_so_it_is_told_once_more():
    _, happened = line(Script({10: True}), until=400)
    assert told(happened) == [(10, "raised"), (70, "escalated")]
    assert (happened[1].priority, happened[1].escalation) == ("high", 1)


def test_an_alarm_rises_step_by_step_until_somebody_answers():
    script = Script({10: True}, priority="low")
    table = {"driver.*": {"escalate_s": 30}}
    _, happened = line(script, until=400, table=table)
    assert [(at, state) for at, state in told(happened)] == [
        (10, "raised"), (40, "escalated"), (70, "escalated"), (100, "escalated"),
    ]  # fmt: skip
    assert [one.priority for one in happened] == ["low", "medium", "high", "high"]
    _, answered = line(script, until=400, table=table, commands=[(50, "acknowledge", 1, 0)])
    assert told(answered) == [(10, "raised"), (40, "escalated"), (50, "acknowledged")]


def test_a_silenced_alarm_escalates_only_when_it_can_be_heard_again():
    _, happened = line(Script({10: True}), until=200, commands=[(20, "silence", 1, 100)])
    assert told(happened) == [(10, "raised"), (20, "silenced"), (120, "resumed"), (120, "escalated")]


def test_a_latched_alarm_stays_until_it_is_acknowledged():
    script = Script({10: True, 20: False})
    table = {"driver.sleep": {"latching": True}}
    _, happened = line(script, until=100, table=table)
    assert told(happened) == [(10, "raised"), (20, "latched")]
    assert all(one.latched for one in happened)
    assert "until it is acknowledged" in happened[1].reason.text
    _, seen = line(script, until=100, table=table, commands=[(60, "acknowledge", 1, 0)])
    assert told(seen) == [(10, "raised"), (20, "latched"), (60, "acknowledged"), (60, "cleared")]


def test_a_rule_can_latch_its_alarm():
    _, happened = line(Script({10: True, 20: False}, latch=True), until=60)
    assert told(happened) == [(10, "raised"), (20, "latched")]


def test_a_latched_alarm_whose_condition_comes_back_is_active_again():
    script = Script({10: True, 20: False, 40: True, 50: False}, latch=True)
    _, happened = line(script, until=90, table=QUIET)
    assert told(happened) == [(10, "raised"), (20, "latched"), (40, "resumed"), (50, "latched")]


def test_a_silence_of_a_latched_alarm_ends_where_it_was():
    script = Script({10: True, 20: False}, latch=True)
    _, happened = line(script, until=90, commands=[(30, "silence", 1, 20)])
    assert told(happened) == [(10, "raised"), (20, "latched"), (30, "silenced"), (50, "latched")]


def test_a_condition_is_pending_until_it_has_held_for_long_enough():
    table = {"driver.sleep": {"for_s": 5}}
    alarms, happened = line(Script({10: True}), until=14, table=table)
    assert (told(happened), alarms.pending) == ([], ("driver.sleep",))
    assert told(lived(alarms, 14, 40)) == [(15, "raised")]
    assert told(line(Script({10: True, 14: False}), table=table)[1]) == []


def test_raising_is_never_delayed_by_a_cooldown():
    script = Script({10: True, 12: False, 20: True, 22: False, 31: True})
    _, happened = line(script, until=60, table={"*": {"cooldown_s": 20, "escalate_s": 0}})
    # The second one found the alarm still active: it was kept until a new raise may come.
    assert told(happened) == [(10, "raised"), (30, "cleared"), (31, "raised")]


def test_how_an_alarm_is_dealt_with_is_found_from_the_kind_to_everybody():
    table = {"*": {"keep_s": 1}, "driver.*": {"keep_s": 3, "cooldown_s": 9}, "driver.sleep": {"latching": True}}
    found = Handlings(table).of("driver.sleep", category="physiological", priority="high")
    assert found == Handling(keep_s=3, cooldown_s=9, latching=True, escalate_s=60)
    assert Handlings(table).of("sensor.lost", category="technical", priority="high") == Handling(keep_s=1)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"driver.sleep": {"latch": True}}, "did you mean latching?"),
        ({"driver.sleep": {"keep_s": -1}}, "keep_s"),
        ({"driver.sleep": {"escalate_s": "soon"}}, "escalate_s"),
        ({"driver.sleep": 5}, "give a table"),
    ],
)
def test_what_is_wrong_in_the_table_is_said(table, words):
    with pytest.raises(ConfigError, match=r"\[alarms\]") as caught:
        Handlings(table)
    assert words in str(caught.value)
