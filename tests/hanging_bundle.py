"""A bundle file whose sound graph never answers again once it hears a tone that begins in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from hanging_graph import hanging_graph

from converters.package import write_bundle
from edge_mm.models.bundle import load_bundle

TONE = 2.8
"""What such a tone makes of the encoder's input, and noise does not."""


def hanging_sound_graph() -> bytes:
    """Answers as on the golden sample of the shipped graph, or never."""
    driver = load_bundle("driver")
    golden = driver.arrays("golden.npz")
    assert golden["audio.encoder/in/log_mel"].max() < TONE  # the self-test does not hang
    answers = {key: golden[f"audio.encoder/out/{key}"].reshape(1, -1) for key in ("classes", "embedding")}
    return hanging_graph("log_mel", (1, 96, 40, 1), answers, limit=TONE)


def hanging_bundle(folder: Path) -> Path:
    """The shipped driver bundle with that graph."""
    driver = load_bundle("driver")
    named = {"manifest.json", *driver.manifest.files}
    members = {name: driver.member(name) for name in named - {"manifest.json"}}
    members[driver.manifest.graphs["audio.encoder"].file] = hanging_sound_graph()
    return write_bundle(driver.manifest, members, folder)


def sound_with_a_tone(path: Path, *, at_s: float, seconds: float) -> Path:
    """Faint noise with a tone of 0.1 s at ``at_s``."""
    sound = np.random.default_rng(0).normal(0, 0.001, round(seconds * 16_000)).astype(np.float32)
    place = round(at_s * 16_000)
    sound[place : place + 1600] += (0.5 * np.sin(np.arange(1600) * 2 * np.pi / 16)).astype(np.float32)
    soundfile.write(path, sound, 16_000)
    return path
