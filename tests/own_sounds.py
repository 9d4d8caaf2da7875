"""Recordings of a maker's own, with a manifest: hiss, and now and then a two-tone horn that the nets never met."""

import csv
import wave
from pathlib import Path

import numpy as np

RATE_HZ = 16_000


def horn_folder(folder: Path, *, people: int = 5, seconds: int = 24, label: str = "siren", seed: int = 5) -> Path:
    """One recording per person, each with two horns of a pitch of its own; gives the folder.

    The horn is made by formula (a square-keyed pair of tones): nobody's recording.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        count = seconds * RATE_HZ
        sound = rng.normal(size=count) * 0.02
        events = []
        for start in (3.0, seconds / 2 + 1):
            begin, end = start + rng.uniform(0, 1), start + seconds / 4
            events.append((begin, end))
            t = np.arange(int((end - begin) * RATE_HZ)) / RATE_HZ
            pitch = (850 + 40 * person) * (1 + 0.02 * np.sign(np.sin(12 * np.pi * t)))
            phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
            horn = (np.sin(phase) + 0.4 * np.sin(3 * phase)) * (np.sin(6 * np.pi * t) > 0)
            at = int(begin * RATE_HZ)
            sound[at : at + len(t)] += rng.uniform(0.05, 0.2) * horn
        with wave.open(str(folder / f"{person}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
        labels = [["start_s", "end_s", "name"], *([f"{a:.2f}", f"{b:.2f}", label] for a, b in events)]
        _write(folder / f"{person}.csv", labels)
        rows.append([f"day {person}", f"person {person}", f"{person}.wav", f"{person}.csv", label])
    _write(folder / "manifest.csv", [["name", "person", "audio", "labels", "watched"], *rows])
    return folder


def _write(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
