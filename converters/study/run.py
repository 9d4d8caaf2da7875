"""Leave groups of people out in turn: attention, concatenation and single senses on the same embeddings.

In: ``Recorded``. Out: per model, person and condition the AUROC, summaries with intervals over people, and what the
explanation is worth. Not here: data, the report's words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from converters import fusion
from converters.skin.score import auroc
from converters.study import explain, rivals, tables
from converters.study.encoders import STEPS, Embedded
from converters.study.sets import Recorded

Array = npt.NDArray[np.float64]
Predict = Callable[[fusion.Table], Array]

ATTENTION, CONCAT, NAIVE = "attention", "concatenation", "concatenation, clean training"
DRAWS = 2000


def study(
    recorded: Recorded,
    *,
    seed: int,
    folds: int | None = None,
    encoder_steps: int = STEPS,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """The comparison.

    Args:
        recorded: all windows.
        seed: of everything drawn.
        folds: how many of the folds are run (all); fewer leave people unjudged.
        encoder_steps: of each encoder's training.
        say: gets a line per fold.
    """
    people = int(recorded.people.max()) + 1
    asked = tables.conditions(recorded)
    each: dict[str, Array] = {}
    explained: list[explain.Explained] = []
    for fold in range(recorded.folds)[:folds]:
        left_out = recorded.people % recorded.folds == fold
        rng = np.random.default_rng([seed, fold])
        embedded = Embedded(recorded, ~left_out, seed=seed, steps=encoder_steps)
        training = np.flatnonzero(~left_out)
        spoiled = tables.spoiled(recorded, embedded, training, rng)
        attention = fusion.train(spoiled, seed=seed)
        models: dict[str, Predict] = {
            ATTENTION: _head(attention, recorded.head),
            CONCAT: _plain(rivals.train(spoiled, recorded.senses, seed=seed)),
            NAIVE: _plain(rivals.train(tables.clean(recorded, embedded, training), recorded.senses, seed=seed)),
            **{m: _plain(rivals.train(spoiled, [m], seed=seed)) for m in recorded.senses},
        }
        rows = np.flatnonzero(left_out)
        for number, wrong in enumerate(asked.values()):
            table = tables.tested(recorded, embedded, rows, wrong)
            for model, predict in models.items():
                scores = predict(table)
                grid = each.setdefault(model, np.full((people, len(asked)), np.nan))
                for person in np.unique(recorded.people[rows]):
                    own = recorded.people[rows] == person
                    grid[person, number] = auroc(scores[own], recorded.y[rows][own].astype(np.int64))
        own = np.unique(recorded.people[rows])
        means = (f"{name} {g[own, 0].mean():.3f} / {g[own, 1:].mean():.3f}" for name, g in each.items())
        say(f"{recorded.name}, fold {fold}, clean / sweep: " + ", ".join(means))
        explained.append(explain.explain(attention, recorded, embedded, spoiled, rows=rows, seed=seed))
    return {
        "data": recorded.name,
        "people": int(np.isfinite(each[ATTENTION][:, 0]).sum()),
        "windows": len(recorded.y),
        "positive": int(recorded.y.sum()),
        "parameters": {ATTENTION: attention.count_params()},
        **summary(each, list(asked), recorded.senses, seed=seed),
        "explanation": explain.summary(explained),
    }


def _head(model: Any, head: str) -> Predict:
    return lambda table: np.asarray(model(table.inputs, training=False)[head], np.float64)[:, 0]


def _plain(model: Any) -> Predict:
    return lambda table: np.asarray(model({n: table.inputs[n] for n in model.input}, training=False), np.float64)[:, 0]


def summary(each: Mapping[str, Array], conditions: list[str], senses: tuple[str, ...], *, seed: int) -> dict[str, Any]:
    """Means over people, and the attention's lead with its 95 % interval (bootstrap over people).

    Args:
        each: model -> (people, conditions) AUROC, ``clean`` first; NaN where a person was not judged.
        conditions: names.
        senses: the names of the single models; the best is the best one on clean windows of the people judged, which
            flatters it.
        seed: of the bootstrap.
    """
    judged = np.isfinite(next(iter(each.values()))[:, 0])
    grids = {model: grid[judged] for model, grid in each.items()}
    best = max(senses, key=lambda m: float(grids[m][:, 0].mean()))
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, int(judged.sum()), (DRAWS, int(judged.sum())))

    def number(values: Array) -> dict[str, Any]:
        low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
        return {"mean": round(float(values.mean()), 4), "ci95": [round(float(low), 4), round(float(high), 4)]}

    lead = {}
    for rival in (best, *(name for name in grids if name not in senses and name != ATTENTION)):
        apart = grids[ATTENTION] - grids[rival]
        lead[rival] = {"clean": number(apart[:, 0]), "sweep": number(apart[:, 1:].mean(axis=1))}
    return {
        "best_single": best,
        "clean": {model: number(grid[:, 0]) for model, grid in grids.items()},
        "sweep": {model: number(grid[:, 1:].mean(axis=1)) for model, grid in grids.items()},
        "conditions": {
            name: {model: round(float(grid[:, k].mean()), 4) for model, grid in grids.items()}
            for k, name in enumerate(conditions)
        },
        "lead": lead,
    }
