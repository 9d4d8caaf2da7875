"""Log-mel spectra against a direct computation, and what the encoder's normalisation promises."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from edge_mm.errors import BundleError
from edge_mm.perception.audio_mel import INPUT_LIMIT, LogMel, MelSettings, encoder_input, filter_bank, mel_of_hz

SETTINGS = MelSettings()


def direct(sound: np.ndarray, settings: MelSettings) -> np.ndarray:
    """The definition, one frame, one bin and one band at a time, in double precision."""
    window = np.array([0.5 - 0.5 * math.cos(2 * math.pi * n / settings.frame) for n in range(settings.frame)])
    edges_mel = np.linspace(mel_of_hz(settings.f_min_hz), mel_of_hz(settings.f_max_hz), settings.mels + 2)
    rows = []
    for start in range(0, len(sound) - settings.frame + 1, settings.step):
        piece = sound[start : start + settings.frame].astype(np.float64) * window * 2 / window.sum()
        power = np.abs(np.fft.fft(piece, settings.n_fft)) ** 2
        row = []
        for band in range(settings.mels):
            low, peak, high = edges_mel[band : band + 3]
            total = 1e-10
            for k in range(settings.n_fft // 2 + 1):
                mel = 2595 * math.log10(1 + k * settings.rate_hz / settings.n_fft / 700)
                if low < mel <= peak:
                    total += power[k] * (mel - low) / (peak - low)
                elif peak < mel < high:
                    total += power[k] * (high - mel) / (high - peak)
            row.append(10 * math.log10(total))
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("level", [1.0, 0.01])
def test_the_fast_spectra_equal_the_definition(level: float) -> None:
    rng = np.random.default_rng(1)
    t = np.arange(1200) / SETTINGS.rate_hz
    sound = (level * (0.5 * np.sin(2 * np.pi * 700 * t) + 0.1 * rng.standard_normal(len(t)))).astype(np.float32)
    fast = LogMel(SETTINGS)(sound)
    assert fast.dtype == np.float32
    assert fast.shape == (6, 40)
    np.testing.assert_allclose(fast, direct(sound, SETTINGS), atol=0.02)


def test_a_tone_appears_in_the_band_that_holds_its_frequency() -> None:
    t = np.arange(4000) / SETTINGS.rate_hz
    centres = np.linspace(mel_of_hz(SETTINGS.f_min_hz), mel_of_hz(SETTINGS.f_max_hz), SETTINGS.mels + 2)[1:-1]
    for hz in (200.0, 1000.0, 4000.0):
        spectra = LogMel(SETTINGS)(np.sin(2 * np.pi * hz * t).astype(np.float32))
        loudest = int(spectra.mean(axis=0).argmax())
        assert loudest == int(np.abs(centres - mel_of_hz(hz)).argmin())
        assert -3.0 < spectra[:, loudest].mean() < 3.0, "a sine at full scale is about 0 dB"


def test_no_band_is_empty() -> None:
    assert (filter_bank(SETTINGS).sum(axis=0) > 0.5).all()


def test_frames_do_not_depend_on_where_the_sound_was_cut_on_a_frame_boundary() -> None:
    sound = np.random.default_rng(2).standard_normal(SETTINGS.samples(50)).astype(np.float32)
    mel = LogMel(SETTINGS)
    first = mel(sound[: SETTINGS.samples(20)])
    rest = mel(sound[20 * SETTINGS.step :])
    np.testing.assert_allclose(np.concatenate((first, rest)), mel(sound), atol=1e-3)


def test_sound_shorter_than_a_frame_gives_no_frame() -> None:
    assert LogMel(SETTINGS)(np.ones(SETTINGS.frame - 1, np.float32)).shape == (0, 40)


@pytest.mark.parametrize("gain_db", [-20, -6, 6])
def test_the_gain_of_the_microphone_does_not_reach_the_encoder(gain_db: int) -> None:
    sound = 0.1 * np.random.default_rng(3).standard_normal(SETTINGS.samples(96)).astype(np.float32)
    mel = LogMel(SETTINGS)
    louder = sound * np.float32(10 ** (gain_db / 20))
    np.testing.assert_allclose(encoder_input(mel(louder)), encoder_input(mel(sound)), atol=0.01)


def test_digital_silence_inside_a_window_stays_within_the_encoders_range() -> None:
    sound = 0.3 * np.random.default_rng(4).standard_normal(SETTINGS.samples(96)).astype(np.float32)
    sound[4000:12000] = 0.0
    given = encoder_input(LogMel(SETTINGS)(sound))
    assert np.isfinite(given).all()
    assert np.abs(given).max() <= INPUT_LIMIT
    assert given.max() - given.min() <= 60 / 20 + 1e-5, "no more than the 60 dB that count"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"step": 0}, "step"),
        ({"step": "160"}, "step"),
        ({"step": 401}, "step <= frame"),
        ({"f_max_hz": 9000.0}, "f_max_hz <= rate_hz / 2"),
        ({"f_min_hz": float("nan")}, "f_min_hz"),
        ({"mels": None}, "'mels' is missing"),
    ],
)
def test_wrong_settings_in_a_bundle_are_said_in_one_sentence(change: dict[str, object], said: str) -> None:
    params: dict[str, object] = msgspec.structs.asdict(SETTINGS)
    params.update(change)
    params = {key: value for key, value in params.items() if value is not None}
    with pytest.raises(BundleError, match=f"^x: .*{said}"):
        MelSettings.of(params, where="x")
