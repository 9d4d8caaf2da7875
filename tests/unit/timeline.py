"""Time lines in seconds for tests of rules and alarms: say how long what lasts, get the events.

events = merged(
    readings("driver.eyes_closed", (5, 0.1), (30, 0.9), (5, 0.1), fps=30),
    estimates("drowsy", (20, 0.2), (20, 0.9)),
)
assert story(play(alarms, events)) == ["driver.eyes_closed raised", ...]
"""

import random
from collections.abc import Iterable, Sequence

from edge_mm.alerts import Alarms
from edge_mm.kinds import Modality, SourceState
from edge_mm.types import Alert, Estimate, Observation, PolicyInput, Status, Tick

NS = 1_000_000_000
SENSE: dict[str, Modality] = {
    "driver": "vision",
    "audio": "audio",
    "vitals": "physio",
    "sensor": "vision",
    "motion": "motion",
    "health": "skin",
}


def ns(seconds: float) -> int:
    return round(seconds * NS)


def readings(
    name: str,
    *parts: tuple[float, float],
    fps: float = 30.0,
    start_s: float = 0.0,
    quality: float = 1.0,
    stream: str = "",
    label: str = "",
    unit: str = "1",
    jitter_s: float = 0.0,
    seed: int = 0,
) -> list[Observation]:
    """``parts`` are (how many seconds, which value), one after the other; stamps jitter by up to ``jitter_s``."""
    source = SENSE[name.split(".", maxsplit=1)[0]]
    rng = random.Random(seed)
    out: list[Observation] = []
    end_s, ends = 0.0, []
    for seconds, value in parts:
        end_s += seconds
        ends.append((end_s, value))
    count = round(end_s * fps)
    for i in range(count):
        at = i / fps
        value = next(v for end, v in ends if at < end - 1e-9 or end == end_s)
        t = start_s + at + rng.uniform(0, jitter_s)
        out.append(Observation(ns(t), name, value, unit, quality, source, stream or source, label))
    return sorted(out, key=lambda one: one.t_ns)


def beats(
    labels: str, *, rr_s: float = 0.8, start_s: float = 0.0, quality: float = 1.0, stream: str = "ecg"
) -> list[Observation]:
    """One beat per letter; a space is a beat that is missing, ``.`` one without a class."""
    return [
        Observation(
            ns(start_s + i * rr_s), "vitals.beat", 1.0, "1", quality, "physio", stream, "" if letter == "." else letter
        )
        for i, letter in enumerate(labels)
        if letter != " "
    ]


def estimate(
    t_s: float,
    score: float,
    *,
    head: str = "drowsy",
    window_s: float = 4.0,
    weights: dict[str, float] | None = None,
    contributions: dict[str, float] | None = None,
    quality: dict[str, float] | None = None,
) -> Estimate:
    weights = {"vision": 0.7, "audio": 0.0, "physio": 0.3} if weights is None else weights
    quality = {"vision": 0.9, "physio": 0.8} if quality is None else quality
    coverage = {"vision": 0.0, "audio": 0.0, "physio": 0.0} | dict.fromkeys(quality, 1.0)
    given = {"vision": 0.4, "physio": 0.1} if contributions is None else contributions
    return Estimate(ns(t_s), ns(t_s - window_s), {head: score}, weights, {head: given}, coverage, quality)


def estimates(
    head: str, *parts: tuple[float, float], hop_s: float = 1.0, window_s: float = 4.0, start_s: float = 0.0
) -> list[Estimate]:
    scores = [r.value for r in readings("driver.x", *parts, fps=1 / hop_s)]
    return [estimate(start_s + i * hop_s, score, head=head, window_s=window_s) for i, score in enumerate(scores)]


def status(t_s: float, state: SourceState, *, stream: str = "cam", detail: str = "") -> Status:
    return Status(ns(t_s), stream, state, detail)


def ticks(start_s: float, end_s: float, *, every_s: float = 0.5) -> list[Tick]:
    return [Tick(ns(start_s + i * every_s)) for i in range(int((end_s - start_s) / every_s) + 1)]


def merged(*lines: Iterable[PolicyInput]) -> list[PolicyInput]:
    return sorted((event for line in lines for event in line), key=lambda event: event.t_ns)


def play(alarms: Alarms, events: Iterable[PolicyInput]) -> list[Alert]:
    return [alert for event in events for alert in alarms.update(event)]


def story(alerts: Sequence[Alert]) -> list[str]:
    """When it began and ended; that nobody acknowledges it is told in the tests of an alarm's life."""
    return [f"{alert.key} {alert.state}" for alert in alerts if alert.state != "escalated"]


def of(alerts: Sequence[Alert], key: str) -> list[Alert]:
    return [alert for alert in alerts if alert.key == key]
