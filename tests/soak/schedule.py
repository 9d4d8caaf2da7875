"""What goes wrong when, from a seed.

In: a seed, how long, how often. Out: the same list of faults each time. Kinds come in shuffled rounds, so that each
comes about equally often; what has a budget in the product (threads that fail, graphs that do not answer, both by the
machine's clock) stays within it. Not here: doing it (``rack``).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from soak.device import GARBAGE

STREAMS = ("belt", "cabin", "ecg", "mic")
OF_A_DEVICE: Mapping[str, tuple[float, float]] = {
    "lost": (0.1, 0.1),
    "will not open": (1.0, 6.0),
    "stall": (1.0, 6.0),
    "slow": (1.0, 4.0),
    "burst": (0.5, 0.5),
    "thread ends": (0.1, 0.1),
    **dict.fromkeys(GARBAGE, (0.5, 2.0)),
}
"""Kind -> shortest and longest, seconds."""
OF_A_PART: Mapping[str, tuple[float, float]] = {
    "broker killed": (0.5, 6.0),
    "broker frozen": (1.0, 6.0),
    "broker restarted": (0.5, 3.0),
    "graphs killed": (0.0, 0.0),
    "graphs hung": (0.0, 0.0),
    "disk full": (2.0, 5.0),
}
BUDGET_S = 620.0
BUDGETS: Mapping[str, int] = {"thread ends": 4, "graphs": 2}
"""How often at most in ``BUDGET_S``: of each device's threads, of all graphs together."""
REST_S = 3.0
"""Seconds that a device or a part is left alone after a fault of its own."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong."""

    number: int
    at_s: float
    """Seconds since the beginning."""
    kind: str
    what: str
    """A stream, or ``broker``, ``graphs``, ``disk``."""
    seconds: float


def schedule(seed: int, *, length_s: float, pause_s: tuple[float, float]) -> list[Fault]:
    """All of it, in order.

    Args:
        seed: of the randomness.
        length_s: none ends later.
        pause_s: shortest and longest time from one to the next.
    """
    dice = random.Random(seed)
    kinds = _rounds(dice)
    faults: list[Fault] = []
    free_s: dict[str, float] = {}
    at_s = dice.uniform(*pause_s)
    while at_s < length_s:
        for _ in range(2 * len(OF_A_DEVICE)):  # the next kind for which somebody is free
            kind = next(kinds)
            seconds = round(dice.uniform(*{**OF_A_DEVICE, **OF_A_PART}[kind]), 2)
            places = list(STREAMS) if kind in OF_A_DEVICE else [kind.partition(" ")[0]]
            dice.shuffle(places)
            place = next((p for p in places if free_s.get(p, 0.0) <= at_s and _affordable(kind, p, at_s, faults)), "")
            if place and at_s + seconds <= length_s:
                faults.append(Fault(len(faults), round(at_s, 2), kind, place, seconds))
                free_s[place] = at_s + seconds + REST_S
                break
        at_s += dice.uniform(*pause_s)
    return faults


def _rounds(dice: random.Random) -> Iterator[str]:
    while True:
        kinds = [*OF_A_DEVICE, *OF_A_PART]
        dice.shuffle(kinds)
        yield from kinds


def _affordable(kind: str, place: str, at_s: float, faults: list[Fault]) -> bool:
    budget = BUDGETS.get("graphs" if place == "graphs" else kind)
    if budget is None:
        return True
    recent = [one for one in faults if one.what == place and at_s - one.at_s <= BUDGET_S]
    return sum(place == "graphs" or one.kind == kind for one in recent) < budget
