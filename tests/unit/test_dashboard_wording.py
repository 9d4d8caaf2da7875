"""How alarms are called and told on the dashboard, and which answers are offered."""

import json

import pytest
from delivery_samples import alert

from edge_mm.dashboard.asking import Asking
from edge_mm.dashboard.charts import wave_svg
from edge_mm.dashboard.device import Alarm
from edge_mm.dashboard.fleet import Fleet
from edge_mm.dashboard.heard import Reading
from edge_mm.dashboard.lines import Wave
from edge_mm.dashboard.viewer import Viewer
from edge_mm.dashboard.wording import alarm_named, sentence, valued
from edge_mm.delivery import clock
from edge_mm.delivery.present import alert_state
from edge_mm.delivery.record import Record
from edge_mm.delivery.requests import Response


def state(said="raised", **changes):
    return alert_state(Record(1, "i", "j", clock.boot_id(), alert(1, said, **changes)), anchor=clock.now())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("eyes closed for 2 s", "Eyes closed for 2 s"),
        ("sensor belt is gone", "Sensor belt is gone"),
        ("ann: eyes closed", "ann: eyes closed"),
        ("bed_4 is empty", "bed_4 is empty"),
        ("myKind says so", "myKind says so"),
        ("", ""),
        (
            "health.systolic_low and health.systolic_high need vitals.systolic_mmhg or vitals.diastolic_mmhg, which no "
            "sensor gives: add a source of kind blood_pressure",
            "Systolic low and systolic high need systolic or diastolic, which no sensor gives: add a source of kind "
            "blood_pressure",
        ),
        ("health.spo2_low needs vitals.spo2_percent", "SpO₂ low needs SpO₂"),
        ("own.kind is 3", "own.kind is 3"),
    ],
)
def test_a_sentence_has_names_of_ours_in_words_and_leaves_those_of_others(text, told):
    assert sentence(text) == told


@pytest.mark.parametrize(
    ("kind", "key", "person", "named"),
    [
        ("driver.eyes_closed", "driver.eyes_closed", "", "Eyes closed"),
        ("driver.eyes_closed", "driver.eyes_closed@ann", "ann", "Eyes closed (ann)"),
        ("sensor.lost", "sensor.lost/cabin_2", "", "Sensor lost: cabin_2"),
        ("rule.no_input", "rule.no_input/health.systolic_low", "", "No input: systolic low"),
        ("own.kind", "bed 4", "", "Kind: bed 4"),
    ],
)
def test_an_alarm_is_named_with_what_it_is_about(kind, key, person, named):
    assert alarm_named(state(kind=kind, key=key, person=person)) == named


@pytest.mark.parametrize(
    ("transition", "offered"),
    [("raised", True), ("silenced", True), ("resumed", True), ("escalated", True), ("acknowledged", False),
     ("latched", False), ("cleared", False)],
)  # fmt: skip
def test_silence_is_offered_where_the_device_would_do_it(transition, offered):
    assert Alarm("x", state(transition), 1.0).silences is offered


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [(71.6, "bpm", "72"), (1e300, "bpm", "1.0e+300"), (-1e300, "", "-1.0e+300"), (1.7e308, "probability", "inf"),
     (36.61, "degC", "36.6"), (0.97, "probability", "97")],
)  # fmt: skip
def test_a_number_has_as_many_digits_as_people_read(value, unit, told):
    assert valued(Reading(value, unit)) == told


def test_a_refusal_of_waveforms_is_said_once_and_again_after_they_came():
    sent, said = [], []
    asking = Asking("edge_mm", lambda _topic, payload: sent.append(json.loads(payload)["transaction"]) or True)
    viewer = Viewer(Fleet("edge_mm"), asking, "ann")
    viewer.said = lambda done, text: said.append((done, text))
    for status in ("error", "error", "ok", "error"):
        viewer.waveforms("car-7")
        asking.answered("car-7", Response(status=status, transaction=sent[-1], error="busy" if status != "ok" else ""))
    assert said == [(False, "No waveforms: car-7 refused: busy")] * 2


def test_a_waveform_between_the_largest_numbers_there_are_is_drawn():
    wave = Wave()
    wave.add(1.0, [-1.7e308, 1.7e308, 0.0], rate_hz=100.0, unit="mV")
    drawn = wave_svg(wave)
    assert "nan" not in drawn
    assert all(f" {y:.1f}" in drawn for y in (86.0, 4.0, 45.0))
