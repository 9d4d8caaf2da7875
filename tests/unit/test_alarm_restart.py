"""An alarm's life over restarts, and whatever happens."""

import itertools

from alarm_script import QUIET, Script, line, lived, told
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline import NS, ns

from edge_mm.alerts import Alarms
from edge_mm.alerts.handling import Handlings
from edge_mm.kinds import LEADS_TO
from edge_mm.types import Alert, Command


def test_everything_survives_a_restart_in_the_same_boot():
    script = Script({10: True})
    alarms, _ = line(script, until=30, commands=[(20, "silence", 1, 60)], table=QUIET)
    after = Alarms([Script({})], handling=Handlings(QUIET))
    after.restore(alarms.snapshot(), same_clock=True)
    assert [LEADS_TO[one.state] for one in after.active] == ["silenced"]
    assert told(lived(after, 40, 100)) == [(80, "resumed")]


def test_a_silence_does_not_outlive_the_boot():
    alarms, _ = line(Script({10: True}), until=30, commands=[(20, "silence", 1, 60)], table=QUIET)
    after = Alarms([Script({})], handling=Handlings(QUIET))
    after.restore(alarms.snapshot(), same_clock=False)
    assert told(lived(after, 3, 10)) == [(3, "resumed")]


def test_an_acknowledgement_survives_any_restart():
    alarms, _ = line(Script({10: True}), until=30, commands=[(20, "acknowledge", 1, 0)])
    after = Alarms([Script({5: False})])
    after.restore(alarms.snapshot())
    assert told(lived(after, 3, 300)) == [(5, "cleared")]


def test_a_latched_alarm_survives_any_restart():
    alarms, _ = line(Script({10: True, 20: False}, latch=True), until=30)
    after = Alarms([Script({})])
    after.restore(alarms.snapshot())
    assert told(lived(after, 3, 20, [(8, "acknowledge", 1, 0)])) == [(8, "acknowledged"), (8, "cleared")]


def test_restarts_without_end_do_not_keep_an_alarm_silent():
    alarms, happened = line(Script({10: True}), until=25, commands=[(20, "silence", 1, 60)], table=QUIET)
    for begin in range(25, 125, 5):
        after = Alarms([Script({})], handling=Handlings(QUIET))
        after.restore(alarms.snapshot(), same_clock=True)
        happened += lived(after, begin, begin + 5)
        alarms = after
    assert told(happened) == [(10, "raised"), (20, "silenced"), (80, "resumed")]


def lives():
    turns = st.lists(st.integers(1, 12), max_size=20).map(itertools.accumulate)  # how long it holds, and does not
    said = turns.map(lambda seconds: {at: turn % 2 == 0 for turn, at in enumerate(seconds) if at < 120})
    commands = st.lists(
        st.tuples(
            st.integers(0, 120) | st.integers(0, 40),
            st.sampled_from(["acknowledge", "silence"]),
            st.sampled_from([1, 1, 1, 2, 3, 6]),
            st.sampled_from([0.0, 5.0, 20.0, 90.0, 700.0]),
        ),
        max_size=8,
    )
    numbers = st.fixed_dictionaries(
        {
            "for_s": st.sampled_from([0, 3]),
            "keep_s": st.sampled_from([0, 2, 7]),
            "cooldown_s": st.sampled_from([0, 5, 30]),
            "latching": st.sampled_from([False, False, True]),
            "escalate_s": st.sampled_from([0, 10]),
        }
    )
    return st.tuples(
        said, commands, numbers, st.sampled_from(["high", "medium", "low"]), st.just(1) | st.integers(1, 119)
    )


@settings(deadline=None, max_examples=300)
@given(lives())
def test_whatever_happens_an_alarm_is_raised_once_cleared_once_never_flaps_and_is_never_silent_for_ever(life):
    said, commands, numbers, priority, cut = life
    said = {**said, 125: False}
    table = {"*": numbers}
    alarms = Alarms([Script(said, priority=priority)], handling=Handlings(table))
    happened = lived(alarms, 0, cut, commands)
    after = Alarms([Script(said, priority=priority)], handling=Handlings(table))
    after.restore(alarms.snapshot(), same_clock=True)
    happened += lived(after, cut, 900, commands)
    for alert in after.active:  # what is latched waits for somebody
        happened += after.command(Command(900 * NS, "acknowledge", alert.incident))
    happened += lived(after, 901, 980)
    transitions = [one for one in happened if isinstance(one, Alert)]
    assert after.active == ()
    assert [one.t_ns for one in transitions] == sorted(one.t_ns for one in transitions)
    states = {}
    raises = []
    for one in transitions:
        assert one.previous == states.get(one.incident, "inactive")
        assert states.get(one.incident) != "inactive"  # nothing after its end
        assert (one.state == "raised") is (one.incident not in states)
        states[one.incident] = LEADS_TO[one.state]
        if one.state == "raised":
            raises.append(one.t_ns)
        if one.state == "silenced":
            longest = {"high": 120, "medium": 600, "low": 600}[one.priority]
            assert 0 < one.silent_until_ns - one.t_ns <= longest * NS
    assert set(states.values()) <= {"inactive"}
    gap = ns(max(numbers["cooldown_s"], numbers["keep_s"])) - ns(0.001)
    assert all(later - sooner >= gap for sooner, later in itertools.pairwise(raises) if sooner > cut * NS)
    for one in transitions:  # a silence is over when it said it would be, or sooner
        if one.state == "silenced":
            following = next(two for two in transitions[transitions.index(one) + 1 :] if two.incident == one.incident)
            assert following.t_ns <= one.silent_until_ns
