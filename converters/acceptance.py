"""What a fusion must do before it ships: checked on held-out composites, here and in the tests.

In: a ``Fusion`` and labelled windows. Out: the list of what it fails. A fusion whose attention is constant, or whose
embeddings are shuffled, must fail. No TensorFlow in here. Not here: how the windows were made (``composites``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from converters.episodes import WINDOW_S, states_of
from edge_mm.types import NS_PER_S, Estimate, Window

FOUND_SHARE, FALSE_SHARE = 0.8, 0.1
"""Of the windows of a head's state with one corrupted sense at least so many are found; of the others at most these."""
MOVED = 0.6
"""Mean attention on the corrupted sense, at most so much of what equal shares would give it."""


class Case(NamedTuple):
    """One labelled window."""

    window: Window
    state: str
    corrupted: str


class Estimator(Protocol):
    """A ``Fusion``, or whatever else says an Estimate of a window."""

    def estimate(self, window: Window) -> Estimate:
        """Fuse one window."""


def failures(fusion: Estimator, cases: Sequence[Case], judged: Mapping[str, float]) -> list[str]:
    """What the fusion fails, one sentence each; empty when it may ship.

    Args:
        fusion: the device's own.
        cases: windows of each judged head's state and of others.
        judged: head -> score from which its rule counts.
    """
    truth = states_of([case.state for case in cases], list(judged)).astype(bool).reshape(len(cases), len(judged))
    for j, head in enumerate(judged):
        if truth[:, j].all() or not truth[:, j].any():
            count = truth[:, j].sum()
            return [f"windows: {count} {head} and {len(cases) - count} others; without both nothing is shown"]
    said, shares = np.zeros(truth.shape), np.zeros(len(cases))
    for i, case in enumerate(cases):
        estimate = fusion.estimate(case.window)
        said[i] = [estimate.scores[head] for head in judged]
        shares[i] = estimate.weights[case.corrupted] * len(estimate.weights)
    wrong = ~(np.isfinite(said).all(axis=1) & np.isfinite(shares))
    if wrong.any():
        return [f"numbers: score or attention is not a number in {wrong.sum()} of {wrong.size} windows"]
    problems = []
    for j, (head, limit) in enumerate(judged.items()):
        found, false = (said[rows, j] >= limit for rows in (truth[:, j], ~truth[:, j]))
        if found.mean() < FOUND_SHARE:
            problems.append(f"{head}: raised in {found.mean():.0%} of {head} windows, needs {FOUND_SHARE:.0%}")
        if false.mean() > FALSE_SHARE:
            problems.append(f"{head}: raised in {false.mean():.0%} of other windows, at most {FALSE_SHARE:.0%}")
    if np.mean(shares) > MOVED:
        problems.append(f"attention: corrupted senses keep {np.mean(shares):.2f} of an equal share, at most {MOVED}")
    return problems


def judge(verdicts: Mapping[str, Sequence[str]]) -> None:
    """Whether the fusion may ship: it fails nothing, and each of its sabotaged twins answers wrongly.

    What attention a twin has does not count: that of constant attention is constant whatever it answers, so it would be
    noticed even if attention were of no use.

    Args:
        verdicts: ``failures`` of the fusion under ``fusion``, and of each twin under its name.

    Raises:
        RuntimeError: what is wrong.
    """
    if verdicts["fusion"]:
        raise RuntimeError(f"the fusion fails its acceptance: {'; '.join(verdicts['fusion'])}")
    for name, problems in verdicts.items():
        if name != "fusion" and all(problem.startswith("attention:") for problem in problems):
            raise RuntimeError(f"the sabotage {name} answers as well as the fusion: the acceptance proves nothing")


def trimmed(window: Window, lengths: Mapping[str, int]) -> Window:
    """The window with so many embeddings of each modality, fully covered, so that windows of several episodes stack."""
    kept = {}
    for m, vectors in window.embeddings.items():
        kept[m] = vectors[np.linspace(0, len(vectors) - 1, lengths[m]).round().astype(int)]
    full = dict.fromkeys(kept, 1.0)
    return Window(window.start_ns, window.end_ns, kept, full, full)


def pack(cases: Sequence[Case]) -> dict[str, npt.NDArray[Any]]:
    """Cases as arrays: embeddings in int8 with one scale per modality, nothing of the recordings themselves."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "state": np.array([case.state for case in cases]),
        "corrupted": np.array([case.corrupted for case in cases]),
    }
    for m in sorted({m for case in cases for m in case.window.embeddings}):
        vectors = np.stack([case.window.embeddings[m] for case in cases])
        scale = np.maximum(np.abs(vectors).max(axis=(0, 1)), 1e-6) / 127
        arrays[f"{m}/scale"] = scale.astype(np.float32)
        arrays[f"{m}/steps"] = np.rint(vectors / scale).astype(np.int8)
    return arrays


def unpack(arrays: Mapping[str, npt.NDArray[Any]]) -> list[Case]:
    """What ``pack`` packed, as windows of ``WINDOW_S``."""
    names = sorted(key.removesuffix("/steps") for key in arrays if key.endswith("/steps"))
    cases = []
    for i, (state, corrupted) in enumerate(zip(arrays["state"], arrays["corrupted"], strict=True)):
        embeddings = {m: np.asarray(arrays[f"{m}/steps"][i] * arrays[f"{m}/scale"], np.float32) for m in names}
        full = dict.fromkeys(names, 1.0)
        cases.append(Case(Window(0, round(WINDOW_S * NS_PER_S), embeddings, full, full), str(state), str(corrupted)))
    return cases
