"""What the rhythm net is judged on: both rhythms, none of it trained on."""

import numpy as np

from converters.physio import rhythm
from edge_mm.perception.physio_rhythm import BEATS, CHANNELS

COUNT = 1000


def person(name, rows):
    return rhythm.Rows(name, np.zeros((rows, BEATS, CHANNELS), np.float32), np.zeros(rows, np.float32))


def test_people_who_do_not_fibrillate_are_judged_beside_simulated_rhythms_of_both_kinds():
    judged = rhythm.judged([person("200", 3), person("101", 2)], COUNT, seed=0)
    assert judged["rhythm"].shape == (COUNT + 5, BEATS, CHANNELS)
    assert judged["irregular"].shape == (COUNT + 5, 1)
    assert judged["irregular"].sum() == COUNT // 2
    assert judged["group"][:5].tolist() == [1, 1, 1, 0, 0]
    assert len(np.unique(judged["group"])) == COUNT + 2


def test_no_simulated_sequence_that_is_judged_was_trained_on():
    trained, _ = rhythm.simulated(COUNT, np.random.default_rng(0))
    seen = {row.tobytes() for row in trained}
    judged = rhythm.judged([person("200", 1)], COUNT, seed=0)
    assert not any(row.tobytes() in seen for row in judged["rhythm"][1:])
