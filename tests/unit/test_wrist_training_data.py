"""What the wrist encoders learn from: no leak of length, time or person."""

import numpy as np
import pytest
from wrist import blocks, said, spec, wrist_bundle

from converters.motion.records import Recording, read_hifd, vertical
from converters.motion.score import Said, Variant, samples, summary
from converters.motion.windows import impacts_of, plain, spoiled
from converters.skin.net import spoil, without
from converters.skin.sessions import read_sessions, tables
from edge_mm.perception.litert import load_graph
from edge_mm.perception.motion_fall import AFTER, CHANNELS, LENGTH
from edge_mm.perception.skin import SkinFrontEnd
from edge_mm.perception.skin_stress import FEATURES, GRAPH, STEPS, stress_features
from edge_mm.types import NS_PER_S as S
from edge_mm.types import Observation


def recording(activity="clap", *, seconds=20.0, blows=(8.0,), seed=0):
    rng = np.random.default_rng(seed)
    at = np.arange(round(seconds * 50)) / 50
    acc = 0.1 * rng.standard_normal((len(at), 3))
    for blow in blows:
        acc += np.exp(-(((at - blow) / 0.06) ** 2))[:, None] * np.array([5.0, 0.0, 1.0])
    gyro = 10.0 * rng.standard_normal((len(at), 3))
    up = np.tile([0.0, 0.0, 1.0], (len(at), 1))
    return Recording("p1", activity, *(x.astype(np.float32) for x in (acc, gyro, up)))


def test_a_window_is_the_same_wherever_the_recording_begins_and_ends():
    whole = recording(blows=(10.0,))
    cut = whole._replace(acc=whole.acc[200:800], gyro=whole.gyro[200:800], up=whole.up[200:800])
    (one,), (other,) = (impacts_of(r, lowest_g=1.5) for r in (whole, cut))
    # 3.5 s of context are inside both
    assert np.array_equal(plain(one), plain(other))
    assert plain(one).shape == (LENGTH, CHANNELS)
    assert plain(one)[:, 6].argmax() == AFTER


def test_of_a_fall_only_the_strongest_impact_is_learned():
    assert len(impacts_of(recording("fall1", blows=(8.0, 12.0)), lowest_g=1.5)) == 1
    assert len(impacts_of(recording("clap", blows=(8.0, 12.0)), lowest_g=1.5)) == 2


def test_spoiling_is_reproducible_and_gives_whole_windows():
    falls = impacts_of(recording("fall1"), lowest_g=1.5)
    daily = impacts_of(recording("clap", blows=(6.0, 9.0)), lowest_g=1.5)
    one, two = (spoiled(falls * 20 + daily * 20, daily, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one, two)
    assert one.shape == (60, LENGTH, CHANNELS)
    assert np.isfinite(one).all()
    assert 0 < (one[:, 0, 8] == 0).mean() < 1  # some have no gyroscope


def test_the_vertical_turns_with_the_sensor():
    upright = np.array([[1.0, 0.0, 0.0, 0.0], [np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0]], np.float32)
    assert vertical(upright) == pytest.approx(np.array([[0, 0, 1], [0, 1, 0]]), abs=1e-6)


def test_scores_count_recordings():
    said = [
        Said("a", "fall1", True, 0.9, 1),
        Said("a", "fall2", True, 0.1, 1),
        Said("b", "clap", False, 0.8, 3),
        Said("b", "walk", False, 0.0, 0),
    ]
    table = summary(said, 0.7, seed=0)
    assert table["f1"] == pytest.approx(0.5)
    assert (table["falls_found"], table["false_alarm_recordings"]) == ("1/2", "1/2")
    assert table["false_alarms_on_clapping_or_zipping"] == 1


def test_variants_cover_the_whole_recording():
    one = recording(seconds=10.0)
    for variant in (Variant(), Variant(rate_hz=25.0), Variant(rate_hz=100.0, gravity=True), Variant(gyro=False)):
        blocks = list(samples(one, variant))
        acc = np.concatenate([b.data for b in blocks if b.stream == "acc"])
        assert len(acc) / variant.rate_hz == pytest.approx(10.0, abs=0.1)
        assert any(b.stream == "gyro" for b in blocks) == variant.gyro


def stream(seconds=800, seed=0):
    rng = np.random.default_rng(seed)
    eda = 2.0 + 0.05 * np.cumsum(rng.standard_normal(4 * seconds)).clip(-20, 20) / 4
    beats = np.stack(
        [np.arange(1.0, seconds, 0.8), 0.8 + 0.02 * rng.standard_normal(len(np.arange(1.0, seconds, 0.8)))]
    )
    return {"eda": (np.abs(eda) + 0.5, 4.0), "temp": (33 + 0.1 * rng.standard_normal(4 * seconds), 4.0)}, beats.T


def test_features_do_not_change_when_what_lies_before_their_ten_minutes_is_cut():
    """The audit for elapsed time: counts, warm-up and everything else that a row could know of the session before."""
    signals, beats = stream()
    numbers, whole = tables(signals, beats)
    cut = {kind: (np.where(np.arange(len(x)) < 4 * 100, np.nan, x), rate) for kind, (x, rate) in signals.items()}
    numbers_cut, late = tables(cut, beats[beats[:, 0] >= 40.0])  # beats count for a minute more
    row = {n: stress_features(t) for n, t in zip(numbers, whole, strict=True)}
    later = {n: stress_features(t) for n, t in zip(numbers_cut, late, strict=True)}
    assert whole.shape[1:] == (STEPS, 5)
    last = max(numbers)
    assert last >= 60 + 11
    assert np.array_equal(row[last], later[last])


def test_the_device_says_what_the_trainer_scored():
    """No skew: the tables that are learned from are those of the front end, to the last bit."""
    signals, beats = stream()
    graph = load_graph(wrist_bundle(), GRAPH)
    numbers, found = tables(signals, beats)
    scored = [
        ((n + 1) * 10.0, graph(features=stress_features(t))["stress"].item())
        for n, t in zip(numbers, found, strict=True)
    ]
    one = SkinFrontEnd(wrist_bundle())
    events = [
        Observation(round(t * S), "vitals.rr_interval_s", rr, "s", 0.9, "physio", "bvp") for t, rr in beats.tolist()
    ]
    for kind, (values, rate_hz) in signals.items():
        one.add(spec(kind, kind, rate_hz))
        events += blocks(kind, values, rate_hz, size=1)
    readings = []
    for event in sorted(events, key=lambda event: event.t_ns):
        readings += one.hear(event) if isinstance(event, Observation) else one.push(event)
    assert said(readings, "health.stress") == scored
    assert scored


def test_leaving_a_sense_out_is_what_the_device_gives_without_it():
    signals, beats = stream()
    table = tables(signals, beats)[1][-1]
    everything = stress_features(table)[None]
    for sense, kept in (("heart", {"heart": False}), ("skin", {"skin": False}), ("warmth", {"warmth": False})):
        assert np.array_equal(without(everything, sense)[0], stress_features(table, **kept))
    many = spoil(np.repeat(everything, 500, axis=0), np.random.default_rng(0))
    assert many.shape == (500, FEATURES)
    assert 0.25 < (many[:, -2] == 0).mean() < 0.45
    assert not many[many[:, -2] == 0][:, :8].any()


@pytest.mark.shared
def test_shared_recordings_are_of_eighteen_and_fifteen_people(shared_data):
    recordings = read_hifd(shared_data / "research" / "hifd")
    assert len({one.person for one in recordings}) == 18
    assert sum(one.fall for one in recordings) == 89
    assert all(len(impacts_of(one, lowest_g=1.5)) == 1 for one in recordings if one.fall)


def test_absent_data_are_named(tmp_path):
    pytest.importorskip("scipy")
    with pytest.raises(FileNotFoundError, match="subject_"):
        read_hifd(tmp_path)
    (tmp_path / "Processed_data").mkdir()
    with pytest.raises(FileNotFoundError):
        read_sessions(tmp_path, None)
