"""What the fusion is trained on: pooled windows, scaled by clean ones, with what each sense shows."""

import numpy as np
import pytest

from converters import fusion
from converters.composites import HEADS, MODALITIES
from converters.episodes import Composite
from edge_mm.perception.fusion import PRESENCE
from edge_mm.types import NS_PER_S, Window


def composite(value, *, state="alert", corrupted="", shows=None, coverage=1.0):
    """A window in which every embedding of every sense has this value, and a corrupted sense is far off."""
    embeddings = {m: np.full((5, 2), 1000.0 if m == corrupted else value, np.float32) for m in MODALITIES}
    covered = dict.fromkeys(MODALITIES, coverage)
    window = Window(0, 10 * NS_PER_S, embeddings, covered, covered)
    return Composite(window, state, corrupted, "noise" if corrupted else "", shows or dict.fromkeys(MODALITIES, state))


CLEAN = [composite(1.0), composite(3.0)]
PARAMS = fusion.front_end(CLEAN, MODALITIES)


def tabled(windows, params=PARAMS):
    return fusion.table(windows, params, modalities=MODALITIES, heads=HEADS)


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_scale_of_a_sense_is_that_of_its_clean_windows(modality):
    mixed = fusion.front_end([*CLEAN, *(composite(2.0, corrupted=modality) for _ in range(5))], MODALITIES)
    assert mixed["inputs"][modality] == PARAMS["inputs"][modality]
    assert PARAMS["inputs"][modality]["mean"][0] == 2.0


def test_what_each_sense_shows_is_what_it_is_asked_for_alone():
    shows = {"vision": "drowsy", "audio": "alert", "physio": "", "skin": ""}
    table = tabled([composite(1.0, corrupted="vision", shows=shows)])
    drowsy = HEADS.index("drowsy")
    assert table.states.tolist() == [[0.0] * len(HEADS)]
    assert table.shown[0, :, drowsy].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert table.shows.tolist() == [[1.0, 1.0, 0.0, 0.0]]
    assert table.corrupted.tolist() == [[1.0, 0.0, 0.0, 0.0]]


def test_a_sense_below_the_least_coverage_counts_as_absent():
    below, at = (composite(1.0, coverage=c) for c in (fusion.MIN_COVERAGE - 0.01, fusion.MIN_COVERAGE))
    table = tabled([below, at])
    assert table.inputs[PRESENCE].tolist() == [[0.0] * 4, [1.0] * 4]
    assert not table.inputs["vision"][0].any()
    assert not table.shows[0].any()
