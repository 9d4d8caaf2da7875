"""What is heard: one answer per clip, sirens, coughs, alerts and how late they come.

Read: ``audio.<class>``, alerts ``sound.<class>``. Each clip is a recording of its own with half a second of near
silence before it and after it; its answer is the class of the highest mean probability over its loud windows (those
that lie within it, as ``converters.audio.scores`` takes them). Held-out clips are those of ``converters.audio.clips``;
of the Khan set (evaluation only) the sirens stand for the class that nobody may train on, the rest is reported beside.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from converters.audio.clips import LABELS, RATE_HZ, Clip, read_all, read_khan
from converters.audio.windows import ACTIVE_DB, FRAMES, HOP_FRAMES, SAMPLES, SETTINGS, active_share, loudness_db
from converters.evaluation.events import NONE, event_rows, matched
from converters.evaluation.results import Confusion, Result, Table, Target, curve
from converters.evaluation.spread import macro_f1, of_sums
from converters.evaluation.tasks import Context
from converters.evaluation.watching import Signal, Watched, watch

TITLE = "Sounds"
NEEDS = ("open/esc10", "open/speech_commands", "open/grid_av", "research/cough_etiquette")
SENSES = ("audio",)
KHAN = "research/khan_snore"
_FIRST = (-(-FRAMES // HOP_FRAMES) * HOP_FRAMES - FRAMES) * SETTINGS.step
"""The device's first window begins here: it holds the last frames of the first hops."""
PAD = 2 * HOP_FRAMES * SETTINGS.step + _FIRST
"""Samples before each clip: a window begins where the clip does."""
PAD_S = PAD / RATE_HZ
_NEAR = 160
"""Samples: a reading's time is exact but for the smoothing of time stamps."""
ALERTING = ("siren", "baby_cry", "dog", "cough", "sneeze")
QUICK_CLIPS = 4
"""Of each class in a quick evaluation."""


class Heard(NamedTuple):
    """A clip and what was said of it."""

    kind: str
    """Label, or ``snore``."""
    group: str
    khan: bool
    mean: npt.NDArray[np.float64]
    """(labels,) mean probability over the loud windows."""
    watched: Watched
    seconds: float


def run(context: Context) -> Result:
    """Classes, sirens, coughs, alerts."""
    result = Result("sounds", TITLE)
    heard = [_heard(context, *one) for one in context.each(_clips(context), "sounds")]
    real = [one for one in heard if not one.khan or one.kind == "siren"]
    _classes(result, real, "held-out clips and Khan sirens", target=Target(">=", 0.85))
    if any(one.khan for one in heard):
        with_khan = [one for one in heard if one.kind != "snore"]
        _classes(result, with_khan, "held-out clips and all of Khan but snores", target=None)
    else:
        result.notes.append(f"No {KHAN}: no real siren, no snore.")
    _one_class(result, heard, real)
    _alerts(result, [one for one in heard if one.kind != "snore"])
    return result


def _clips(context: Context) -> list[tuple[Clip, bool]]:
    clips = [(clip, False) for clip in read_all(context.data) if clip.held_out]
    if (context.data / KHAN).is_dir():
        khan = [Clip(sound, kind, f"khan {kind} {i}", True) for i, (kind, sound) in enumerate(read_khan(context.data))]
        clips += [(clip, True) for clip in khan]
    if not context.quick:
        return clips
    kinds = sorted({(clip.label, clip.kind == "snore", khan) for clip, khan in clips})
    return [
        pair
        for kind in kinds
        for pair in [one for one in clips if (one[0].label, one[0].kind == "snore", one[1]) == kind][:QUICK_CLIPS]
    ]


def _heard(context: Context, clip: Clip, khan: bool) -> Heard:
    pad, spare = PAD, max(0, SAMPLES - len(clip.sound))
    size = len(clip.sound) + spare + 2 * pad
    sound = np.random.default_rng(0).standard_normal(size).astype(np.float32) * np.float32(1e-4)
    begin = pad + spare // 2
    sound[begin : begin + len(clip.sound)] += clip.sound
    watched = watch(context.bundle, Signal(sound, rate_hz=float(RATE_HZ), kind="audio"))
    classes = [watched.series(f"audio.{label}") for label in LABELS]
    starts = np.rint(classes[0].t_s * RATE_HZ).astype(int) - SAMPLES // 2
    loudest = float(loudness_db(sound).max())
    inside = (starts >= pad - _NEAR) & (starts <= pad + len(clip.sound) + spare - SAMPLES + _NEAR)
    loud = np.array([active_share(sound, int(max(start, 0)), loudest) > -ACTIVE_DB for start in starts], bool) & inside
    loud = loud if loud.any() else inside
    mean = np.array([one.value[loud].mean() for one in classes])
    kind = clip.kind if clip.kind == "snore" else clip.label
    return Heard(kind, clip.group, khan, mean, watched, len(clip.sound) / RATE_HZ)


def _answer(one: Heard) -> str:
    return LABELS[int(one.mean.argmax())]


def _classes(result: Result, heard: list[Heard], split: str, *, target: Target | None) -> None:
    side = len(LABELS)
    terms = np.zeros((len(heard), side * side))
    for row, one in zip(terms, heard, strict=True):
        row[LABELS.index(one.kind) * side + LABELS.index(_answer(one))] = 1
    groups = [one.group for one in heard]
    table = Table(result, split, of="people and sources")
    n = f"{len(heard)} clips"
    table.spread("macro F1", of_sums(terms, groups, macro_f1), n=n, target=target)
    counts = terms.sum(axis=0).reshape(side, side).astype(int)
    table.count("right answers (accuracy)", int(np.trace(counts)), len(heard), what="clips")
    result.confusions.append(Confusion(split, LABELS, tuple(tuple(row) for row in counts.tolist())))
    for i, label in enumerate(LABELS):
        hit, true, said = int(counts[i, i]), int(counts[i].sum()), int(counts[:, i].sum())
        if true:
            score = 2 * hit / (true + said)
            table.value(f"{label}: F1", score, n=f"{hit} of {true} found, {said} said")


def _one_class(result: Result, heard: list[Heard], real: list[Heard]) -> None:
    sirens = [one for one in heard if one.kind == "siren"]
    others = [one for one in heard if one.kind != "siren"]
    table = Table(result, "Khan sirens (evaluation only) against every other clip", of="clips")
    right, wrong = (sum(_answer(one) == "siren" for one in side) for side in (sirens, others))
    table.count("siren: recall", right, len(sirens), what="real clips", target=Target(">=", 0.95))
    table.count("siren: other clips called siren", wrong, len(others), what="clips", target=Target("<=", 0.01))
    score = np.array([one.mean[LABELS.index("siren")] for one in heard])
    drawn = curve("siren, clips", score, np.array([one.kind == "siren" for one in heard]), None)
    if drawn is not None:
        result.curves.append(drawn)
    table = Table(result, "held-out coughs (2 people) against the other held-out clips", of="clips")
    coughs = [one for one in real if one.kind == "cough"]
    hit, said = sum(_answer(one) == "cough" for one in coughs), sum(_answer(one) == "cough" for one in real)
    table.count("cough: recall", hit, len(coughs), what="clips", target=Target(">=", 0.95))
    table.count("cough: precision", hit, said, what="clips called cough", target=Target(">=", 0.90))


def _alerts(result: Result, heard: list[Heard]) -> None:
    table = Table(result, "held-out clips and Khan, each between near silence", of="clips")
    for kind in ALERTING:
        total, hours = NONE, 0.0
        for one in heard:
            raised = [alert.t_ns / 1e9 for alert in one.watched.raised(f"sound.{kind}")]
            happened = [(PAD_S, PAD_S + one.seconds)] if one.kind == kind else []
            total, hours = total + matched(happened, raised), hours + (one.seconds + 2 * PAD_S) / 3600
        event_rows(table, kind, total, hours)
    result.notes.append(
        "Alerts: clips are one to five seconds, some are over before a rule may speak; false alerts are over "
        "clips chosen because something is heard in them, so they are not a rate of daily life."
    )
