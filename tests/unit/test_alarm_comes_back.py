"""What comes back is never hidden by what somebody did about it before."""

import pytest
from test_alarm_life import QUIET, Script, line, lived, refused, told
from timeline import NS

from edge_mm.alerts import Alarms
from edge_mm.alerts.handling import Handlings
from edge_mm.errors import ConfigError
from edge_mm.types import Command


def restored(alarms, script, *, same_clock, table=None):
    after = Alarms([script], handling=Handlings(table))
    after.restore(alarms.snapshot(), same_clock=same_clock)
    return after


def test_what_was_acknowledged_before_a_power_cut_and_still_holds_is_told_anew():
    alarms, _ = line(Script({10: True}), until=30, commands=[(20, "acknowledge", 1, 0)])
    after = restored(alarms, Script({40: True}), same_clock=False)
    happened = lived(after, 1, 200)
    assert told(happened) == [(40, "resumed"), (100, "escalated")]
    assert happened[0].incident == 1


def test_what_was_acknowledged_before_a_quick_restart_stays_so():
    alarms, _ = line(Script({10: True}), until=30, commands=[(20, "acknowledge", 1, 0)])
    after = restored(alarms, Script({40: True, 90: False}), same_clock=True)
    assert told(lived(after, 31, 200)) == [(90, "cleared")]


def test_an_alarm_that_comes_back_escalates_again():
    script = Script({10: True, 100: False, 150: True}, priority="medium", latch=True)
    _, happened = line(script, until=300, table={"*": {"escalate_s": 50}})
    assert told(happened) == [
        (10, "raised"), (60, "escalated"), (100, "latched"), (150, "resumed"), (200, "escalated"), (250, "escalated"),
    ]  # fmt: skip
    assert [one.priority for one in happened] == ["medium", "high", "high", "medium", "high", "high"]
    assert [one.escalation for one in happened] == [0, 1, 1, 0, 1, 2]


def test_a_silence_holds_when_its_condition_ends_and_what_latches_is_told_at_its_end():
    script = Script({10: True, 30: False}, latch=True)
    _, happened = line(script, until=120, commands=[(20, "silence", 1, 60)], table=QUIET)
    assert told(happened) == [(10, "raised"), (20, "silenced"), (80, "latched")]


def test_what_ends_while_it_is_silenced_is_over_without_waiting_for_the_silence():
    _, happened = line(Script({10: True, 30: False}), until=120, commands=[(20, "silence", 1, 60)])
    assert told(happened) == [(10, "raised"), (20, "silenced"), (30, "cleared")]


def test_who_acknowledges_during_a_silence_ends_what_is_latched():
    script = Script({10: True, 30: False}, latch=True)
    commands = [(20, "silence", 1, 60), (40, "acknowledge", 1, 0)]
    _, happened = line(script, until=120, commands=commands)
    assert told(happened) == [(10, "raised"), (20, "silenced"), (40, "acknowledged"), (40, "cleared")]
    assert refused(happened) == []


@pytest.mark.parametrize("soon", [0.001, 4.9])
def test_an_escalation_before_anybody_could_answer_is_refused(soon):
    with pytest.raises(ConfigError, match=r"0 \(never\) or at least 5"):
        Handlings({"*": {"escalate_s": soon}})


def test_a_command_finds_nothing_in_an_empty_machine():
    reply = Alarms([]).command(Command(5 * NS, "acknowledge", 1))[0]
    assert "no alarm of this instance" in reply.error


def test_a_rule_that_says_again_that_it_holds_does_not_begin_to_wait_anew():
    script = Script({10: True, 12: True, 14: True})
    assert told(line(script, until=30, table={"*": {"for_s": 5, "escalate_s": 0}})[1]) == [(15, "raised")]


LONG = {"*": {"cooldown_s": 30, "escalate_s": 0}}


def test_a_silence_that_ends_while_an_alarm_is_kept_does_not_end_the_alarm():
    commands = [(20, "silence", 1, 5)]
    _, happened = line(Script({10: True, 24: False}), until=120, commands=commands, table=LONG)
    assert told(happened) == [(10, "raised"), (20, "silenced"), (25, "resumed"), (40, "cleared")]


def test_what_comes_back_while_an_alarm_is_kept_is_no_new_one_after_a_silence_either():
    commands = [(20, "silence", 1, 5)]
    _, happened = line(Script({10: True, 24: False, 27: True, 50: False}), until=120, commands=commands, table=LONG)
    assert told(happened) == [(10, "raised"), (20, "silenced"), (25, "resumed"), (50, "cleared")]


def test_a_silence_that_ends_with_its_alarm_is_followed_by_the_end_alone():
    _, happened = line(Script({10: True, 24: False}), until=120, commands=[(20, "silence", 1, 20)], table={
        "*": {"cooldown_s": 30.001, "escalate_s": 0}})  # fmt: skip
    assert told(happened) == [(10, "raised"), (20, "silenced"), (40, "cleared")]


def test_what_comes_back_after_it_was_over_for_long_escalates_from_then_on_one_step_at_a_time():
    table = {"*": {"cooldown_s": 600, "escalate_s": 60}}
    _, happened = line(Script({10: True, 20: False, 300: True}, priority="low"), until=400, table=table)
    assert told(happened) == [(10, "raised"), (300, "escalated"), (360, "escalated")]


def test_what_came_due_during_a_restart_escalates_from_then_on_one_step_at_a_time():
    table = {"*": {"escalate_s": 60}}
    script = Script({10: True}, priority="low")
    alarms, _ = line(script, until=30, table=table)
    after = restored(alarms, script, same_clock=True, table=table)
    assert told(lived(after, 300, 400)) == [(300, "escalated"), (360, "escalated")]


def test_a_latched_alarm_comes_back_no_faster_than_its_cooldown():
    script = Script({10: True, 11: False, 75: True, 76: False, 80: True, 81: False, 85: True, 86: False}, latch=True)
    _, happened = line(script, until=200, table={"*": {"cooldown_s": 60, "escalate_s": 0}})
    assert told(happened) == [(10, "raised"), (70, "latched"), (75, "resumed"), (135, "latched")]
