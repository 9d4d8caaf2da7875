"""Scores: what an encoder says about recordings it was not trained on.

In: a function that maps normalised windows to class probabilities (the Keras model, or the int8 graph through the
device's own ``litert.Graph``). Out: a dict for the report. Not here: training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.audio.clips import LABELS, RATE_HZ, Clip
from converters.audio.windows import test_windows
from edge_mm.perception.audio_mel import encoder_input

Array = npt.NDArray[np.float32]
Classify = Callable[[Array], Array]
"""(n, frames, mels, 1) float32 -> (n, labels) float32."""


def clip_scores(classify: Classify, clips: Sequence[Clip]) -> dict[str, Any]:
    """Each clip is given the class with the highest mean probability over its loud windows.

    Returns:
        Precision, recall, F1 and n per class, macro F1 over the classes that are present, the confusion matrix (rows:
        truth, columns: answer, in the order of ``LABELS``), and window-level accuracy.
    """
    table = np.zeros((len(LABELS), len(LABELS)), np.int64)
    right = windows = 0
    for clip in clips:
        spectra, active = test_windows(clip)
        chosen = classify(encoder_input(spectra[active])[..., None])
        truth = LABELS.index(clip.label)
        table[truth, int(chosen.mean(axis=0).argmax())] += 1
        right += int(np.count_nonzero(chosen.argmax(axis=1) == truth))
        windows += len(chosen)
    present = [i for i in range(len(LABELS)) if table[i].any()]
    per_class = {LABELS[i]: _of_class(table, i) for i in present}
    return {
        "clips": int(table.sum()),
        "per_class": per_class,
        "macro_f1": round(float(np.mean([row["f1"] for row in per_class.values()])), 3),
        "window_accuracy": round(right / max(1, windows), 3),
        "windows": windows,
        "confusion": table.tolist(),
        "labels": list(LABELS),
    }


def answers(classify: Classify, sounds: Iterable[tuple[str, Array]]) -> dict[str, Any]:
    """How often each kind of recording got each answer, and how often it was called a siren above 0.5 and 0.8."""
    counts: dict[str, dict[str, int]] = {}
    siren: dict[str, list[float]] = {}
    for kind, sound in sounds:
        spectra, active = test_windows(Clip(sound, kind, kind, held_out=True))
        chosen = classify(encoder_input(spectra[active])[..., None]).mean(axis=0)
        name = LABELS[int(chosen.argmax())]
        row = counts.setdefault(kind, {})
        row[name] = row.get(name, 0) + 1
        siren.setdefault(kind, []).append(float(chosen[LABELS.index("siren")]))
    return {
        kind: {
            "n": sum(row.values()),
            "answers": dict(sorted(row.items())),
            "siren_above_0.5": sum(p > 0.5 for p in siren[kind]),
            "siren_above_0.8": sum(p > 0.8 for p in siren[kind]),
        }
        for kind, row in counts.items()
    }


def false_alarms(classify: Classify, clips: Sequence[Clip], thresholds: Mapping[str, float]) -> dict[str, Any]:
    """Clips that an alert would be raised on although they hold no such sound.

    An alert is taken to need a class above its threshold in three windows in a row (0.5 s of hops).

    Returns:
        Per class: how many of the clips of other classes would raise it; and how many clips there are in all, seconds.
    """
    wrong = dict.fromkeys(thresholds, 0)
    seconds = 0.0
    for clip in clips:
        spectra, _ = test_windows(clip)
        chosen = classify(encoder_input(spectra)[..., None])
        seconds += len(clip.sound) / RATE_HZ
        for name, limit in thresholds.items():
            above = np.concatenate(([0], chosen[:, LABELS.index(name)] > limit)).cumsum()
            if name != clip.label and len(above) > 3 and (above[3:] - above[:-3]).max() == 3:
                wrong[name] += 1
    return {"clips": len(clips), "seconds": round(seconds), "wrong": wrong}


def _of_class(table: npt.NDArray[np.int64], i: int) -> dict[str, float]:
    hit, said, true = int(table[i, i]), int(table[:, i].sum()), int(table[i].sum())
    precision, recall = hit / max(1, said), hit / max(1, true)
    f1 = 2 * precision * recall / max(1e-9, precision + recall)
    return {"n": true, "precision": round(precision, 3), "recall": round(recall, 3), "f1": round(f1, 3)}
