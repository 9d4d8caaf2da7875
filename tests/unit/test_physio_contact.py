"""An ECG without beats: a heart that stands still, an electrode that is off, beats that the detector misses."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_mm.perception.physio import PhysioFrontEnd
from edge_mm.perception.physio_contact import Contact
from edge_mm.types import Observation, Sample, StreamSpec

S = 1_000_000_000
BEATS_S, STILL_S = 20.0, 20.0


def heart(t, rate_bpm=72):
    """P, QRS and T as Gaussians; synthetic."""
    phase = (t % (60.0 / rate_bpm)) - 0.3
    waves = ((-0.16, 0.02, 0.12), (-0.025, 0.009, -0.12), (0.0, 0.011, 1.0), (0.028, 0.01, -0.22), (0.22, 0.04, 0.25))
    return sum(h * np.exp(-(((phase - at) / w) ** 2) / 2) for at, w, h in waves)


def line(then, *, rate_hz=250.0, noise=0.01, again_s=0.0):
    """Beats, then what ``then`` makes of the time, then beats again; noise of the amplifier over all of it."""
    t = np.arange(int((BEATS_S + STILL_S + again_s) * rate_hz)) / rate_hz
    values = heart(t)
    still = (t >= BEATS_S) & (t < BEATS_S + STILL_S)
    values[still] = then(t[still] - BEATS_S)
    return values + np.random.default_rng(0).normal(0, noise, t.size)


def said(bundle, values, rate_hz=250.0):
    """(second, label) of the quality, and the times of beats."""
    front = PhysioFrontEnd(bundle, StreamSpec("chest", "ecg", rate_hz, "mV"))
    out = []
    for at in range(0, len(values), 100):
        out += front.push(Sample("chest", round(at * S / rate_hz), values[at : at + 100].astype(np.float32), rate_hz))
    out = [one for one in out + front.flush() if isinstance(one, Observation)]
    labels = [(one.t_ns / S, one.label) for one in out if one.name == "sensor.quality"]
    return labels, [one.t_ns / S for one in out if one.name == "vitals.beat"]


def still_from(labels):
    return [t for t, label in labels if label == "no beats"]


@pytest.mark.parametrize(
    "then",
    [
        lambda t: 0 * t,
        lambda t: 0.1 * np.sin(2 * np.pi * t / 4),
        lambda t: 0.05 * t,
    ],
    ids=["flat", "breath goes on", "drift"],
)
def test_a_heart_that_stops_with_contact_is_told_after_four_seconds_until_it_beats(bundle, then):
    labels, beats = said(bundle, line(then, again_s=10))
    told = still_from(labels)
    last = max(t for t in beats if t < BEATS_S + 0.5)
    assert 4.0 <= told[0] - last <= 6.5
    assert told[-1] <= BEATS_S + STILL_S + 2.0 and len(told) >= STILL_S - 7
    assert [label for t, label in labels if t > BEATS_S + STILL_S + 3] == [""] * 7


def test_atria_that_go_on_alone_do_not_hide_it(bundle):
    labels, _ = said(bundle, line(lambda t: 0.12 * np.exp(-((((t % 0.8) - 0.4) / 0.02) ** 2) / 2)))
    assert still_from(labels)[0] <= BEATS_S + 6.5


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.floats(0.004, 0.025), rate_hz=st.sampled_from([125.0, 250.0, 360.0, 500.0]))
def test_noise_of_the_amplifier_and_the_rate_of_sampling_do_not_hide_it(bundle, noise, rate_hz):
    labels, _ = said(bundle, line(lambda t: 0 * t, rate_hz=rate_hz, noise=noise), rate_hz)
    told = still_from(labels)
    assert told and told[0] <= BEATS_S + 6.5


@pytest.mark.parametrize(
    "then",
    [
        lambda t: 5.0 * (1 - np.exp(-t / 0.5)),
        lambda t: 0.5 * np.sin(2 * np.pi * 50 * t),
        lambda t: 0.4 * np.sin(2 * np.pi * 50 * t) + 3.0,
        lambda t: np.full_like(t, np.nan),
    ],
    ids=["rail", "aerial", "aerial and rail", "nothing comes"],
)
def test_an_electrode_that_is_off_is_no_still_heart(bundle, then):
    labels, _ = said(bundle, line(then))
    assert still_from(labels) == []


def test_one_value_for_ever_is_a_flat_line_of_the_sensor(bundle):
    values = line(lambda t: 0 * t)
    values[int(BEATS_S * 250) :] = 0.0
    labels, _ = said(bundle, values)
    assert still_from(labels) == [] and labels[-1][1] == "flat line"


def test_what_never_showed_a_heart_has_none_that_stands_still(bundle):
    labels, _ = said(bundle, np.random.default_rng(1).normal(0, 0.01, 250 * 60))
    assert still_from(labels) == []


def seconds_of(values, rate_hz=250.0, *, good=15):
    """What Contact says of each second when the detector finds no beat after ``good`` seconds."""
    contact, verdicts = Contact(), []
    for second, one in enumerate(values.reshape(-1, int(rate_hz))):
        for chunk in np.array_split(one, 4):
            contact.chunk(chunk, rate_hz)
        if second < good:
            contact.beat()
            contact.good(-0.3, 1.0, 1.2, 0.01)
        verdicts.append(contact.second(max(0.0, second - good + 1.0), one.min(), one.max(), 0.01, 0.0))
    return verdicts


@pytest.mark.parametrize(("height", "still"), [(0.0, True), (0.03, True), (0.2, False), (0.24, False)])
def test_beats_that_are_low_and_missed_are_told_from_a_still_heart_by_their_flanks(height, still):
    t = np.arange(250 * 30) / 250
    values = heart(t)
    values[250 * 15 :] *= height / 1.22
    verdicts = seconds_of(values + np.random.default_rng(0).normal(0, 0.005, t.size))
    assert any(verdicts) is still
    assert verdicts[:18] == [False] * 18 and verdicts[-1] is still


def test_one_restless_second_begins_the_four_seconds_again():
    t = np.arange(250 * 30) / 250
    values = np.where(t < 15, heart(t), 0.0) + np.random.default_rng(0).normal(0, 0.005, t.size)
    values[250 * 17 + 60 : 250 * 17 + 70] += 0.4
    assert seconds_of(values)[15:] == [False] * 6 + [True] * 9


def test_a_line_that_jumped_has_lost_an_electrode_for_fifteen_seconds():
    t = np.arange(250 * 50) / 250
    values = np.where(t < 15, heart(t), 1.5 * np.exp(-(t - 15))) + np.random.default_rng(0).normal(0, 0.005, t.size)
    verdicts = seconds_of(values)
    assert not any(verdicts[:30]) and all(verdicts[40:])
