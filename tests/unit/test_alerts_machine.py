import math
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline import NS, estimates, ns, play, status, story, ticks

from edge_mm.alerts import Alarms
from edge_mm.errors import ConfigError
from edge_mm.types import Condition, Observation, Reason, Tick

HOLD = 2 * NS


class Says:
    """A policy of a user: says for each tick what a script says."""

    def __init__(self, script):
        self.script = script

    def update(self, event):
        return [condition(event.t_ns, key, active) for key, active in self.script.get(event.t_ns, [])]


def condition(t_ns, key, active, **changes):
    one = Condition(
        t_ns=t_ns,
        kind=key,
        active=active,
        onset_ns=t_ns,
        priority="low",
        category="physiological",
        reason=Reason("said", {}, f"{key} is {active}"),
        value=1.0,
        limit=1.0,
        unit="1",
        key=key,
    )
    return replace(one, **changes)


def scripts():
    step = st.tuples(
        st.sampled_from([ns(0.01), ns(0.1), ns(1), ns(3)]),
        st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=3),
    )
    return st.lists(step, max_size=60)


def timed(steps, start_ns=0):
    script, t = {}, start_ns
    for gap, said in steps:
        t += gap
        script[t] = said
    return script


def run(steps, cuts=(), boot_offset=0):
    """Transitions of a script; the process is restarted at ``cuts`` (event numbers), with another clock each time.

    The time between the last event before a restart and the first one after it is unknown to the machine, so a hold
    begins anew by that much: the script is followed by enough seconds after the last possible cut.
    """
    script = timed(steps)
    offset, alarms, out = 0, Alarms([Says(script)]), []
    for i, t in enumerate([*script, *(max(script, default=0) + k * NS for k in range(1, 70))]):
        if i in cuts:
            snapshot = alarms.snapshot()
            offset -= boot_offset
            alarms = Alarms([Says({s + offset: said for s, said in script.items()})])
            alarms.restore(snapshot)
        out += alarms.update(Tick(t + offset))
    return out, alarms


@settings(deadline=None)
@given(scripts())
def test_per_key_raised_and_cleared_alternate_and_share_an_incident(steps):
    alerts, alarms = run(steps)
    for key in "abc":
        mine = [alert for alert in alerts if alert.key == key]
        assert [alert.state for alert in mine] == ["raised", "cleared"] * (len(mine) // 2) + ["raised"] * (
            len(mine) % 2
        )
        assert [a.incident for a in mine[1::2]] == [a.incident for a in mine[0::2]][: len(mine) // 2]
        assert (key in {alert.key for alert in alarms.active}) == (len(mine) % 2 == 1)
    raised = [alert.incident for alert in alerts if alert.state == "raised"]
    assert raised == list(range(1, len(raised) + 1))


@settings(deadline=None)
@given(scripts())
def test_no_alarm_flaps_faster_than_the_hold(steps):
    alerts, _ = run(steps)
    for key in "abc":
        mine = [alert.t_ns for alert in alerts if alert.key == key]
        assert all(cleared - raised >= HOLD - 1_000_000 for raised, cleared in zip(mine[::2], mine[1::2], strict=False))
        assert mine == sorted(mine)


@settings(deadline=None)
@given(scripts())
def test_what_a_policy_said_last_is_true_once_the_hold_is_over(steps):
    _, alarms = run(steps)
    last = {key: said for events in timed(steps).values() for key, said in events}
    assert {alert.key for alert in alarms.active} == {key for key, said in last.items() if said}


@given(scripts(), st.sets(st.integers(0, 63), max_size=6), st.sampled_from([0, ns(-1e6), ns(12.5), ns(1e6)]))
@settings(max_examples=200, deadline=None)
def test_restarts_at_any_moment_neither_double_nor_lose_an_alarm(steps, cuts, boot_offset):
    whole, before = run(steps)
    parts, after = run(steps, cuts, boot_offset)
    raised_once = [alert.incident for alert in parts if alert.state == "raised"]
    assert raised_once == list(range(1, len(raised_once) + 1))
    for key in "abc":
        mine = [alert for alert in parts if alert.key == key]
        assert [alert.state for alert in mine] == ["raised", "cleared"] * (len(mine) // 2) + ["raised"] * (
            len(mine) % 2
        )
    assert {alert.key for alert in after.active} == {alert.key for alert in before.active}
    if not cuts:
        assert parts == whole


def test_the_same_state_gives_the_same_bytes_and_survives_a_round_trip():
    alarms = Alarms([Says({1: [("b", True), ("a", True)], 2: [("b", False)]})])
    play(alarms, [Tick(1), Tick(2)])
    again = Alarms([])
    again.restore(alarms.snapshot())
    assert again.snapshot() == alarms.snapshot()
    assert again.active == alarms.active
    assert [alert.key for alert in alarms.active] == ["b", "a"]


def test_an_alarm_that_was_ending_is_cleared_after_the_restart_on_the_new_clock():
    alarms = Alarms([Says({1: [("a", True)], ns(0.5): [("a", False)]})])
    play(alarms, [Tick(1), Tick(ns(0.5))])
    again = Alarms([])
    again.restore(alarms.snapshot())
    (cleared,) = play(again, ticks(1000, 1010, every_s=0.25))
    assert (cleared.state, cleared.incident) == ("cleared", 1)
    assert cleared.t_ns == pytest.approx(ns(1001.5), abs=2_000_000)


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float64(2), np.float32(2), np.int64(2)])
def test_whatever_number_a_policy_leaves_is_stored_and_restored(value):
    class Leaves:
        def update(self, event):
            reason = Reason("said", MappingProxyType({"x": value, "why": "so"}), "it holds")
            return [condition(event.t_ns, "a", True, value=value, reason=reason)]

    before, after = Alarms([Leaves()]), Alarms([])
    play(before, [Tick(1)])
    after.restore(before.snapshot())
    (alert,) = after.active
    assert [alert.value, alert.reason.params["x"]] == pytest.approx([float(value)] * 2, nan_ok=True)


def test_a_snapshot_of_version_1_is_still_read():
    data = (
        b'{"version":1,"incidents":7,"active":[{"raised":{"t_ns":5,"kind":"a","key":"a","state":"raised",'
        b'"category":"physiological","priority":"low","onset_ns":5,"reason":{"code":"said","params":{"x":1.5},'
        b'"text":"a"},"value":1.0,"limit":1.0,"unit":"1","incident":7,"sources":[],"quality":{"vision":null},'
        b'"attention":{},"contribution":{}},"head":"","ending":null}]}'
    )
    alarms = Alarms([Says({1: [("a", False), ("b", True)]})])
    alarms.restore(data)
    alerts = play(alarms, [Tick(1)])
    assert [(alert.key, alert.state, alert.incident) for alert in alerts] == [("a", "cleared", 7), ("b", "raised", 8)]


def test_an_end_that_is_due_is_not_called_off_by_the_next_raise():
    script = {1: [("a", True)], ns(1): [("a", False)], ns(100): [("a", True)]}
    alerts = play(Alarms([Says(script)]), [Tick(t) for t in script])
    assert [(alert.state, alert.incident) for alert in alerts] == [("raised", 1), ("cleared", 1), ("raised", 2)]
    assert alerts[1].t_ns == pytest.approx(2 * NS, abs=2_000_000)


def test_a_policy_that_says_again_that_it_holds_holds_it_from_then_on():
    script = {1: [("a", True)], ns(10): [("a", True)], ns(10.5): [("a", False)]}
    _, cleared = play(Alarms([Says(script)]), [*(Tick(t) for t in script), *ticks(11, 20)])
    assert cleared.t_ns == pytest.approx(12 * NS, abs=2_000_000)


def test_time_does_not_run_back_with_a_late_event():
    alarms = Alarms([Says({1: [("a", True)], ns(0.5): [("a", False)]})])
    assert story(play(alarms, [Tick(1), Tick(ns(10)), Tick(ns(0.5))])) == ["a raised", "a cleared"]


def test_what_was_said_beside_a_policy_that_fails_is_not_lost():
    class Fails:
        def update(self, event):
            if event.t_ns == 2:
                raise ValueError("a mistake of a user")
            return ()

    alarms = Alarms([Says({1: [("a", True)], 2: [("b", True)]}), Fails()])
    assert story(alarms.update(Tick(1))) == ["a raised"]
    with pytest.raises(ValueError, match="a mistake"):
        alarms.update(Tick(2))
    assert story(alarms.active) == ["a raised"]
    assert story(alarms.update(Tick(3))) == ["b raised"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"\x80",
        b"\xff\x00",
        b"null",
        b'{"version":1,"incidents":0',
        b'{"version":99,"incidents":0,"active":[]}',
    ],
)
def test_a_snapshot_that_is_none_is_refused_with_a_sentence(data):
    with pytest.raises(ConfigError, match=r"stored alarm state.*move the outbox away"):
        Alarms([]).restore(data)


def test_the_first_word_that_it_is_over_is_the_reason():
    class Twice:
        def update(self, event):
            seconds = event.t_ns / NS
            return [condition(event.t_ns, "a", seconds < 1, value=seconds)]

    alerts = play(Alarms([Twice()]), ticks(0.5, 5))
    assert [(alert.state, alert.value) for alert in alerts] == [("raised", 0.5), ("cleared", 1.0)]


def test_a_clear_of_an_unknown_alarm_is_nothing():
    assert play(Alarms([Says({1: [("a", False)]})]), [Tick(1)]) == []


def test_a_policy_is_given_only_the_observations_it_names():
    class Counts:
        def __init__(self, names=None):
            self.seen = []
            if names is not None:
                self.names = names

        def update(self, event):
            self.seen.append(event)
            return ()

    named, curious, deaf = Counts(frozenset({"a.x"})), Counts(), Counts(frozenset())
    one, two = (Observation(1, name, 1.0, "1", 1.0, "vision", "cam") for name in ("a.x", "a.y"))
    play(Alarms([named, curious, deaf]), [one, two, Tick(2), *estimates("drowsy", (1, 0.1)), status(3, "live")])
    assert [len(p.seen) for p in (named, curious, deaf)] == [4, 5, 3]
    assert two not in named.seen


def test_several_senses_without_a_fused_score_claim_no_contribution():
    class Both:
        def update(self, event):
            return [condition(event.t_ns, "both", True, sources=("vision", "audio"))]

    (raised,) = play(Alarms([Both()]), [Tick(1)])
    assert raised.sources == ("vision", "audio")
    assert raised.contribution == {}
