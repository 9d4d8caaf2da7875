"""Sounds beside a bed -> tracks: mixtures of real recordings through the device's sound front end.

In: the clips of ``converters.audio`` with their held-out sources. Out: tracks of kind ``speech``, ``room`` (rain,
fire, engines: what comes through a window), ``quiet``, ``complaint`` and ``broken``. ``complaint`` strings real coughs
and the crying of real children together: a voice in distress, as near as the shared data come to it. All are
mixtures. Not here: how a sound becomes a track (``hearing``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from converters.audio.clips import RATE_HZ, Array, Clip
from converters.hearing import broken, loudness, made, quiet, road, speech
from converters.tracks import Track
from edge_mm.models.bundle import Bundle

COUNTS = {"speech": 40, "room": 40, "quiet": 30, "complaint": 50, "broken": 20}
"""Tracks of each kind, for training; a third as many are held out."""
COMPLAINTS = ("cough", "baby_cry")
"""Labels of the clips that a complaint is made of."""


def bedside_tracks(bundle: Bundle, data: Path, *, seed: int) -> list[Track]:
    """Every track of sound, both sides of the split.

    Args:
        bundle: with the audio part.
        data: the shared data.
        seed: of the mixtures.
    """
    makers = {"speech": speech, "room": road, "quiet": quiet, "complaint": complaint, "broken": broken}
    return made(bundle, data, COUNTS, makers, seed=seed)


def complaint(clips: Sequence[Clip], rng: np.random.Generator) -> Array:
    """Coughs or crying with pauses, over a quiet or a noisy room."""
    label = str(rng.choice(COMPLAINTS))
    voices = [clip for clip in clips if clip.label == label]
    sound = road(clips, rng) * np.float32(rng.uniform(0.0, 0.3)) if rng.random() < 0.5 else quiet(clips, rng)
    at = int(rng.uniform(0, 1) * RATE_HZ)
    while at < len(sound):
        loud = np.float32(rng.uniform(0.06, 0.25))
        voice = loudness(voices[int(rng.integers(len(voices)))].sound, loud)[: len(sound) - at]
        sound[at : at + len(voice)] += voice
        at += len(voice) + int(rng.exponential(1.0) * RATE_HZ)
    return np.asarray(np.clip(sound, -1, 1), np.float32)
