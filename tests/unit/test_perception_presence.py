"""A slow signal's quality: the share of values that are there."""

import numpy as np

from edge_mm.perception.physio_intake import Intake
from edge_mm.perception.presence import Presence
from edge_mm.types import Sample

S = 1_000_000_000


def listen(values, rate_hz, size):
    intake, presence, out = Intake("wrist"), Presence("wrist", "skin"), []
    for start in range(0, len(values), size):
        block = values[start : start + size]
        for chunk in intake.push(Sample("wrist", round(start * S / rate_hz), block, rate_hz)):
            out += presence.chunk(chunk)
    return out


def test_a_stream_is_judged_by_all_values_of_a_second():
    values = np.full(40, 31.5, np.float32)
    values[4:7] = np.nan
    values[20:24] = np.nan
    out = listen(values, 4.0, 3)
    assert [o.value for o in out] == [o.quality for o in out] == [1.0, 0.25, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    assert [k for k, o in enumerate(out) if o.label == "missing"] == [1, 5]


def test_a_stream_slower_than_four_values_a_second_is_judged_every_four_values():
    out = listen(np.full(12, 36.5, np.float32), 1.0, 1)
    assert [(o.t_ns, o.value) for o in out] == [(4 * S, 1.0), (8 * S, 1.0), (12 * S, 1.0)]


def test_a_gap_begins_a_new_second():
    intake, presence, out = Intake("wrist"), Presence("wrist", "skin"), []
    late = Sample("wrist", 10 * S, np.full(8, np.nan, np.float32), 4.0)
    for sample in (Sample("wrist", 0, np.full(6, 30.0, np.float32), 4.0), late):
        out += [o for chunk in intake.push(sample) for o in presence.chunk(chunk)]
    assert [(o.t_ns, o.value) for o in out] == [(S, 1.0), (11 * S, 0.0), (12 * S, 0.0)]
