"""``python -m converters.driver --data ../shared/data --work DIR --out edge_mm/bundles``: build the bundle ``driver``.

In: the shared data; parts that were trained before. Out: ``driver-VERSION.edgemm``; with ``--fixtures``, the test
fixtures that belong to it. Not here: how it is built (``reference``), what a composite assumes (``composites``).
"""

from __future__ import annotations

import sys

from converters import acceptance, composites, episodes, fusion, hearing, pulse, reference, sight, tracks, wrist
from converters.composites import EPISODES, HEADS, HELD_OUT_EPISODES, MODALITIES, MOST, RAISED, Studio
from converters.model_card import DATA_CARD, LICENCE, model_card
from converters.reference import Reference, Source

DRIVER = Reference(
    name="driver",
    version="0.1.0",
    modalities=MODALITIES,
    heads=HEADS,
    trainers=("vision", "audio", "physio", "skin"),
    tracks={
        "vision": Source(
            ("vision",), sight, lambda at: sight.vision_tracks(at.bundle, at.data, at.work / "vision", seed=at.seed)
        ),
        "audio": Source(("audio",), hearing, lambda at: hearing.audio_tracks(at.bundle, at.data, seed=at.seed)),
        "physio": Source(("physio",), pulse, lambda at: pulse.physio_tracks(at.bundle, at.data, seed=at.seed)),
        "stress": Source(
            ("physio", "skin"), wrist, lambda at: wrist.stress_tracks(at.bundle, at.data, at.parts / "skin" / "folds")
        ),
    },
    studio=lambda everything, held_out, seed: Studio(everything, held_out=held_out, seed=seed),
    cases=composites.cases,
    judged={"drowsy": RAISED},
    episodes=(EPISODES, HELD_OUT_EPISODES),
    most=MOST,
    recipe={
        "composites": composites,
        "episodes": episodes,
        "fusion": fusion,
        "acceptance": acceptance,
        "tracks": tracks,
        "tracks.vision": sight,
        "tracks.audio": hearing,
        "tracks.physio": pulse,
        "tracks.stress": wrist,
    },
    words=model_card,
    licence=LICENCE,
    data_card=DATA_CARD,
    small=("vision.search", "vision.face", "vision.eye", "vision.mouth", "physio.beat", "physio.qrs"),
)


def main(arguments: list[str] | None = None) -> int:
    """Build it; gives the exit status."""
    return reference.main(DRIVER, arguments, about=__doc__)


if __name__ == "__main__":
    sys.exit(main())
