"""The recordings: where they are, what they are of, and who or what made them.

In: the folder of shared data. Out: ``Clip``s, mono at 16 kHz, with a class and a group. Groups (a source recording, a
person, a speaker) never lie on both sides of the split. Not here: mixing, windows.

Which data: ESC-10 (folds 1 and 2), Speech Commands, the sound of GRID (running speech), the coughs of Cough-Etiquette.
The Khan set is for evaluation only (its licence is unknown). Sirens are synthesised (``sirens``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from converters import grid

Array = npt.NDArray[np.float32]
RATE_HZ = 16000

LABELS = ("siren", "cough", "sneeze", "baby_cry", "dog", "speech", "other")

ESC = {
    "001": "dog",
    "002": "rain",
    "003": "sea",
    "004": "baby_cry",
    "005": "clock",
    "006": "sneeze",
    "007": "helicopter",
    "008": "chainsaw",
    "009": "rooster",
    "010": "fire",
}
BACKGROUNDS = ("rain", "sea", "helicopter", "chainsaw", "fire")

HELD_OUT_COUGH = ("5", "3")
"""Persons of Cough-Etiquette that are not trained on: the one with many takes, and one with few."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording."""

    sound: Array
    """(n,) float32, 16 kHz."""
    kind: str
    """What is heard: a label, or what kind of ``other``."""
    group: str
    """Who or what made it."""
    held_out: bool
    """Whether it is kept for the scores."""

    @property
    def label(self) -> str:
        """Its class among ``LABELS``."""
        return self.kind if self.kind in LABELS else "other"


def read_sound(path: Path) -> Array:
    """Any file that libsndfile reads, mono at 16 kHz."""
    import soundfile
    from scipy.signal import resample_poly

    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = sound.mean(axis=1)
    if rate != RATE_HZ:
        divisor = int(np.gcd(rate, RATE_HZ))
        mono = resample_poly(mono, RATE_HZ // divisor, rate // divisor)
    return np.asarray(mono, np.float32)


def read_track(path: Path) -> Array:
    """The sound track of a video file, mono at 16 kHz."""
    import av

    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
        frames = [f for frame in container.decode(audio=0) for f in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(np.float32)


def read_all(data: Path) -> list[Clip]:
    """Every clip that may be trained on, with its side of the split."""
    return [*_esc(data), *_words(data), *_grid(data), *_coughs(data)]


def read_khan(data: Path) -> Iterator[tuple[str, Array]]:
    """The Khan set, for evaluation only: ``siren``, ``snore``, ``baby_cry`` or ``speech``, and one second of sound.

    Its blocks of 50 are told apart by number (README of the shared data); blocks whose content is uncertain are left
    out.
    """
    blocks = {(0, 50): "baby_cry", (200, 250): "siren", (400, 450): "speech"}
    folder = data / "research/khan_snore"
    for path in sorted((folder / "no_snoring").glob("*.flac")):
        number = int(path.stem.split("_")[1])
        for (low, high), kind in blocks.items():
            if low <= number < high:
                yield kind, read_sound(path)
    for path in sorted((folder / "snoring").glob("*.flac")):
        yield "snore", read_sound(path)


def _esc(data: Path) -> Iterator[Clip]:
    for folder in sorted((data / "open/esc10").iterdir()):
        kind = ESC.get(folder.name[:3])
        if kind is None:
            continue
        paths = sorted(folder.glob("*.ogg"))
        sources = sorted({path.stem.rsplit("-", 1)[0] for path in paths})
        held = set(sources[1::3])  # a third of the source recordings, from both folds
        for path in paths:
            source = path.stem.rsplit("-", 1)[0]
            yield Clip(read_sound(path), kind, f"esc {source}", source in held)


def _words(data: Path) -> Iterator[Clip]:
    for path in sorted((data / "open/speech_commands").glob("*/*.wav")):
        speaker = path.stem.split("_")[0]
        yield Clip(read_sound(path), "speech", f"speaker {speaker}", int(speaker, 16) % 4 == 0)


def _grid(data: Path) -> Iterator[Clip]:
    for path in sorted((data / "open/grid_av").glob("*.mpg")):
        yield Clip(read_track(path), "speech", f"grid {grid.speaker(path.stem)}", grid.held_out(path.stem))


def _coughs(data: Path) -> Iterator[Clip]:
    for path in sorted((data / "research/cough_etiquette").glob("*/*.flac")):
        person = path.stem.split("-")[0]
        yield Clip(read_sound(path), "cough", f"cougher {person}", person in HELD_OUT_COUGH)
