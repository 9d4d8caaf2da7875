"""Drowsiness comes from the fused estimate: it needs the embeddings, and it needs the attention.

The windows are composites of held-out people, sources and records in which one sense is corrupted (a stuck camera, a
hissing microphone, electrodes off, random embeddings). A fusion graph with constant attention, and one that gets its
embeddings shuffled, must not pass what the shipped one passes.
"""

from pathlib import Path

import numpy as np
import pytest

from converters.acceptance import FALSE_SHARE, FOUND_SHARE, failures, unpack
from converters.composites import RAISED
from edge_mm.models.bundle import load_bundle
from edge_mm.perception.fusion import Fusion

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@pytest.fixture(scope="module")
def cases():
    with np.load(GOLDEN / "fusion_windows.npz", allow_pickle=False) as arrays:
        return unpack(dict(arrays))


def fusion(sabotage=""):
    bundle = load_bundle("driver")
    return Fusion(bundle.replace(fusion=(GOLDEN / f"fusion_{sabotage}.tflite").read_bytes()) if sabotage else bundle)


def drowsy(subject, cases, *, state, corrupted=None):
    chosen = [c for c in cases if c.state == state and corrupted in (None, c.corrupted)]
    return np.array([subject.estimate(c.window).scores["drowsy"] for c in chosen])


def attention_on_corrupted(subject, cases):
    return np.array([subject.estimate(c.window).weights[c.corrupted] for c in cases])


def test_drowsy_is_raised_in_drowsy_windows_although_one_sense_is_corrupted(cases):
    assert (drowsy(fusion(), cases, state="drowsy") >= RAISED).mean() >= FOUND_SHARE


def test_drowsy_is_not_raised_in_alert_windows_although_one_sense_is_corrupted(cases):
    assert (drowsy(fusion(), cases, state="alert") >= RAISED).mean() <= FALSE_SHARE


def test_attention_leaves_the_corrupted_sense(cases):
    weights = attention_on_corrupted(fusion(), cases)
    assert weights.mean() < 0.2
    assert (weights < 1 / 4).mean() > 0.8


def test_attention_differs_from_window_to_window(cases):
    subject = fusion()
    for modality in ("vision", "audio", "physio", "skin"):
        assert np.std([subject.estimate(c.window).weights[modality] for c in cases]) > 0.05, modality


def test_the_shipped_fusion_passes_the_acceptance(cases):
    assert failures(fusion(), cases, {"drowsy": RAISED}) == []


@pytest.mark.parametrize("sabotage", ["constant_attention", "shuffled_embeddings"])
def test_a_sabotaged_fusion_does_not_pass_the_acceptance(cases, sabotage):
    problems = failures(fusion(sabotage), cases, {"drowsy": RAISED})
    assert any(p.startswith("drowsy:") for p in problems), "the scores themselves must go wrong, not the weights alone"
    assert any(p.startswith("attention:") for p in problems)


def test_constant_attention_is_what_it_says(cases):
    estimate = fusion("constant_attention").estimate(cases[0].window)
    assert list(estimate.weights.values()) == pytest.approx([1 / 4] * 4, abs=0.01)
