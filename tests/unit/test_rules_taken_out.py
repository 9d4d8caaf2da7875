"""What is active when a rule is taken out of the configuration ends: nobody would say anything about it any more."""

import numpy as np
import pytest
from delivery_samples import alert
from recordings import bundle_name

from edge_mm.alerts.defaults import default_policies, unsayable
from edge_mm.alerts.limits import limits_from
from edge_mm.alerts.snapshot import Stored, to_bytes
from edge_mm.daemon.outfit import end_forgotten
from edge_mm.daemon.plan import Planned
from edge_mm.models.bundle import load_bundle
from edge_mm.monitor import Monitor
from edge_mm.people import People
from edge_mm.types import NS_PER_S, Sample, StreamSpec, Tick

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


def left(bundle, alarm, streams, rules=None):
    """What is still active of one alarm with these streams (name -> kind) in the configuration."""
    monitor = Monitor(bundle, limits=limits_from(rules or {}))
    monitor.restore(to_bytes(1, [Stored(alarm, "", None)]))
    end_forgotten(monitor, [Planned(None, streams, file=False, waits=False)], t_ns=60 * NS_PER_S)
    return [one.key for one in monitor.alarms.active]


RHYTHM = {"kind": "health.irregular_rhythm", "sources": ("physio",)}


def test_an_alarm_whose_kinds_of_sensor_are_gone_ends_beside_others_of_its_sense(bundle):
    alarm = alert(**RHYTHM)
    assert left(bundle, alarm, {"chest": "ecg"}) == ["health.irregular_rhythm"]
    assert left(bundle, alarm, {"belt": "heart_rate"}) == []
    nobody = alert(kind="driver.not_visible", category="technical", sources=())
    rules = {"presets": ["driver.openpilot"]}
    assert left(bundle, nobody, {"cam": "video", "mic": "audio"}, rules=rules) == ["driver.not_visible"]
    assert left(bundle, nobody, {"mic": "audio"}, rules=rules) == []


def test_that_nobody_is_watched_ends_where_nobody_is_to_be_watched(bundle):
    blind = alert(kind="device.blind", category="technical", sources=())
    assert left(bundle, blind, {"chest": "ecg", "car": "speed"}) == ["device.blind"]
    assert left(bundle, blind, {"car": "speed"}) == []


def test_a_sensor_of_somebody_else_keeps_nobodys_alarm_up(bundle):
    def people(whose):
        return People({"ann": Monitor(bundle), "bob": Monitor(bundle)}, whose)

    before = people({"hr": "ann"})
    before.add_stream(StreamSpec("hr", "heart_rate", 1.0, "bpm"))
    for second in range(30):
        before.push(Sample("hr", second * NS_PER_S, np.array([150.0], np.float32), 1.0))
    key = "health.heart_rate_high@ann"
    assert [one.key for one in before.active] == [key]
    planned = [Planned(None, {"hr": "heart_rate", "mic": "audio"}, file=False, waits=False)]
    for owner, stays in (("ann", [key]), ("bob", [])):
        after = people({"hr": owner, "mic": "ann"})
        after.restore(before.snapshot(), same_clock=True)
        end_forgotten(after, planned, t_ns=60 * NS_PER_S)
        assert [one.key for one in after.active] == stays


def _alerts(kind):
    yield alert(kind=kind)
