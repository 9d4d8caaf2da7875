"""Tracks of many people, as four encoders might have given them: a cloud of embeddings per kind. Simulated."""

from __future__ import annotations

import numpy as np

from converters.tracks import Track

KINDS = {"vision": ("neutral", "talking", "yawn", "closed", "turned"), "audio": ("speech", "road", "quiet"),
         "physio": ("slow", "middle", "fast", "rest", "stress"), "skin": ("rest", "stress")}  # fmt: skip
PERIOD_S = {"vision": 0.1, "audio": 0.25, "physio": 1.0, "skin": 1.0}


def simulated_tracks(people: int) -> list[Track]:
    """One track of 150 embeddings, (150, 8) float32, for each kind and person."""
    rng = np.random.default_rng(0)
    centre = {(m, k): rng.standard_normal(8) for m, kinds in KINDS.items() for k in kinds}
    return [
        Track(m, k, f"{m} {person}", False, PERIOD_S[m],
              (centre[m, k] + 0.3 * rng.standard_normal((150, 8))).astype(np.float32))
        for (m, k) in centre for person in range(people)
    ]  # fmt: skip
