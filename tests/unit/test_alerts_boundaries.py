"""At the edge of each number: speeds, sums of glances, the cells of NEWS2, who stands, who does not answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline import NS, merged, of, play, readings, ticks

from edge_mm.alerts import Alarms, default_policies, limits_from
from edge_mm.alerts.news2 import ITEMS, points
from edge_mm.types import Observation

AWAY, GLANCES, UNRESPONSIVE = "driver.looking_away", "driver.glancing_away", "driver.unresponsive"
ADDW_ALL = {"enabled": [GLANCES, UNRESPONSIVE]}


def watched(*presets, **rules):
    return Alarms(default_policies(limits=limits_from({"presets": list(presets), **rules})))


def head(*parts, fps=10, eyes=0.1):
    """(seconds, yaw in degrees); the order within a frame is the front end's."""
    seconds = sum(s for s, _ in parts)
    return merged(
        readings("driver.face_found", (seconds, 1.0), fps=fps),
        readings("driver.eyes_closed", (seconds, eyes), fps=fps),
        readings("driver.head_pitch_deg", (seconds, 0.0), fps=fps),
        readings("driver.head_yaw_deg", *parts, fps=fps),
    )


def speed(*parts, start_s=0.0):
    rows = readings("driver.x", *parts, fps=1, start_s=start_s)
    return [Observation(r.t_ns, "vehicle.speed_kmh", r.value, "km/h", 1.0, "readings", "car") for r in rows]


def raised(alerts, key):
    return [one for one in of(alerts, key) if one.state == "raised"]


@pytest.mark.parametrize(
    ("kmh", "after_s"),
    [(0, None), (19, None), (19.99, None), (20, 6.0), (35, 6.0), (50, 6.0), (50.01, 3.5), (51, 3.5), (130, 3.5)],
)
def test_the_edges_of_the_speeds(kmh, after_s):
    alerts = play(watched("driver.addw"), merged(speed((20, kmh)), head((3, 0.0), (9, 40.0), (5, 0.0))))
    told = raised(alerts, AWAY)
    assert [round((one.t_ns - one.onset_ns) / NS, 3) for one in told] == ([] if after_s is None else [after_s])
    assert [one.limit for one in told] == ([] if after_s is None else [after_s])


def test_who_slows_down_while_looking_away_is_no_longer_told():
    line = merged(speed((6, 80.0), (20, 10.0)), head((1, 0.0), (20, 40.0)))
    states = [one.state for one in of(play(watched("driver.addw"), line), AWAY)]
    assert states == ["raised", "cleared"]


@pytest.mark.parametrize("age_s", [9.9, 10.6])
def test_a_speed_is_old_after_ten_seconds_and_the_rule_says_so(age_s):
    line = merged(speed((5, 80.0)), head((5 + age_s - 1, 0.0)), ticks(0, 4 + age_s, every_s=0.1))
    told = raised(play(watched("driver.addw"), line), f"rule.no_input/{AWAY}")
    assert len(told) == (age_s > 10)
    assert all("which is 10 s old (limit 10 s)" in one.reason.text for one in told)


def test_an_old_speed_judges_nobody():
    line = merged(speed((5, 80.0)), head((20, 0.0), (20, 40.0)), ticks(0, 40))
    alerts = play(watched("driver.addw", **ADDW_ALL), line)
    assert {one.kind for one in alerts} == {"rule.no_input"}
    assert "driver.looking_away, driver.glancing_away and driver.unresponsive by speed need" in alerts[0].reason.text


@pytest.mark.parametrize(("kmh", "told"), [(0, False), (19.9, False), (20, True), (100, True)])
def test_who_stands_needs_no_answer(kmh, told):
    rules = {"presets": ["driver.euroncap2026"], "away_by_speed": True}
    for line in (head((3, 0.0), (20, 40.0)), head((3, 0.0), (20, 0.0), eyes=0.9)):
        alerts = play(Alarms(default_policies(limits=limits_from(rules))), merged(speed((25, kmh)), line))
        assert bool(raised(alerts, UNRESPONSIVE)) is told
    glancing = head(*[(2.5, 40.0), (3.5, 0.0)] * 10)
    alerts = play(Alarms(default_policies(limits=limits_from(rules))), merged(speed((61, kmh)), glancing))
    assert bool(raised(alerts, GLANCES)) is told


def test_an_unresponsive_driver_whose_car_comes_to_a_stop_is_no_longer_told():
    rules = {"presets": ["driver.euroncap2026"], "away_by_speed": True}
    line = merged(speed((15, 80.0), (20, 0.0)), head((3, 0.0), (32, 40.0)))
    story = [one.state for one in of(play(Alarms(default_policies(limits=limits_from(rules))), line), UNRESPONSIVE)]
    assert story == ["raised", "cleared"]


@settings(deadline=None, max_examples=25)
@given(fps=st.sampled_from([10, 15, 25, 30]), glance_s=st.floats(0.6, 2.8), pause_s=st.floats(0.5, 8))
def test_ten_seconds_of_glances_within_thirty_are_exact(fps, glance_s, pause_s):
    line = head(*[(glance_s, 40.0), (pause_s, 0.0)] * 14, fps=fps)
    angles = [(one.t_ns / NS, one.value) for one in line if one.name == "driver.head_yaw_deg"]
    told = raised(play(watched("driver.euroncap2026"), line), GLANCES)

    times, yaws = np.array(angles).T
    spent = np.concatenate([[0.0], np.cumsum(np.where(yaws[1:] == 40.0, np.diff(times), 0.0))])

    def away_s(until):
        return float(np.interp(until, times, spent) - np.interp(until - 30.0, times, spent))

    frame = 2.0 / fps
    most = max(away_s(t) for t, _ in angles)
    glances = most / glance_s + 2  # each glance may count a frame more or less at its ends
    if most < 10.0 - glances * frame:
        assert told == []
    elif most > 10.0 + glances * frame:
        assert len(told) >= 1
    for one in told:
        assert away_s(one.t_ns / NS) == pytest.approx(10.0, abs=glances * frame) or one is not told[0]


@pytest.mark.parametrize(("away_s", "told"), [(5.9, False), (6.1, True)])
def test_three_seconds_after_the_warning_and_no_frame_less(away_s, told):
    for fps in (8, 10, 30, 60):
        alerts = play(watched("driver.euroncap2026"), head((2, 0.0), (away_s, 40.0), (6, 0.0), fps=fps))
        found = raised(alerts, UNRESPONSIVE)
        assert bool(found) is told, fps
        warned = raised(alerts, AWAY)[0].t_ns
        assert all(0 <= (one.t_ns - warned) / NS - 3.0 < 1 / fps + 0.002 for one in found)


def test_a_gaze_that_comes_back_with_the_very_frame_that_was_due_is_an_answer():
    alerts = play(watched("driver.euroncap2026"), head((2, 0.0), (6, 40.0), (6, 0.0), fps=8))
    assert raised(alerts, AWAY) and not raised(alerts, UNRESPONSIVE)


CHART = {
    "vitals.breathing_rate_bpm": [(0, 8, 3), (9, 11, 1), (12, 20, 0), (21, 24, 2), (25, 80, 3)],
    "vitals.spo2_percent": [(50, 91, 3), (92, 93, 2), (94, 95, 1), (96, 100, 0)],
    "vitals.systolic_mmhg": [(40, 90, 3), (91, 100, 2), (101, 110, 1), (111, 219, 0), (220, 300, 3)],
    "vitals.heart_rate_bpm": [(20, 40, 3), (41, 50, 1), (51, 90, 0), (91, 110, 1), (111, 130, 2), (131, 250, 3)],
    "vitals.body_temperature_c": [(30, 35.0, 3), (35.1, 36.0, 1), (36.1, 38.0, 0), (38.1, 39.0, 1), (39.1, 43, 2)],
}
"""Each cell of the Royal College's chart that has a sensor: from, to, points."""


@pytest.mark.parametrize(
    ("name", "value", "score"),
    [(name, value, score) for name, cells in CHART.items() for low, high, score in cells for value in (low, high)],
)
def test_both_ends_of_each_cell_of_the_chart(name, value, score):
    assert points(name, value) == score


@given(name=st.sampled_from(list(CHART)), at=st.floats(0, 1))
def test_what_lies_between_two_cells_is_rounded_as_a_nurse_writes_it(name, at):
    low, high = CHART[name][0][0], CHART[name][-1][1]
    value = round(low + at * (high - low), 1 if name.endswith("_c") else 0)
    assert points(name, value) == next(score for a, b, score in CHART[name] if a <= value <= b)


@settings(deadline=None, max_examples=30)
@given(
    there=st.sets(st.sampled_from(list(CHART)), min_size=1),
    air=st.sampled_from(["unknown", "air", "oxygen"]),
    data=st.data(),
)
def test_every_score_names_what_it_lacks(there, air, data):
    values = {name: data.draw(st.sampled_from([a for cell in CHART[name] for a in cell[:2]])) for name in sorted(there)}
    lines = [readings(name, (70, value), fps=0.2, stream=name) for name, value in values.items()]
    total = sum(points(name, value) for name, value in values.items()) + 2 * (air == "oxygen")
    single = max(points(name, value) for name, value in values.items())
    told = raised(play(watched("health.news2_partial", news2_air=air), merged(*lines)), "health.news2")
    assert len(told) == (total >= 5 or single >= 3)
    for one in told:
        missing = str(one.reason.params["missing"]).split(", ")
        lacking = [item.words for name, item in ITEMS.items() if name not in there]
        assert missing == [*lacking, *["air or oxygen"] * (air == "unknown"), "consciousness"]
        assert one.value == total and f"missing: {', '.join(missing)}" in one.reason.text
        assert one.reason.text.startswith(f"NEWS2 partial {total} of {len(there) + (air != 'unknown')} items (")
