"""Beats found in an ECG: sensitivity and positive predictive value at 150 and 75 ms, and a noise sweep.

Read: ``vitals.beat``. Truth: the annotated beats from minute five (EC57), ventricular flutter left out. Noise is made
(``NOISES``) and added to the raw lead at a signal-to-noise ratio over the whole stretch; no measured noise record is in
the data.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from converters.evaluation.results import Result, Table, Target
from converters.evaluation.spread import f1, of_sums, share
from converters.evaluation.tasks import Context
from converters.evaluation.tasks.heart_records import MITDB, cut, electrocardiograms, listened, split, unseen
from converters.evaluation.watching import Signal, watch
from converters.physio.evaluate import Said, qrs_counts
from converters.physio.records import Record

TITLE = "QRS complexes"
NEEDS, SENSES = MITDB, ("physio",)
FROM_S = 300.0
SNRS_DB = (24, 18, 12, 6, 0, -6)
"""Of the sweep (the steps of the MIT-BIH noise stress test)."""
SWEEP_S = (300.0, 420.0)
"""Stretch of each record that is spoiled."""
LEAD_IN_S = 20.0
"""Before it, so that filters and running scales have settled when anything counts."""
TARGETS = {150: (0.998, 0.999), 75: (0.9975, 0.9985)}
"""Milliseconds -> least sensitivity and +P."""

Floats = npt.NDArray[np.float64]


def _muscle(rng: np.random.Generator, n: int, rate_hz: float) -> Floats:
    """White noise that swells, as muscles do."""
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * 0.2 * np.arange(n) / rate_hz + rng.uniform(0, 6.3))
    return np.asarray(rng.standard_normal(n) * swell)


def _motion(rng: np.random.Generator, n: int, rate_hz: float) -> Floats:
    """Steps of an electrode that moves, fading within about half a second."""
    steps = rng.standard_normal(n) * (rng.random(n) < 3 / rate_hz)
    fade = np.exp(-np.arange(round(2 * rate_hz)) / (0.5 * rate_hz))
    return np.asarray(np.convolve(steps, fade)[:n])


NOISES: dict[str, Callable[[np.random.Generator, int, float], Floats]] = {"muscle": _muscle, "motion": _motion}


def run(context: Context) -> Result:
    """Clean, then noisy."""
    result = Result("qrs", TITLE)
    table = Table(result, f"{split(context)}, from minute 5", of="records")
    seen = electrocardiograms(context)
    names = [one.record.person for one in seen]
    for ms, (least_se, least_ppv) in TARGETS.items():
        counts = np.array([counted(one.record, one.said, ms / 1000, FROM_S) for one in seen])
        _rows(table, f"QRS at {ms} ms", counts, names, (Target(">=", least_se), Target(">=", least_ppv)))
        for one, (tp, fn, fp) in zip(seen, counts.astype(int).tolist(), strict=True):
            result.notes.append(f"{one.record.name} at {ms} ms: {tp} found, {fn} missed, {fp} invented.")
    begin, seconds = time.process_time(), 0.0
    for kind in NOISES:
        for snr_db in context.few(SNRS_DB, 1):
            chosen = context.few(unseen(context), 1)
            counts = np.zeros((len(chosen), 3))
            for i, record in enumerate(context.each(chosen, f"QRS in {kind} noise at {snr_db} dB")):
                counts[i] = _noisy(context, record, kind, snr_db)
                seconds += SWEEP_S[1] - SWEEP_S[0] + LEAD_IN_S
            noisy = Table(result, f"{split(context)}, minutes 5 to 7, made {kind} noise", of="records")
            _rows(noisy, f"QRS at 150 ms, {kind} noise {snr_db} dB", counts, names[: len(chosen)], (None, None))
    speed = seconds / max(time.process_time() - begin, 1e-9)
    result.notes.append(
        f"The whole monitor (signal quality, classes, rhythm, fusion, rules, not the detector alone) watched the noisy "
        f"stretches at {speed:,.0f} times real time on this computer."
    )
    return result


def counted(record: Record, said: Said, tolerance_s: float, start_s: float, end_s: float = 1e9) -> Floats:
    """(TP, FN, FP) between two times."""
    keep = (said.beats_s >= start_s) & (said.beats_s < end_s)
    part = said._replace(beats_s=said.beats_s[keep], labels=said.labels[keep])
    return qrs_counts(cut(record, start_s, end_s), part, tolerance_s)


def spoiled(values: Floats, rate_hz: float, kind: str, snr_db: float, *, seed: int = 0) -> Floats:
    """A lead with made noise.

    Args:
        values: (n,) mV.
        rate_hz: its rate.
        kind: key of ``NOISES``.
        snr_db: power of the lead about its median to that of the noise.
        seed: of the noise.
    """
    noise = NOISES[kind](np.random.default_rng(seed), len(values), rate_hz)
    noise = noise - noise.mean()
    power = float(np.mean((values - np.median(values)) ** 2))
    gain = np.sqrt(power / 10 ** (snr_db / 10) / float(np.mean(noise**2)))
    return np.asarray(values + gain * noise)


def _noisy(context: Context, record: Record, kind: str, snr_db: float) -> Floats:
    first, last = round((SWEEP_S[0] - LEAD_IN_S) * record.rate_hz), round(SWEEP_S[1] * record.rate_hz)
    values = spoiled(record.signals[first:last, 0], record.rate_hz, kind, snr_db)
    said = listened(watch(context.bundle, Signal(values, rate_hz=record.rate_hz, kind="ecg")))
    return counted(record, said._replace(beats_s=said.beats_s + first / record.rate_hz), 0.15, *SWEEP_S)


def _rows(
    table: Table, name: str, counts: Floats, groups: Sequence[str], targets: tuple[Target | None, Target | None]
) -> None:
    tp, fn, fp = counts.sum(axis=0).astype(int).tolist()
    beats = np.column_stack([counts[:, 0], counts[:, 0] + counts[:, 1]])
    said = np.column_stack([counts[:, 0], counts[:, 0] + counts[:, 2]])
    found = of_sums(beats, groups, share), of_sums(said, groups, share)
    table.spread(f"{name}: sensitivity", found[0], n=f"{tp}/{tp + fn} beats", target=targets[0])
    table.spread(f"{name}: +P", found[1], n=f"{tp}/{tp + fp} said", target=targets[1])
    if targets[0] is not None:
        table.spread(f"{name}: F1", of_sums(counts, groups, f1), n=f"{tp + fn} beats")
