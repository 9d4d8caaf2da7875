"""What the encoder is trained on: synthetic sirens are sirens, and no source is on both sides of the split."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from converters.audio import clips, synthetic
from edge_mm.perception.audio_mel import LogMel, MelSettings, mel_of_hz

SETTINGS = MelSettings()
CENTRES = np.linspace(mel_of_hz(SETTINGS.f_min_hz), mel_of_hz(SETTINGS.f_max_hz), SETTINGS.mels + 2)[1:-1]


@pytest.mark.parametrize(
    "make", [synthetic.siren, synthetic.snore, synthetic.tones, synthetic.engine, synthetic.knocks]
)
def test_a_made_sound_is_finite_at_full_scale_and_repeatable(make: synthetic.Maker) -> None:
    sound = make(np.random.default_rng(7), 24000)
    assert sound.shape == (24000,)
    assert sound.dtype == np.float32
    assert np.abs(sound).max() == pytest.approx(1.0, abs=1e-5)
    assert np.array_equal(sound, make(np.random.default_rng(7), 24000))


def test_sirens_move_between_two_tones_or_sweep_and_snores_stay_low() -> None:
    rng = np.random.default_rng(3)
    mel = LogMel(SETTINGS)
    moved = []
    for _ in range(40):
        loudest = mel(synthetic.siren(rng, 4 * 16000)).argmax(axis=1)
        moved.append(np.ptp(np.percentile(loudest, [5, 95])))
    assert np.mean(np.array(moved) >= 2) > 0.85, "the loudest band moves within four seconds"
    low = [10 ** (mel(synthetic.snore(rng, 64000)) / 10) for _ in range(20)]
    share = [p[:, mel_of_hz(2500) > CENTRES].sum() / p.sum() for p in low]
    assert np.median(share) > 0.7


def test_no_source_person_or_speaker_is_on_both_sides_of_the_split(shared_data: Path) -> None:
    for needed in ("scipy", "av", "soundfile"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"not here: {needed} reads the training data; it comes with the extra [convert] or [media]")
    every = clips.read_all(shared_data)
    train = {clip.group for clip in every if not clip.held_out}
    held = {clip.group for clip in every if clip.held_out}
    assert not train & held
    assert {clip.label for clip in every if clip.held_out} == set(clips.LABELS) - {"siren"}
    assert all(np.isfinite(clip.sound).all() and clip.sound.any() for clip in every)
