"""What the level of the sound says about the microphone."""

from __future__ import annotations

import numpy as np
import pytest

from edge_mm.perception.audio_level import LevelMeter

HOP = 4000


def meter() -> LevelMeter:
    return LevelMeter(hop_s=0.25, window_hops=4)


def tone(amplitude: float) -> np.ndarray:
    return (amplitude * np.sin(np.arange(HOP) * 0.3)).astype(np.float32)


def test_a_sine_at_half_scale_is_minus_nine_dbfs_and_good() -> None:
    level = meter().push(tone(0.5))
    assert level.dbfs == pytest.approx(-9.03, abs=0.05)
    assert (level.quality, level.label, level.audible) == (1.0, "", True)


def test_sound_below_minus_seventy_dbfs_is_of_low_quality_but_no_fault() -> None:
    level = meter().push(tone(0.0003))
    assert level.dbfs < -70
    assert (level.quality, level.label, level.audible) == (0.1, "", False)


def test_exact_zeros_are_a_dead_microphone_only_after_two_seconds() -> None:
    heard = meter()
    labels = [heard.push(np.zeros(HOP, np.float32)).label for _ in range(10)]
    assert labels == [""] * 8 + ["silent"] * 2
    assert heard.push(tone(0.1)).label == "", "the first sound ends it"


def test_pauses_of_exact_zero_in_a_recording_are_no_dead_microphone() -> None:
    heard = meter()
    for _ in range(6):
        assert heard.push(np.zeros(HOP, np.float32)).label == ""
        assert heard.push(tone(0.1)).label == ""


def test_more_than_one_percent_at_full_scale_is_clipped() -> None:
    block = tone(0.5)
    block[:60] = 1.0
    assert meter().push(block).label == "clipped"
    block[:60] = 0.5
    block[:20] = -1.0
    assert meter().push(block).label == ""


def test_the_window_forgets_what_is_older_than_itself() -> None:
    heard = meter()
    heard.push(tone(0.5))
    levels = [heard.push(tone(0.00001)) for _ in range(4)]
    assert [level.audible for level in levels] == [True, True, True, False]
