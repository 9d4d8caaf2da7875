"""A window in which only a lying sense is present teaches nothing about its state. Needs TensorFlow."""

import numpy as np
from simulated_tracks import simulated_tracks

from converters.composites import HEADS, MODALITIES, Studio
from edge_mm.perception.fusion import PRESENCE


def test_lies_that_nobody_could_see_through_do_not_make_the_fusion_doubt_a_camera_that_is_alone():
    from converters import fusion

    tracks = simulated_tracks(4)
    windows = [w for e in Studio(tracks, held_out=False, seed=0).episodes(250) for w in e]
    table = fusion.table(windows, fusion.front_end(windows, MODALITIES), modalities=MODALITIES, heads=HEADS)
    lying = [w.corrupted == "vision" and w.shows["vision"] == "drowsy" and w.state != "drowsy" for w in windows]
    lies = np.flatnonzero(lying)
    assert len(lies) > 20
    lies = np.resize(lies, len(windows))  # as many as there are other windows
    seen = np.array([m == "vision" for m in MODALITIES], np.float32)
    alone = fusion.Table(
        MODALITIES, HEADS,
        {**{m: table.inputs[m][lies] * (m == "vision") for m in MODALITIES}, PRESENCE: np.tile(seen, (len(lies), 1))},
        table.states[lies], table.corrupted[lies], table.shown[lies], table.shows[lies],
    )  # fmt: skip
    both = fusion.Table(
        MODALITIES,
        HEADS,
        {key: np.concatenate([table.inputs[key], alone.inputs[key]]) for key in table.inputs},
        *(np.concatenate(pair) for pair in zip(table[3:], alone[3:], strict=True)),
    )
    model = fusion.train(both, seed=0)
    said = np.asarray(model.predict(alone.inputs, verbose=0, batch_size=512)["drowsy"])
    assert said.mean() > 0.8
