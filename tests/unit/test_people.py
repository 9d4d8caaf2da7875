"""Two people at one device: whose eyes, whose heart; and who is watched after the configuration has changed."""

import numpy as np
import pytest

from edge_mm.alerts.limits import limits_from
from edge_mm.daemon.config import load_config
from edge_mm.daemon.outfit import end_forgotten
from edge_mm.daemon.plan import Planned
from edge_mm.errors import ConfigError
from edge_mm.monitor import Monitor
from edge_mm.people import People, restore
from edge_mm.types import NS_PER_S, Alert, Command, Condition, Estimate, Reason, Sample, Status, StreamSpec, Tick

HIGH = "health.heart_rate_high"


def people(bundle, *names: str) -> People:
    monitors = {name: Monitor(bundle, [StreamSpec(f"{name}-hr", "heart_rate", 1.0, "bpm")]) for name in names}
    return People(monitors, {f"{name}-hr": name for name in names})


def beats(watch, streams: dict[str, float], seconds: int, *, begin: int = 0) -> list[Alert]:
    """Each stream at its heart rate; what is alerted of people."""
    alerts: list[Alert] = []
    for i in range(begin, begin + seconds):
        outputs = []
        for stream, rate in streams.items():
            outputs += watch.push(Sample(stream, i * NS_PER_S, np.array([rate], np.float32), 1.0))
        outputs += watch.push(Tick(i * NS_PER_S))
        alerts += [one for one in outputs if isinstance(one, Alert)]
    return alerts


def test_an_alarm_says_whose_it_is_and_two_people_have_two_incidents(bundle):
    watch = people(bundle, "ann", "bob")
    (ann,) = beats(watch, {"ann-hr": 150.0, "bob-hr": 70.0}, 40)
    (bob,) = beats(watch, {"ann-hr": 150.0, "bob-hr": 150.0}, 40, begin=40)
    assert (ann.key, ann.person, ann.incident) == (f"{HIGH}@ann", "ann", 1)
    assert (bob.key, bob.person, bob.incident) == (f"{HIGH}@bob", "bob", 2)
    assert ann.reason.text.startswith("ann: heart rate 150")
    over = beats(watch, {"ann-hr": 70.0, "bob-hr": 150.0}, 60, begin=80)
    assert [(one.key, one.state, one.incident) for one in over] == [(f"{HIGH}@ann", "cleared", 1)]


def test_sensors_are_called_by_their_own_name_and_parts_are_told_once(bundle):
    watch = people(bundle, "ann", "bob")
    lost = [one for one in watch.push(Status(0, "bob-hr", "lost")) if isinstance(one, Alert)]
    assert [(one.key, one.person) for one in lost] == [("sensor.lost/bob-hr", "bob")]
    part = [one for one in watch.push(Status(0, "@broker", "lost")) if isinstance(one, Alert)]
    assert [one.key for one in part] == ["device.lost/broker"]


def test_estimates_say_whose_they_are(bundle):
    spec = StreamSpec("mic", "audio", 16_000.0, "full scale")
    watch = People({"ann": Monitor(bundle, [spec]), "bob": Monitor(bundle)}, {"mic": "ann"})
    rng = np.random.default_rng(0)
    outputs = []
    for i in range(120):
        outputs += watch.push(Sample("mic", i * NS_PER_S // 10, rng.normal(0, 0.1, 1600).astype(np.float32), 16_000.0))
    assert {one.person for one in outputs if isinstance(one, Estimate)} == {"ann"}


def test_a_restart_goes_on_with_the_alarms_of_each(bundle):
    before = people(bundle, "ann", "bob")
    beats(before, {"ann-hr": 150.0, "bob-hr": 150.0}, 40)
    after = people(bundle, "ann", "bob")
    assert restore(after, before.snapshot(), t_ns=0) == []
    assert {alert.key for alert in after.active} == {f"{HIGH}@ann", f"{HIGH}@bob"}
    assert beats(after, {"ann-hr": 150.0, "bob-hr": 150.0}, 40) == []
    over = beats(after, {"ann-hr": 70.0, "bob-hr": 150.0}, 60, begin=40)
    assert [(one.key, one.state) for one in over] == [(f"{HIGH}@ann", "cleared")]


@pytest.mark.parametrize(("then", "now"), [((), ("ann",)), (("ann", "bob"), ()), (("ann", "bob"), ("bob",))])
def test_alarms_of_whom_is_no_longer_watched_are_told_over_and_numbers_go_on(bundle, then, now):
    before = people(bundle, *then) if then else Monitor(bundle, [StreamSpec("ann-hr", "heart_rate", 1.0, "bpm")])
    raised = beats(before, {f"{name}-hr": 150.0 for name in then or ("ann",)}, 40)
    after = people(bundle, *now) if now else Monitor(bundle, [StreamSpec("bob-hr", "heart_rate", 1.0, "bpm")])
    over = restore(after, before.snapshot(), t_ns=7)
    gone = [one for one in raised if one.person not in now or not one.person]
    assert [(one.key, one.state, one.incident, one.t_ns) for one in over] == [
        (one.key, "cleared", one.incident, 7) for one in gone
    ]
    if "bob" not in now:
        streams = {"ann-hr" if now else "bob-hr": 150.0}
        (new,) = beats(after, streams, 40)
        assert new.incident == len(raised) + 1


def test_either_all_sources_say_whom_they_watch_or_none(tmp_path):
    path = tmp_path / "edge-mm.toml"
    row = '[[source]]\nname = "{0}"\nkind = "heart_rate"\ndevice = "ble:{0}"\n'
    path.write_text(f'version = 1\ndevice_id = "d"\n{row.format("a")}person = "ann"\n{row.format("b")}')
    with pytest.raises(ConfigError, match="1 of 2 say whom they watch"):
        load_config(path)
    path.write_text(f'version = 1\ndevice_id = "d"\n{row.format("a")}person = "ann"\n{row.format("b")}person = "bob"\n')
    assert [one.person for one in load_config(path).source] == ["ann", "bob"]


def test_alarms_about_the_device_and_about_a_sensor_end_when_others_are_to_tell_of_them(bundle):
    before = people(bundle, "ann", "bob")
    before.push(Status(0, "@broker", "lost"))
    before.push(Status(0, "ann-hr", "lost"))
    monitors = {name: Monitor(bundle) for name in ("bob", "ann")}  # another first, and the sensor has moved
    after = People(monitors, {"ann-hr": "bob", "bob-hr": "ann"})
    over = restore(after, before.snapshot(), t_ns=9)
    assert sorted((one.key, one.state, one.t_ns) for one in over) == [
        ("device.lost/broker", "cleared", 9),
        ("sensor.lost/ann-hr", "cleared", 9),
    ]
    assert after.active == ()
    again = after.push(Status(10, "ann-hr", "lost"))
    assert [(one.key, one.person, one.incident) for one in again if isinstance(one, Alert)] == [
        ("sensor.lost/ann-hr", "bob", 3)
    ]


def test_what_one_person_was_told_is_kept_when_the_rules_of_another_fail(bundle):
    class Loud:
        def update(self, event):
            if isinstance(event, Tick):
                reason = Reason("loud", {}, "loud")
                yield Condition(event.t_ns, "own.loud", True, event.t_ns, "low", "physiological", reason, 1.0, 0.0, "1")

    class Faulty:
        def update(self, event):
            raise KeyError("a bug of somebody's own")

    watch = People({"a": Monitor(bundle, policies=[Loud()]), "b": Monitor(bundle, policies=[Faulty()])}, {})
    with pytest.raises(KeyError):
        watch.push(Tick(0))
    assert [one.key for one in watch.unsaid() if isinstance(one, Alert)] == ["own.loud@a"]
    assert watch.unsaid() == []


def test_alarms_of_a_sense_that_was_taken_out_of_the_configuration_end_and_others_stay(bundle):
    monitor = Monitor(bundle, [StreamSpec("hr", "heart_rate", 1.0, "bpm")])
    (raised,) = beats(monitor, {"hr": 150.0}, 40)
    assert end_forgotten(monitor, [Planned(None, {"other": "ecg"}, file=False, waits=False)], t_ns=5) == []
    (over,) = end_forgotten(monitor, [Planned(None, {"cam": "video"}, file=False, waits=False)], t_ns=5)
    assert (over.key, over.state, over.incident) == (HIGH, "cleared", raised.incident)
    assert "no sensor for physio is left" in over.reason.text
    assert monitor.alarms.active == ()


def test_what_lacks_for_each_person_is_an_alarm_of_each_and_nobody_watched_too(bundle):
    limits = limits_from({"enabled": ["health.spo2_low"]})
    specs = {name: [StreamSpec(f"{name}-hr", "heart_rate", 1.0, "bpm")] for name in ("ann", "bob")}
    monitors = {name: Monitor(bundle, streams, limits=limits) for name, streams in specs.items()}
    watch = People(monitors, {"ann-hr": "ann", "bob-hr": "bob"})
    beats(watch, {"ann-hr": 70.0, "bob-hr": 70.0}, 60)
    for name in ("ann", "bob"):
        watch.push(Status(60 * NS_PER_S, f"{name}-hr", "lost"))
    beats(watch, {}, 20, begin=61)
    keys = [one.key for one in watch.active]
    assert len(set(keys)) == len(keys)
    assert {f"{what}@{who}" for what in ("rule.no_input/health.spo2_low", "device.blind") for who in specs} <= set(keys)
    again = People(
        {name: Monitor(bundle, streams, limits=limits) for name, streams in specs.items()}, {"bob-hr": "bob"}
    )
    assert again.restore(watch.snapshot()) == []
    assert {one.key for one in again.active} == set(keys)


def test_a_silence_of_somebody_who_is_watched_no_longer_is_over_with_his_alarm(bundle):
    watch = people(bundle, "ann", "bob")
    (bob,) = beats(watch, {"bob-hr": 150.0}, 40)
    watch.push(Command(41 * NS_PER_S, "silence", bob.incident))
    (over,) = restore(people(bundle, "ann"), watch.snapshot(), t_ns=50 * NS_PER_S)
    assert (over.state, over.previous, over.silent_until_ns) == ("cleared", "silenced", None)
