"""What is active when a rule is taken out of the configuration ends: nobody would say anything about it any more."""

import pytest
from recordings import bundle_name

from edge_mm.alerts.defaults import default_policies, unsayable
from edge_mm.alerts.limits import limits_from
from edge_mm.daemon.outfit import end_forgotten
from edge_mm.daemon.plan import Planned
from edge_mm.models.bundle import load_bundle
from edge_mm.monitor import Monitor
from edge_mm.types import NS_PER_S, StreamSpec, Tick

PLANNED = [Planned(None, {"hr": "heart_rate"}, file=False, waits=False)]


@pytest.fixture(scope="module")
def bundle():
    return load_bundle(bundle_name())


def watched(bundle, rules, snapshot=None):
    monitor = Monitor(bundle, [StreamSpec("hr", "heart_rate", 1.0, "bpm")], limits=limits_from(rules))
    if snapshot is not None:
        monitor.restore(snapshot, same_clock=True)
    return monitor


def test_a_rule_without_its_input_is_forgotten_with_its_preset(bundle):
    before = watched(bundle, {"presets": ["health.adult_monitor"]})
    for second in range(60):
        before.push(Tick(second * NS_PER_S))
    lacking = {one.key for one in before.alarms.active if one.kind == "rule.no_input"}
    assert "rule.no_input/health.spo2_low" in lacking
    same = watched(bundle, {"presets": ["health.adult_monitor"]}, before.snapshot())
    assert end_forgotten(same, PLANNED, t_ns=60 * NS_PER_S) == []
    without = watched(bundle, {}, before.snapshot())
    over = end_forgotten(without, PLANNED, t_ns=60 * NS_PER_S)
    assert {one.key for one in over} == lacking
    assert all("not in use any more" in one.reason.text and one.state == "cleared" for one in over)
    assert without.alarms.active == ()


def test_an_alarm_of_a_disabled_rule_ends_and_one_of_a_users_own_stays(bundle):
    policies = default_policies(limits=limits_from({"disabled": ["sound.dog"]}))
    dog = next(iter(_alerts("sound.dog")))
    own = next(iter(_alerts("mine.special")))
    assert unsayable(dog, policies)
    assert not unsayable(own, policies)
    assert not unsayable(next(iter(_alerts("sound.siren"))), policies)

    class Own:
        def update(self, event):
            return ()

    assert not unsayable(dog, [*policies, Own()])  # it might say so itself


def _alerts(kind):
    from delivery_samples import alert

    yield alert(kind=kind)
