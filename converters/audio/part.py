"""From recordings to a part: split, windows, training, int8, scores, golden sample.

In: the shared data. Out: a folder that ``converters.parts`` reads. Not here: how each step is done.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from converters.audio import encoder, scores, synthetic
from converters.audio.clips import LABELS, RATE_HZ, Clip, read_all, read_khan
from converters.audio.windows import FRAMES, HOP_FRAMES, SAMPLES, SETTINGS, kept_windows, test_windows
from converters.conversion.in_process import quantize
from converters.parts import Part, finished_folder, write_part
from converters.trained import Trained
from edge_mm.perception.audio import GRAPH
from edge_mm.perception.audio_mel import LogMel, encoder_input
from edge_mm.perception.litert import Graph

Array = npt.NDArray[np.float32]
THRESHOLDS = {name: 0.6 for name in LABELS if name != "other"}
"""Probability from which a rule may take a class as heard; ``false_alarms`` in the report says what it costs."""
METRIC = "accuracy:classes"
LEARNT = 6000
"""Windows of the training side that are kept for recipes that train."""
CALIBRATION = 400
"""Windows for int8 calibration, every class and kind."""


def make_part(data: Path, out: Path, *, work: Path | None, seed: int, epochs: int, scale: float) -> dict[str, Any]:
    """Train and write the part; gives its report."""
    clips = read_all(data)
    held_out = [clip for clip in clips if clip.held_out]
    learned = [clip for clip in clips if not clip.held_out]
    spectra, labels = kept_windows(learned, work, seed=seed, scale=scale)
    model = encoder.build(seed=seed)
    losses = encoder.train(model, spectra, labels, epochs=epochs, seed=seed)
    chosen = np.random.default_rng(seed).choice(len(labels), min(CALIBRATION, len(labels)), replace=False)
    calibration = [{"log_mel": x[None, ..., None]} for x in encoder_input(spectra[chosen])]
    content = quantize(model, calibration)
    graph = Graph(content, name=GRAPH)

    def in_float(x: Array) -> Array:
        return np.asarray(model(x, training=False)["classes"], np.float32)

    test = held_out + _held_out_sirens(seed)
    report: dict[str, Any] = {
        **scores.report(in_float, graph, test, list(read_khan(data)), THRESHOLDS),
        "reversed_changes_embedding_by": _order(graph, held_out),
        "tflite_bytes": len(content),
        "parameters": int(model.count_params()),
        "hop_us_x86": _hop_us(graph),
        "train_windows": {name: int(n) for name, n in zip(LABELS, np.bincount(labels), strict=True)},
        "loss": losses,
        "split": {
            "by": "source recording, person or speaker",
            "held_out": sorted({clip.group for clip in held_out}),
            "train": sorted({clip.group for clip in learned}),
        },
    }
    part = Part("audio", _front_end(), {GRAPH: False}, report, {GRAPH: METRIC})
    some = np.random.default_rng(seed + 1).choice(len(labels), min(LEARNT, len(labels)), replace=False)
    learnt = {"log_mel": encoder_input(spectra[some])[..., None]}
    kept = {GRAPH: Trained(model, calibration, _judged(held_out), METRIC, training=learnt)}
    with finished_folder(out) as folder:
        write_part(folder, part, {GRAPH: content}, _golden(graph), kept)
    return report


def _judged(clips: Sequence[Clip]) -> dict[str, npt.NDArray[Any]]:
    """The loud windows of held-out clips with their class and their source."""
    windows, classes, sources = [], [], []
    for clip in clips:
        spectra, active = test_windows(clip)
        windows.append(encoder_input(spectra[active])[..., None])
        classes += [LABELS.index(clip.label)] * int(active.sum())
        sources += [clip.group] * int(active.sum())
    groups = np.unique(sources, return_inverse=True)[1]
    return {"log_mel": np.concatenate(windows), "classes": np.array(classes, np.int64), "group": groups}


def _front_end() -> dict[str, Any]:
    settings = msgspec.structs.asdict(SETTINGS)
    return {
        **settings,
        "window_frames": FRAMES,
        "hop_frames": HOP_FRAMES,
        "hop_s": HOP_FRAMES * SETTINGS.step / SETTINGS.rate_hz,
        "labels": list(LABELS),
        "embedding": encoder.EMBEDDING,
        "thresholds": THRESHOLDS,
    }


def _held_out_sirens(seed: int) -> list[Clip]:
    """Synthetic sirens of another seed, so that precision and recall have sirens; the real ones are scored apart."""
    rng = np.random.default_rng(seed + 1000)
    return [Clip(synthetic.siren(rng, 3 * RATE_HZ), "siren", f"synthetic {i}", held_out=True) for i in range(20)]


def _golden(graph: Graph) -> dict[str, npt.NDArray[np.generic]]:
    """A chirp from 500 to 1500 Hz in one window, by formula (no recording), and what the graph makes of it."""
    t = np.arange(SAMPLES) / RATE_HZ
    sweep = 0.3 * np.sin(2 * np.pi * (500.0 * t + 500.0 * t**2))
    hum = 0.01 * np.sin(2 * np.pi * 120.0 * t)
    given = encoder_input(LogMel(SETTINGS)((sweep + hum).astype(np.float32)))[..., None]
    arrays: dict[str, npt.NDArray[np.generic]] = {f"{GRAPH}/in/log_mel": given}
    for name, value in graph(log_mel=given).items():
        arrays[f"{GRAPH}/out/{name}"] = value
    return arrays


def _order(graph: Graph, clips: Sequence[Clip]) -> dict[str, float]:
    """How far the embedding of a reversed window lies from that of the window, as a share of its length."""
    moved: dict[str, list[float]] = {}
    for clip in clips:
        spectra, active = test_windows(clip)
        window = encoder_input(spectra[active][:1])[0][..., None]
        there, back = graph(log_mel=window)["embedding"], graph(log_mel=window[::-1])["embedding"]
        moved.setdefault(clip.label, []).append(float(np.linalg.norm(there - back) / np.linalg.norm(there)))
    return {name: round(float(np.median(values)), 3) for name, values in moved.items()}


def _hop_us(graph: Graph) -> float:
    """CPU time of one hop on this machine: spectra of the new frames and one invoke, microseconds."""
    mel = LogMel(SETTINGS)
    sound = np.random.default_rng(0).standard_normal(SETTINGS.samples(HOP_FRAMES)).astype(np.float32)
    frames = np.zeros((FRAMES, SETTINGS.mels), np.float32)
    rounds = 300
    started = time.process_time()
    for _ in range(rounds):
        frames = np.concatenate((frames, mel(sound)))[-FRAMES:]
        graph(log_mel=encoder_input(frames)[..., None])
    return round((time.process_time() - started) / rounds * 1e6, 1)
