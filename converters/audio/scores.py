"""Scores: what an encoder says about recordings it was not trained on.

In: a function that maps normalised windows to class probabilities (the Keras model, or the int8 graph through the
device's own ``litert.Graph``). Out: a dict for the report. Not here: training.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.audio.clips import BACKGROUNDS, LABELS, RATE_HZ, Clip
from converters.audio.windows import HOP_FRAMES, SAMPLES, SETTINGS, test_windows
from edge_mm.perception.audio_mel import encoder_input
from edge_mm.perception.litert import Graph

Array = npt.NDArray[np.float32]
Classify = Callable[[Array], Array]
"""(n, frames, mels, 1) float32 -> (n, labels) float32."""
THREE_WINDOWS = SAMPLES + 2 * HOP_FRAMES * SETTINGS.step
"""Samples from which a clip holds three windows."""
BED_DB = 20.0
"""How far a background lies below a short clip that is set into it."""


def report(
    in_float: Classify,
    graph: Graph,
    test: Sequence[Clip],
    real: Sequence[tuple[str, Array]],
    thresholds: Mapping[str, float],
) -> dict[str, Any]:
    """Every score that tells sounds apart, and notes on how to read them.

    Args:
        in_float: the Keras model; only ``held_out_float`` is its.
        graph: the int8 graph, as the device runs it.
        test: held-out clips, with the synthetic sirens.
        real: kind and sound of recordings that no part was trained on.
        thresholds: class -> probability from which a rule may take it as heard.
    """  # fmt: skip

    def in_int8(x: Array) -> Array:
        return np.stack([graph(log_mel=one)["classes"] for one in x])

    found = {
        "held_out_float": clip_scores(in_float, test),
        "held_out_int8": clip_scores(in_int8, test),
        "real_sounds_int8": answers(in_int8, real),
        "false_alarms_int8": false_alarms(in_int8, test, thresholds),
    }
    return {**found, "notes": _notes(test, found)}


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

    An alert is taken to need a class above its threshold in three windows in a row (0.5 s of hops). A clip that is too
    short for three windows is set into one of the clips' backgrounds, so that it can raise one too.

    Returns:
        Per class: how many of the clips of other classes would raise it; how many clips there are in all, how many of
        them were set into a background, seconds heard.
    """
    wrong = dict.fromkeys(thresholds, 0)
    rng = np.random.default_rng(0)
    beds = [clip.sound for clip in clips if clip.kind in BACKGROUNDS]
    seconds, short = 0.0, 0
    for clip in clips:
        heard = clip
        if len(clip.sound) < THREE_WINDOWS:
            short += 1
            heard = replace(clip, sound=_in_background(clip.sound, beds, rng))
        spectra, _ = test_windows(heard)
        chosen = classify(encoder_input(spectra)[..., None])
        seconds += len(heard.sound) / RATE_HZ
        for name, limit in thresholds.items():
            above = np.concatenate(([0], chosen[:, LABELS.index(name)] > limit)).cumsum()
            if name != clip.label and (above[3:] - above[:-3]).max() == 3:
                wrong[name] += 1
    return {"clips": len(clips), "set_into_background": short, "seconds": round(seconds), "wrong": wrong}


def _in_background(sound: Array, beds: Sequence[Array], rng: np.random.Generator) -> Array:
    """The sound with a second before and a second after it, all over a background 20 dB below it."""
    size = len(sound) + 2 * RATE_HZ
    chosen = beds[int(rng.integers(len(beds)))] if beds else rng.standard_normal(size).astype(np.float32)
    bed = np.resize(np.roll(chosen, -int(rng.integers(len(chosen)))), size)
    level = np.sqrt(np.mean(sound**2)) / (np.sqrt(np.mean(bed**2)) + 1e-9) * 10 ** (-BED_DB / 20)
    scene = np.asarray(bed * level, np.float32)
    scene[RATE_HZ : RATE_HZ + len(sound)] += sound
    return scene


def _notes(test: Sequence[Clip], found: Mapping[str, Any]) -> list[str]:
    """What the scores do not say by themselves."""
    sirens = sum(clip.kind == "siren" for clip in test)
    alarms = found["false_alarms_int8"]
    notes = [
        f"The {sirens} held-out sirens are synthesised, as all in training are; they count in `macro_f1`. Real ones "
        "are in `real_sounds_int8`: clips of one second, of unknown licence, never trained on.",
        f"`false_alarms_int8`: {alarms['set_into_background']} of {alarms['clips']} clips are too short for an alert; "
        f"they were set into held-out backgrounds {BED_DB:.0f} dB below them.",
    ]
    real = found["real_sounds_int8"].get("speech")
    if real:
        known = real["answers"].get("speech", 0)
        notes.append(f"Of {real['n']} real clips of speech in `real_sounds_int8`, {known} are recognised.")
    coughs = Counter(clip.group for clip in test if clip.kind == "cough").most_common(1)
    if coughs:
        every = sum(clip.kind == "cough" for clip in test)
        people = len({clip.group for clip in test if clip.kind == "cough"})
        notes.append(f"The {every} held-out coughs are of {people} people; {coughs[0][1]} are one person's.")
    return notes


def _of_class(table: npt.NDArray[np.int64], i: int) -> dict[str, float]:
    hit, said, true = int(table[i, i]), int(table[:, i].sum()), int(table[i].sum())
    precision, recall = hit / max(1, said), hit / max(1, true)
    f1 = 2 * precision * recall / max(1e-9, precision + recall)
    return {"n": true, "precision": round(precision, 3), "recall": round(recall, 3), "f1": round(f1, 3)}
