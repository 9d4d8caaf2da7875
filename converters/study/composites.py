"""The driver's composites under a dark, blurred or covered camera and a noisy microphone: attention against the rest.

In: the parts of ``driver`` (after ``make bundle``), the shared data. Out: AUROC per model, head and condition. Not
here: what a composite assumes (``converters.composites``), truly synchronous data (``run``).

What is spoiled is spoiled before the device's front ends: frames of held-out people, sounds of held-out sources. All
models learn from the same composites, whose corruptions are others (stuck, random, broken): no model has met a dark
camera. The attention is the int8 graph that ships; the rivals are float. ``audio`` tells nothing but a weak assumption
(who talks is seldom drowsy), so noise on it can cost little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from converters import composites, fusion, hearing, sight
from converters.driver import DRIVER
from converters.episodes import Composite
from converters.fusion_part import tracks
from converters.parts import part_bundle, read_part
from converters.reference import Where
from converters.study import rivals
from converters.tracks import Track
from edge_mm.perception.fusion import PRESENCE
from edge_mm.perception.litert import Graph

U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]
Score = Callable[[fusion.Table], npt.NDArray[np.float64]]
"""(n, heads)."""

SNRS_DB = (-5, 0, 5, 10, 20)
EPISODES = 400
"""Of each condition; the same draws in all of them."""
DRAWS = 1000
ATTENTION, CONCAT = "attention", "concatenation"


def dark(frame: U8) -> U8:
    """A tenth of the light: what is left are some 25 of 256 steps, and the sensor's noise, which stays."""
    return np.asarray(frame * 0.1, np.uint8)


def blurred(frame: U8) -> U8:
    """Out of focus: a Gaussian of 1.2 % of the frame's width."""
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), 0.012 * frame.shape[1]), np.uint8)


def covered(frame: U8) -> U8:
    """A cloth over the lens: a fifth of the light, and no shapes."""
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), 0.12 * frame.shape[1]) * 0.2, np.uint8)


def noisy(sound: F32, *, snr_db: float, rng: np.random.Generator) -> F32:
    """Pink noise at a signal-to-noise ratio over the whole sound."""
    spectrum = np.fft.rfft(rng.standard_normal(len(sound)))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1.0))
    pink = np.fft.irfft(spectrum, len(sound)).astype(np.float32)
    loud = float(np.sqrt(np.mean(sound**2)) / (np.sqrt(np.mean(pink**2)) + 1e-9)) * 10 ** (-snr_db / 20)
    return np.asarray(np.clip(sound + np.float32(loud) * pink, -1, 1), np.float32)


CAMERA: Mapping[str, sight.Spoil] = {"dark": dark, "blurred": blurred, "covered": covered}


def ready(work: Path) -> bool:
    """Whether ``make bundle`` has left what ``study`` needs."""
    return all((work / "parts" / part / "part.json").is_file() for part in (*DRIVER.trainers, "fusion-driver"))


def study(
    data: Path,
    work: Path,
    *,
    seed: int,
    say: Callable[[str], None],
    training: int = DRIVER.episodes[0],
    episodes: int = EPISODES,
) -> dict[str, Any]:
    """The comparison.

    Args:
        data: the shared data.
        work: folder in which ``make bundle`` left ``parts`` and tracks.
        seed: of everything drawn.
        say: gets a line per condition.
        training: episodes that the rivals learn from; as many as the attention did.
        episodes: of each condition.
    """
    parts = work / "parts"
    at = Where(part_bundle(*(parts / part for part in DRIVER.trainers)), data, work, parts, seed)
    part, graphs = read_part(parts / "fusion-driver")
    everything = tracks(DRIVER, at)
    learnt = _windows(composites.Studio(everything, held_out=False, seed=seed), training)
    table = fusion.table(learnt, part.front_end, modalities=DRIVER.modalities, heads=DRIVER.heads)
    models: dict[str, Score] = {
        ATTENTION: partial(_attention, Graph(graphs["fusion"], name="fusion")),
        CONCAT: partial(_plain, rivals.train(table, DRIVER.modalities, seed=seed)),
        **{m: partial(_plain, rivals.train(table, [m], seed=seed)) for m in DRIVER.modalities},
    }
    found: dict[str, dict[str, npt.NDArray[np.float64]]] = {}
    truth: dict[str, npt.NDArray[np.float32]] = {}
    groups: dict[str, npt.NDArray[np.int64]] = {}
    for name, test in _conditions(everything, at):
        windows, whose = _tested(test, episodes, seed)
        rows = fusion.table(windows, part.front_end, modalities=DRIVER.modalities, heads=DRIVER.heads)
        found[name] = {model: score(rows) for model, score in models.items()}
        truth[name], groups[name] = rows.states, whose
        seen = rows.inputs[PRESENCE].mean(axis=0)
        say(f"{name}: {len(windows)} windows; present " + ", ".join(
            f"{m} {share:.0%}" for m, share in zip(DRIVER.modalities, seen, strict=True)))  # fmt: skip
    return summary(found, truth, groups, DRIVER.heads, DRIVER.modalities, seed=seed)


def _conditions(everything: Sequence[Track], at: Where) -> list[tuple[str, list[Track]]]:
    kept = [one for one in everything if one.held_out]

    def instead(modality: str, spoiled: list[Track]) -> list[Track]:
        broken = [one for one in kept if one.modality == modality and one.kind == "broken"]
        return [one for one in kept if one.modality != modality] + spoiled + broken

    found = [("clean", kept)]
    for name, spoil in CAMERA.items():
        spoiled = sight.vision_tracks(at.bundle, at.data, at.work / "vision", seed=at.seed, spoil=spoil)
        found.append((f"camera {name}", instead("vision", spoiled)))
    for snr_db in SNRS_DB:
        rng = np.random.default_rng([at.seed, snr_db + 100])
        add = partial(noisy, snr_db=snr_db, rng=rng)
        found.append(
            (
                f"sound at {snr_db} dB",
                instead("audio", hearing.audio_tracks(at.bundle, at.data, seed=at.seed, spoil=add)),
            )
        )
    return found


def _windows(studio: composites.Studio, count: int) -> list[Composite]:
    return [window for episode in studio.episodes(count) for window in episode]


def _tested(held_out: Sequence[Track], count: int, seed: int) -> tuple[list[Composite], npt.NDArray[np.int64]]:
    """Windows of episodes in which every sense that gives anything is there, none corrupted by the recipe."""
    studio = composites.Studio(held_out, held_out=True, seed=seed)
    has = {one.modality for one in held_out if one.kind != "broken"}
    present = [m for m in DRIVER.modalities if m in has]
    rng = np.random.default_rng(seed)
    states = rng.choice(list(composites.STATES), count, p=list(composites.STATES.values())).tolist()
    windows, whose = [], []
    for number, state in enumerate(states):
        some = studio.episode(state, present=present, corrupted="")
        windows += some
        whose += [number] * len(some)
    return windows, np.array(whose)


def _attention(graph: Graph, table: fusion.Table) -> npt.NDArray[np.float64]:
    rows = [graph(**{n: v[i] for n, v in table.inputs.items()}) for i in range(len(table.states))]
    return np.array([[float(row[head][0]) for head in table.heads] for row in rows])


def _plain(model: Any, table: fusion.Table) -> npt.NDArray[np.float64]:
    return np.asarray(model({n: table.inputs[n] for n in model.input}, training=False), np.float64)


def summary(
    found: Mapping[str, Mapping[str, npt.NDArray[np.float64]]],
    truth: Mapping[str, npt.NDArray[np.float32]],
    episodes: Mapping[str, npt.NDArray[np.int64]],
    heads: Sequence[str],
    senses: Sequence[str],
    *,
    seed: int,
) -> dict[str, Any]:
    """AUROC per head and condition, and the attention's lead with its interval over episodes.

    Args:
        found: condition -> model -> (n, heads) scores; ``clean`` first.
        truth: condition -> (n, heads).
        episodes: condition -> (n,) number of the episode; the same episodes in all conditions.
        heads: names.
        senses: names of the single models; the best one when clean is the one to beat.
        seed: of the bootstrap.
    """
    rng = np.random.default_rng(seed)
    count = 1 + max(int(whose.max()) for whose in episodes.values())
    draws = [rng.integers(0, count, count) for _ in range(DRAWS)]
    result: dict[str, Any] = {"data": "driver composites", "episodes": count, "heads": {}}
    for j, head in enumerate(heads):
        table = {
            name: {model: _auroc(truth[name][:, j], score[:, j]) for model, score in scores.items()}
            for name, scores in found.items()
        }
        best = max(senses, key=lambda m, table=table: table["clean"][m])  # type: ignore[misc]
        lead = {}
        for rival in (CONCAT, best):
            apart = {
                name: _apart(truth[name][:, j], scores[ATTENTION][:, j], scores[rival][:, j], episodes[name], draws)
                for name, scores in found.items()
            }
            sweep = np.mean([row for name, row in apart.items() if name != "clean"], axis=0)
            lead[rival] = {"clean": _number(apart["clean"]), "sweep": _number(sweep)}
        result["heads"][head] = {"best_single": best, "conditions": table, "lead": lead}
    return result


def _apart(
    truth: npt.NDArray[np.float32],
    ours: npt.NDArray[np.float64],
    theirs: npt.NDArray[np.float64],
    whose: npt.NDArray[np.int64],
    draws: Sequence[npt.NDArray[np.int64]],
) -> npt.NDArray[np.float64]:
    """The lead: of all episodes first, then of each draw of them."""
    rows = [np.flatnonzero(whose == number) for number in range(int(whose.max()) + 1)]
    chosen = [np.arange(len(whose)), *(np.concatenate([rows[i] for i in draw if i < len(rows)]) for draw in draws)]
    return np.array([_auroc(truth[one], ours[one]) - _auroc(truth[one], theirs[one]) for one in chosen])


def _number(values: npt.NDArray[np.float64]) -> dict[str, Any]:
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return {"mean": round(float(values[0]), 4), "ci95": [round(float(low), 4), round(float(high), 4)]}


def _auroc(truth: npt.NDArray[np.float32], score: npt.NDArray[np.float64]) -> float:
    from scipy.stats import rankdata

    yes = truth > 0
    ranks = rankdata(score)
    n, m = int(yes.sum()), int((~yes).sum())
    return float((ranks[yes].sum() - n * (n + 1) / 2) / (n * m))
