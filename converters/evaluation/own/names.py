"""The names that a maker may write into labels, and what the product says about each.

In: a name. Out: its ``Meaning``: the reading that is compared moment by moment, the threshold that ships, the alerts
that should come. Besides the names of ``NAMES``, any kind of alert (``driver.drowsy``) is a name: then only alerts are
judged. Not here: scores.
"""

from __future__ import annotations

from typing import NamedTuple

from edge_mm.alerts.limits import Limits
from edge_mm.errors import ConvertError

_LIMITS = Limits()


class Meaning(NamedTuple):
    """What is read about a name."""

    reading: str
    """Observation that is a probability of it; empty where there is none."""
    threshold: float
    """Of the rule that ships."""
    alerts: tuple[str, ...]
    """Kinds; one of them should be raised."""
    streams: tuple[str, ...]
    """Kinds of streams; without one of them it cannot be judged."""
    head: str = ""
    """Of the fusion, where it says this of each window; empty where no head does."""


NAMES: dict[str, Meaning] = {
    "eyes_closed": Meaning(
        "driver.eyes_closed", _LIMITS.eyes_closed_enter, ("driver.eyes_closed", "driver.sleep"), ("video",)
    ),
    "yawn": Meaning("driver.yawning", _LIMITS.yawning_enter, ("driver.yawning",), ("video",)),
    "looking_away": Meaning("", 0.5, ("driver.looking_away",), ("video",)),
    "face": Meaning("driver.face_found", 0.5, (), ("video",)),
    "drowsy": Meaning("", _LIMITS.drowsy_enter, ("driver.drowsy",), ("video",), "drowsy"),
    "distracted": Meaning("", 0.5, (), ("video",), "distracted"),
    "stressed": Meaning("", _LIMITS.stressed_enter, ("driver.stressed",), (), "stressed"),
    "arrhythmia": Meaning("", _LIMITS.arrhythmia_enter, ("health.arrhythmia",), ("ecg", "ppg"), "arrhythmia"),
    "distress": Meaning("", _LIMITS.distress_enter, ("health.distress",), (), "distress"),
    "event": Meaning("", 0.5, (), (), "event"),
    "fall": Meaning("motion.fall", _LIMITS.fall_enter, ("motion.fall",), ("acc",)),
    "stress": Meaning("health.stress", _LIMITS.stress_enter, ("health.stress",), ("eda", "temp", "ppg")),
    "af": Meaning("vitals.rhythm_irregular", _LIMITS.irregular_enter, ("health.irregular_rhythm",), ("ecg", "ppg")),
    "ventricular_run": Meaning("", 0.5, ("health.ventricular_run",), ("ecg",)),
    **{
        sound: Meaning(f"audio.{sound}", _LIMITS.sound_enter, (f"sound.{sound}",), ("audio",))
        for sound in ("siren", "baby_cry", "dog", "cough", "sneeze")
    },
    "speech": Meaning("audio.speech", _LIMITS.sound_enter, (), ("audio",)),
}
"""Name in the labels -> what it means."""
_SPOKEN = ("driver.", "health.", "sound.", "motion.", "vitals.")


def meaning(name: str, *, where: str) -> Meaning:
    """What a name means.

    Args:
        name: as in the labels.
        where: file and line, for the error.

    Raises:
        ConvertError: it means nothing.
    """
    known = NAMES.get(name)
    if known is not None:
        return known
    if name.startswith(_SPOKEN) and len(name) <= 80 and name.replace(".", "").replace("_", "").isalnum():
        return Meaning("", 0.5, (name,), ())
    raise ConvertError(
        f"{where}: {name!r:.60} is no name of ours; write one of {', '.join(NAMES)}, or a kind of alert as 'edge-mm "
        "replay' prints it (driver.drowsy)"
    )
