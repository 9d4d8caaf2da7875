"""``python -m converters.health --data ../shared/data --work DIR --out edge_mm/bundles``: build the bundle ``health``.

In: the shared data; parts that were trained before. Out: ``health-VERSION.edgemm``. Not here: how it is built
(``reference``), what a composite assumes (``health_composites``).
"""

from __future__ import annotations

import sys

from converters import (
    acceptance,
    bedside,
    episodes,
    fusion,
    health_composites,
    patients,
    pulse,
    reference,
    tracks,
    wrist,
)
from converters.health_card import DATA_CARD, LICENCE, health_card
from converters.health_composites import EPISODES, HEADS, HELD_OUT_EPISODES, MODALITIES, MOST, RAISED, Studio
from converters.reference import Reference, Source

HEALTH = Reference(
    name="health",
    version="0.1.0",
    modalities=MODALITIES,
    heads=HEADS,
    trainers=("physio", "skin", "motion", "audio", "text"),
    tracks={
        "patients": Source(
            ("physio", "text"), patients, lambda at: patients.patient_tracks(at.bundle, at.data, seed=at.seed)
        ),
        "stress": Source(
            ("physio", "skin"), wrist, lambda at: wrist.stress_tracks(at.bundle, at.data, at.parts / "skin" / "folds")
        ),
        "motion": Source(
            ("motion",), wrist, lambda at: wrist.motion_tracks(at.bundle, at.data, at.parts / "motion" / "folds")
        ),
        "bedside": Source(("audio",), bedside, lambda at: bedside.bedside_tracks(at.bundle, at.data, seed=at.seed)),
    },
    studio=lambda everything, held_out, seed: Studio(everything, held_out=held_out, seed=seed),
    cases=health_composites.cases,
    judged=RAISED,
    episodes=(EPISODES, HELD_OUT_EPISODES),
    most=MOST,
    recipe={
        "composites": health_composites,
        "episodes": episodes,
        "fusion": fusion,
        "acceptance": acceptance,
        "tracks": tracks,
        "tracks.patients": patients,
        "tracks.heart": pulse,
        "tracks.wrist": wrist,
        "tracks.bedside": bedside,
    },
    words=health_card,
    licence=LICENCE,
    data_card=DATA_CARD,
)


def main(arguments: list[str] | None = None) -> int:
    """Build it; gives the exit status."""
    return reference.main(HEALTH, arguments, about=__doc__)


if __name__ == "__main__":
    sys.exit(main())
