"""What devices work out themselves, through the monitor; in it no graph reads them and no window waits for them."""

import numpy as np
import pytest

from edge_mm.errors import SourceError, UsageError
from edge_mm.monitor import Monitor
from edge_mm.types import NS_PER_S, Alert, Estimate, Observation, Sample, StreamSpec, Tick

UNITS = {"heart_rate": "bpm", "rr": "s", "spo2": "%", "blood_pressure": "mmHg", "body_temp": "degC", "speed": "km/h"}


def spec(kind: str, unit: str = "") -> StreamSpec:
    return StreamSpec(kind, kind, 1.0, unit or UNITS[kind], stale_s=10.0)


def sample(kind: str, at_s: float, values: list[float] | list[list[float]]) -> Sample:
    return Sample(kind, round(at_s * NS_PER_S), np.array(values, np.float32), 1.0)


def pushed(bundle, kind: str, *samples: Sample, unit: str = "") -> list[Observation]:
    monitor = Monitor(bundle, [spec(kind, unit)])
    return [one for each in samples for one in monitor.push(each) if isinstance(one, Observation)]


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("heart_rate", [71.0], {"vitals.heart_rate_bpm": 71.0}),
        ("spo2", [97.0], {"vitals.spo2_percent": 97.0}),
        ("body_temp", [37.5], {"vitals.body_temperature_c": 37.5}),
        ("speed", [88.0], {"vehicle.speed_kmh": 88.0}),
        (
            "blood_pressure",
            [[120.0, 80.0, np.nan]],
            {"vitals.systolic_mmhg": 120.0, "vitals.diastolic_mmhg": 80.0},
        ),
    ],
)
def test_a_reading_becomes_an_observation_in_its_unit(bundle, kind, values, said):
    seen = pushed(bundle, kind, sample(kind, 5.0, values))
    assert {one.name: one.value for one in seen if one.name != "sensor.quality"} == pytest.approx(said)
    assert {one.unit for one in seen if one.name != "sensor.quality"} == {UNITS[kind]}
    assert [one.value for one in seen if one.name == "sensor.quality"] == [1.0]


def test_a_number_is_named_after_its_stream_and_keeps_its_unit(bundle):
    (seen, quality) = pushed(bundle, "number", sample("number", 0.0, [612.0]), unit="ppm")
    assert (seen.name, seen.value, seen.unit) == ("number.number", 612.0, "ppm")
    assert quality.name == "sensor.quality"


@pytest.mark.parametrize(
    ("value", "why"), [(np.nan, "no value (no contact?)"), (900.0, "impossible value"), (np.inf, "impossible value")]
)
def test_a_value_that_is_none_is_not_told_and_the_sensor_says_why(bundle, value, why):
    (quality,) = pushed(bundle, "heart_rate", sample("heart_rate", 0.0, [value]))
    assert (quality.name, quality.value, quality.label) == ("sensor.quality", 0.0, why)


def test_intervals_of_one_message_lie_one_after_the_other_and_give_variability_after_a_minute(bundle):
    rng = np.random.default_rng(3)
    rr = 0.8 + rng.normal(0.0, 0.03, 100)
    samples = [sample("rr", at, list(rr[i : i + 2])) for i, at in zip(range(0, 100, 2), range(50), strict=True)]
    seen = pushed(bundle, "rr", *samples[:1])
    times = [one.t_ns / NS_PER_S for one in seen if one.name == "vitals.rr_interval_s"]
    assert times == pytest.approx([-rr[1], 0.0], abs=1e-6)
    at_s, later = 0.0, []
    for i in range(0, 100, 2):
        at_s += rr[i] + rr[i + 1]
        later.append(sample("rr", at_s, list(rr[i : i + 2])))
    rmssd = [one.value for one in pushed(bundle, "rr", *later) if one.name == "vitals.hrv_rmssd_ms"]
    assert len(rmssd) >= 2
    assert rmssd[-1] == pytest.approx(1000 * np.sqrt(np.mean(np.diff(rr) ** 2)), rel=0.25)


def test_readings_make_no_window_wait_and_no_fusion_of_their_own(bundle):
    monitor = Monitor(bundle, [spec("heart_rate"), StreamSpec("audio", "audio", 16_000.0, "full scale")])
    rng = np.random.default_rng(0)
    estimates = []
    for i in range(130):
        block = rng.normal(0, 0.1, 1600).astype(np.float32)
        monitor.push(sample("heart_rate", 0.0, [70.0])) if i == 0 else None
        outputs = monitor.push(Sample("audio", i * NS_PER_S // 10, block, 16_000.0))
        estimates += [one for one in outputs if isinstance(one, Estimate)]
    assert len(estimates) >= 10
    assert estimates[-1].coverage.get("physio", 0.0) == 0.0


def test_a_belts_heart_rate_raises_the_alert_that_an_ecg_would(bundle):
    monitor = Monitor(bundle, [spec("heart_rate")])
    alerts: list[Alert] = []
    for i in range(60):
        outputs = monitor.push(sample("heart_rate", float(i), [150.0])) + monitor.push(Tick(i * NS_PER_S))
        alerts += [one for one in outputs if isinstance(one, Alert)]
    assert [one.kind for one in alerts if one.category == "physiological"] == ["health.heart_rate_high"]


def test_a_belt_without_contact_raises_a_technical_alert_and_none_about_the_person(bundle):
    monitor = Monitor(bundle, [spec("heart_rate")])
    alerts: list[Alert] = []
    for i in range(20):
        outputs = monitor.push(sample("heart_rate", float(i), [np.nan])) + monitor.push(Tick(i * NS_PER_S))
        alerts += [one for one in outputs if isinstance(one, Alert)]
    assert [(one.kind, one.category) for one in alerts] == [("sensor.unusable", "technical")]
    assert "contact" in alerts[0].reason.text


def test_a_blood_pressure_of_another_shape_is_refused(bundle):
    with pytest.raises(SourceError, match=r"needs \(n, 3\) float32 in mmHg"):
        pushed(bundle, "blood_pressure", sample("blood_pressure", 0.0, [120.0]))


def test_a_silence_that_is_no_time_is_refused(bundle):
    with pytest.raises(UsageError, match="stale after 0"):
        Monitor(bundle, [StreamSpec("hr", "heart_rate", 1.0, "bpm", stale_s=0.0)])


@pytest.mark.parametrize("pair", [[80.0, 120.0, 93.0], [400.0, 20.0, 93.0], [120.0, np.nan, 93.0]])
def test_half_a_blood_pressure_and_one_that_is_upside_down_are_none(bundle, pair):
    (quality,) = pushed(bundle, "blood_pressure", sample("blood_pressure", 0.0, [pair]))
    assert (quality.name, quality.value, quality.label) == ("sensor.quality", 0.0, "impossible value")
