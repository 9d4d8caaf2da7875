"""Every rule of every preset, whatever the rate: exact to a reading, raised once, cleared once after the end."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline import NS, beats, merged, of, play, readings

from edge_mm.alerts import Alarms, default_policies, limits_from
from edge_mm.alerts.presets import PRESETS
from edge_mm.types import Observation, PolicyInput

AHEAD, TURNED, OPEN, SHUT = 0.0, 40.0, 0.1, 0.9
GOOD_S = 8.0


class Case(NamedTuple):
    """One rule of one preset."""

    preset: str
    key: str
    dwell_s: float
    line: Callable[[float, float, float], list[PolicyInput]]
    """Rate, seconds of what is told, seconds after it -> readings; ``GOOD_S`` of what is fine come first."""
    keep_s: float = 1.0
    rates: tuple[float, float] = (8.0, 60.0)
    most_s: float = 12.0
    warned_s: float = 0.0
    """Seconds of ``dwell_s`` until a warning, from whose frame on the rest counts."""

    def __str__(self) -> str:
        return f"{self.preset} {self.key} {self.dwell_s:g}"


def driver(
    *, yaw: tuple[float, float] = (AHEAD, AHEAD), eyes: tuple[float, float] = (OPEN, OPEN), kmh: float | None = None,
    face: float = 1.0,
) -> Callable[[float, float, float], list[PolicyInput]]:  # fmt: skip
    """What a camera says of each frame: (fine, told) of each reading."""

    def line(fps: float, bad_s: float, after_s: float) -> list[PolicyInput]:
        parts = [GOOD_S, bad_s, after_s]
        count = sum(parts)
        lines: list[list[Observation]] = [
            readings("driver.face_found", (GOOD_S, 1.0), (bad_s, face), (after_s, 1.0), fps=fps),
            readings("driver.eyes_closed", (GOOD_S, eyes[0]), (bad_s, eyes[1]), (after_s, eyes[0]), fps=fps),
            readings("driver.head_pitch_deg", (count, 0.0), fps=fps),
            readings("driver.head_yaw_deg", (GOOD_S, yaw[0]), (bad_s, yaw[1]), (after_s, yaw[0]), fps=fps),
        ]
        if kmh is not None:
            rows = readings("driver.x", (count + 1, kmh), fps=1)
            lines.append([Observation(r.t_ns, "vehicle.speed_kmh", kmh, "km/h", 1, "readings", "car") for r in rows])
        return merged(*lines)

    return line


def sign(name: str, good: float, bad: float) -> Callable[[float, float, float], list[PolicyInput]]:
    """What a device says."""
    return lambda rate, bad_s, after_s: list(
        readings(name, (GOOD_S, good), (bad_s, bad), (after_s, good), fps=rate, stream="device")
    )


def fallen(rate: float, still_s: float, after_s: float) -> list[PolicyInput]:
    """An impact, then nobody moves."""
    impact = readings("motion.fall", (0.4, 0.95), fps=2.5, start_s=GOOD_S - 2 / rate)
    moves = readings("motion.activity_g", (GOOD_S, 0.3), (still_s, 0.01), (after_s, 0.3), fps=rate)
    return merged(impact, moves)


TURN, SLEEPY = driver(yaw=(AHEAD, TURNED)), driver(eyes=(OPEN, SHUT))
DEVICE = {"rates": (0.4, 8.0), "keep_s": 0.0}
CASES = (
    Case("driver.euroncap2026", "driver.looking_away", 3.0, TURN),
    Case("driver.euroncap2026", "driver.eyes_closed", 1.5, SLEEPY),
    Case("driver.euroncap2026", "driver.sleep", 3.0, SLEEPY),
    Case("driver.euroncap2026", "driver.unresponsive", 6.0, SLEEPY),
    Case("driver.euroncap2026", "driver.unresponsive", 6.0, TURN, warned_s=3.0),
    Case("driver.openpilot", "driver.distracted/1", 3.0, TURN),
    Case("driver.openpilot", "driver.distracted/2", 5.0, SLEEPY),
    Case("driver.openpilot", "driver.distracted/3", 11.0, driver(yaw=(AHEAD, TURNED), eyes=(OPEN, SHUT)), most_s=14),
    Case("driver.openpilot", "driver.not_visible", 15.0, driver(face=0.0), most_s=20),
    Case("driver.addw", "driver.looking_away", 6.0, driver(yaw=(AHEAD, TURNED), kmh=20.0)),
    Case("driver.addw", "driver.looking_away", 6.0, driver(yaw=(AHEAD, TURNED), kmh=50.0)),
    Case("driver.addw", "driver.looking_away", 3.5, driver(yaw=(AHEAD, TURNED), kmh=51.0)),
    *(
        Case("health.adult_monitor", f"health.{key}", dwell_s, sign(f"vitals.{name}", good, bad), most_s=40, **DEVICE)
        for key, dwell_s, name, good, bad in (
            ("spo2_low", 10.0, "spo2_percent", 97, 90),
            ("breathing_low", 14.0, "breathing_rate_bpm", 15, 5),
            ("breathing_high", 14.0, "breathing_rate_bpm", 15, 30),
            ("apnea", 20.0, "breathing_rate_bpm", 15, 0),
            ("systolic_low", 0.0, "systolic_mmhg", 120, 50),
            ("systolic_high", 0.0, "systolic_mmhg", 120, 200),
            ("diastolic_low", 0.0, "diastolic_mmhg", 80, 40),
            ("diastolic_high", 0.0, "diastolic_mmhg", 80, 120),
            ("temperature_low", 0.0, "body_temperature_c", 37, 35),
            ("temperature_high", 0.0, "body_temperature_c", 37, 39),
        )
    ),
    Case("health.apnea", "health.apnea", 20.0, sign("vitals.breathing_rate_bpm", 15, 1), most_s=40, **DEVICE),
    Case(
        "health.adult_monitor", "health.heart_rate_low", 6.0, sign("vitals.heart_rate_bpm", 70, 50), keep_s=5,
        rates=(0.4, 8.0), most_s=20,
    ),
    Case(
        "health.adult_monitor", "health.heart_rate_high", 6.0, sign("vitals.heart_rate_bpm", 70, 120), keep_s=5,
        rates=(0.4, 8.0), most_s=20,
    ),
    Case(
        "health.rhythm", "health.irregular_rhythm", 30.0, sign("vitals.rhythm_irregular", 0.1, 0.9), keep_s=10,
        rates=(0.2, 2.0), most_s=60,
    ),
    Case(
        "health.news2_partial", "health.news2", 60.0, sign("vitals.spo2_percent", 97, 90), keep_s=60, rates=(0.1, 2.0),
        most_s=100,
    ),
    Case(
        "motion.fall_no_movement", "motion.fall_no_movement", 30.0, fallen, keep_s=5, rates=(1.0, 4.0), most_s=60
    ),
)  # fmt: skip
ELSEWHERE = {
    "driver.glancing_away": "test_alerts_boundaries",
    "driver.distracted": "three stages above",
    "health.ventricular_run": "below",
    "health.asystole": "below",
    "health.cough_rate": "test_alerts_presets",
    "motion.fall": "test_alerts_wrist",
}


def watched(preset, key):
    """The rule of a key alone, by the numbers of a preset."""
    every = default_policies(limits=limits_from({"presets": [preset]}))
    return Alarms([one for one in every if hasattr(one, "rule") and key.startswith(one.rule.kind)])


@pytest.mark.parametrize("case", CASES, ids=str)
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_a_rule_is_exact_to_a_reading_and_ends_once(case, data):
    rate = data.draw(st.floats(*case.rates))
    least_s = max(0.3, 1.2 / rate)
    drawn_s = data.draw(st.floats(least_s, case.most_s) | st.sampled_from([case.dwell_s, case.dwell_s + 1.5 / rate]))
    bad_s = max(least_s, drawn_s)
    line = case.line(rate, bad_s, case.keep_s + 10.0 + 4 / rate)
    alerts = [one for one in of(play(watched(case.preset, case.key), line), case.key) if one.state != "escalated"]
    name = {"driver.not_visible": "driver.face_found"}.get(case.key)
    told = sorted({e.t_ns for e in line if e.t_ns / NS + 1e-6 >= GOOD_S and _bad(e, case, bad_s, name)})
    warned = next((t for t in told if t - told[0] >= case.warned_s * NS - 1_000_000), told[-1])
    due = [t for t in told if t - warned >= (case.dwell_s - case.warned_s) * NS - 1_000_000][:1]
    assert [one.t_ns for one in alerts if one.state == "raised"] == due
    if not due:
        assert alerts == []
        return
    raised, cleared = alerts
    assert raised.onset_ns == told[0] and raised.incident == cleared.incident and cleared.state == "cleared"
    assert 0 < (cleared.t_ns - told[-1]) / NS <= case.keep_s + 2.2 / rate + 2.0  # the machine holds for 2 s


def _bad(event, case, bad_s, name):
    """Whether it is a reading of the stretch that is told."""
    if not isinstance(event, Observation) or event.stream == "car" or event.name == "motion.fall":
        return False
    return event.t_ns / NS < GOOD_S + bad_s - 1e-9 and (name is None or event.name == name)


def test_every_rule_that_a_preset_is_for_is_tried():
    tried = {case.key.partition("/")[0] for case in CASES} | set(ELSEWHERE)
    assert {kind for preset in PRESETS.values() for kind in (*preset.enables, *preset.uses)} <= tried


@settings(deadline=None, max_examples=15)
@given(rate_bpm=st.floats(105, 220), count=st.integers(1, 12))
def test_three_ventricular_beats_in_a_row_are_one_run_that_ends_once(rate_bpm, count):
    rr_s = 60 / rate_bpm
    line = merged(
        beats("N" * 12, rr_s=0.8),
        beats("V" * count, rr_s=rr_s, start_s=10.0),
        beats("N" * 40, rr_s=0.8, start_s=10.0 + count * rr_s + 0.3),
    )
    key = "health.ventricular_run"
    story = [one.state for one in of(play(watched("health.rhythm", key), line), key)]
    assert story == (["raised", "cleared"] if count >= 3 else [])


@settings(deadline=None, max_examples=15)
@given(still_s=st.floats(1, 20), rr_s=st.floats(0.4, 1.2))
def test_a_heart_that_stands_still_for_four_seconds_is_one_alarm_until_it_beats(still_s, rr_s):
    first = beats("N" * 30, rr_s=rr_s)
    last = first[-1].t_ns / NS
    flat = [
        Observation(round(t * NS), "sensor.quality", 0.0, "1", 0.0, "physio", "ecg", "no beats")
        for t in [last + 1 + i for i in range(int(still_s))]
    ]
    again = beats("N" * 30, rr_s=rr_s, start_s=last + still_s + 0.1)
    key = "health.asystole"
    alerts = of(play(watched("health.rhythm", key), merged(first, flat, again)), key)
    if still_s < 4:
        assert alerts == []
        return
    assert [one.state for one in alerts] == ["raised", "cleared"]
    assert alerts[0].onset_ns == first[-1].t_ns and (alerts[0].t_ns - first[-1].t_ns) / NS == pytest.approx(4.0)
    assert alerts[1].t_ns == pytest.approx(again[2].t_ns, abs=2.1 * NS)
