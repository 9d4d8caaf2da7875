"""Fused states of a patient and of a driver under stress: when they alert, and what they need."""

import pytest

from edge_mm.alerts import Alarms, Limits, default_policies
from edge_mm.types import NS_PER_S as S
from edge_mm.types import Estimate

SENSES = ("physio", "skin", "motion", "audio", "text")
KINDS = {"arrhythmia": "health.arrhythmia", "distress": "health.distress", "stressed": "driver.stressed"}
NEEDS = {"arrhythmia": "physio", "distress": "skin", "stressed": "skin"}
LASTS_S = {"arrhythmia": 20, "distress": 120, "stressed": 120}


def alarms(*heads, senses=SENSES):
    return Alarms(default_policies(heads=heads, modalities=senses, limits=Limits()), senses=senses)


def estimates(head, score, seconds, *, start_s=0, present=SENSES):
    shares = dict.fromkeys(present, 1.0)
    weights = {m: 1 / len(present) for m in present}
    for end in range(start_s + 1, start_s + seconds + 1):
        yield Estimate(end * S, (end - 10) * S, {head: score}, weights, {head: weights}, shares, shares)


def transitions(machine, *lines):
    return [(a.kind, a.state, a.t_ns // S) for line in lines for one in line for a in machine.update(one)]


@pytest.mark.parametrize("head", KINDS)
def test_a_state_alerts_when_it_has_lasted_and_clears_when_it_is_over(head):
    lasts = LASTS_S[head]
    said = transitions(alarms(head), estimates(head, 0.9, lasts + 20), estimates(head, 0.1, 60, start_s=lasts + 20))
    assert [(kind, state) for kind, state, _ in said] == [(KINDS[head], "raised"), (KINDS[head], "cleared")]
    assert abs(said[0][2] - lasts) <= 2


@pytest.mark.parametrize("head", KINDS)
def test_a_state_is_not_said_without_the_sense_that_shows_it(head):
    others = [m for m in SENSES if m != NEEDS[head]]
    assert not transitions(alarms(head), estimates(head, 0.9, 300, present=others))
    assert not transitions(alarms(head, senses=others), estimates(head, 0.9, 300))


def test_a_head_that_the_bundle_has_not_has_no_rule_and_an_event_has_none_at_all():
    assert not transitions(alarms("drowsy"), estimates("arrhythmia", 0.9, 300))
    assert not transitions(alarms("event"), estimates("event", 1.0, 300))
