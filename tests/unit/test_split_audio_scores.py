"""Scores and windows of the sound encoder: int8 means the graph, every clip can alarm, nothing stale is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import edge_mm
from converters.audio import scores, windows
from converters.audio.clips import LABELS, Clip
from edge_mm.perception.audio_mel import SCALE_DB
from edge_mm.perception.litert import load_graph

LIMITS = {name: 0.6 for name in LABELS if name != "other"}


def noise(seconds, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(int(seconds * 16000))).astype(np.float32)


def says(label):
    """A classifier that is always sure of one class."""
    return lambda x: np.tile(np.eye(len(LABELS), dtype=np.float32)[LABELS.index(label)], (len(x), 1))


def hears_an_onset(x):
    """A classifier that hears a siren in every window with 12 dB between its loudest and its quietest frame."""
    loud = x[..., 0].mean(axis=2)
    out = np.zeros((len(x), len(LABELS)), np.float32)
    out[:, LABELS.index("siren")] = loud.max(axis=1) - loud.min(axis=1) > 12 / SCALE_DB
    return out


def test_the_int8_scores_are_those_of_the_graph_and_the_float_scores_those_of_the_model():
    graph = load_graph(edge_mm.load_bundle("driver"), "audio.encoder")
    test = [Clip(noise(3, k), "rain", f"noise {k}", held_out=True) for k in range(4)]
    found = scores.report(says("dog"), graph, test, [("speech", noise(1))], LIMITS)
    truth, dog = LABELS.index("other"), LABELS.index("dog")
    assert found["held_out_float"]["confusion"][truth][dog] == 4
    assert found["held_out_int8"]["confusion"][truth][dog] == 0
    assert sum(found["real_sounds_int8"]["speech"]["answers"].values()) == 1
    assert "dog" not in found["real_sounds_int8"]["speech"]["answers"]
    assert found["false_alarms_int8"]["wrong"]["dog"] == 0


def test_a_clip_too_short_for_three_windows_can_raise_a_false_alarm():
    word = Clip(noise(1), "speech", "a", held_out=True)
    alarms = scores.false_alarms(says("siren"), [word], LIMITS)
    assert alarms["wrong"]["siren"] == 1
    assert (alarms["clips"], alarms["set_into_background"], alarms["seconds"]) == (1, 1, 3)


def test_a_short_clip_is_heard_over_a_held_out_background_that_lies_below_it():
    rain = Clip(noise(5, 1), "rain", "b", held_out=True)
    word = Clip(noise(1, 2), "speech", "a", held_out=True)
    alarms = scores.false_alarms(hears_an_onset, [word, rain], LIMITS)
    assert alarms["wrong"]["siren"] == 1, "the word stands out of the rain as it begins, rain does not"
    assert alarms["set_into_background"] == 1


def test_the_notes_count_what_the_scores_hide():
    graph = load_graph(edge_mm.load_bundle("driver"), "audio.encoder")
    test = [Clip(noise(1, k), "cough", f"cougher {k > 2}", held_out=True) for k in range(4)]
    test.append(Clip(noise(3), "siren", "synthetic 0", held_out=True))
    notes = " ".join(
        scores.report(says("dog"), graph, test, [("speech", noise(1, k)) for k in range(3)], LIMITS)["notes"]
    )
    assert "The 1 held-out sirens are synthesised" in notes
    assert "The 4 held-out coughs are of 2 people; 3 are one person's." in notes
    assert "Of 3 real clips of speech" in notes
    assert "4 of 5 clips are too short for an alert" in notes


@pytest.fixture(scope="module")
def learned():
    return [Clip(noise(5, 2 * i), kind, f"{kind} {i}", held_out=False) for kind in windows.PER_KIND for i in range(2)]


def test_windows_are_the_same_with_and_without_a_folder_that_keeps_them(learned, tmp_path):
    afresh, labels = windows.kept_windows(learned, None, seed=0, scale=0.003)
    made, _ = windows.kept_windows(learned, tmp_path, seed=0, scale=0.003)
    again, kept_labels = windows.kept_windows(learned, tmp_path, seed=0, scale=0.003)
    assert np.array_equal(afresh, made)
    assert np.array_equal(made, again)
    assert np.array_equal(labels, kept_labels)
    assert len(list(tmp_path.iterdir())) == 1


def test_other_sounds_under_the_same_names_are_not_served_from_the_folder(learned, tmp_path):
    before, _ = windows.kept_windows(learned, tmp_path, seed=0, scale=0.003)
    other = [replace(clip, sound=np.roll(clip.sound, 7) * np.float32(0.5)) for clip in learned]
    after, _ = windows.kept_windows(other, tmp_path, seed=0, scale=0.003)
    assert not np.array_equal(before, after)
