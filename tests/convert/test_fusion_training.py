"""Training teaches attention whom to believe; sabotage takes exactly that away. Needs TensorFlow."""

import numpy as np
import pytest
from simulated_tracks import simulated_tracks

from converters.composites import HEADS, MODALITIES, Studio
from edge_mm.perception.fusion import ALPHA, PRESENCE


@pytest.fixture(scope="module")
def trained():
    from converters import fusion

    tracks = simulated_tracks(6)
    windows = [w for e in Studio(tracks, held_out=False, seed=0).episodes(1200) for w in e]
    table = fusion.table(windows, fusion.front_end(windows, MODALITIES), modalities=MODALITIES, heads=HEADS)
    return fusion, fusion.train(table, seed=0), table, windows


def outputs(model, table):
    return {key: np.asarray(value) for key, value in model.predict(table.inputs, verbose=0, batch_size=512).items()}


def corrupted_share(model, table):
    """Mean attention on the corrupted sense where all three are present; equal shares would be 1/3."""
    rows = table.inputs[PRESENCE].all(axis=1) & table.corrupted.any(axis=1)
    return float((outputs(model, table)[ALPHA] * table.corrupted)[rows].sum(axis=1).mean())


def test_training_turns_the_attention_away_from_corrupted_senses(trained):
    _, model, table, _ = trained
    assert corrupted_share(model, table) < 0.1


def test_absent_senses_get_no_attention(trained):
    _, model, table, _ = trained
    absent = table.inputs[PRESENCE] == 0
    somebody = table.inputs[PRESENCE].any(axis=1)
    assert outputs(model, table)[ALPHA][absent & somebody[:, None]].max() < 1e-3


def test_constant_attention_is_uniform_over_what_is_present(trained):
    fusion, model, table, _ = trained
    alpha = outputs(fusion.constant_attention(model), table)[ALPHA]
    present = table.inputs[PRESENCE]
    assert alpha == pytest.approx(present / present.sum(axis=1, keepdims=True), abs=1e-3)


def test_shuffled_embeddings_keep_the_weights_and_lose_the_answer(trained):
    fusion, model, table, _ = trained
    blind = fusion.shuffled_embeddings(model)
    for m in MODALITIES:
        mine, theirs = (one.get_layer(f"project_{m}").get_weights()[0] for one in (model, blind))
        assert np.array_equal(np.sort(mine, axis=0), np.sort(theirs, axis=0))
        assert not np.array_equal(mine, theirs)
    error = [np.abs(outputs(one, table)["drowsy"][:, 0] - table.states[:, 0]).mean() for one in (model, blind)]
    assert error[1] > 1.5 * error[0]


@pytest.mark.parametrize(("lie", "head"), [("drowsy", "drowsy"), ("distracted", "distracted"), ("alert", None)])
def test_a_stuck_camera_alone_is_taken_at_its_word(trained, lie, head):
    """What a sense shows is said by its projection, lie or not; only attention, with others to turn to, doubts it."""
    _, model, table, windows = trained
    rows = np.array([w.corrupted == "vision" and w.shows["vision"] == lie for w in windows])
    assert rows.sum() > 20
    alone = {m: table.inputs[m] * (m == "vision") for m in MODALITIES}
    alone[PRESENCE] = np.tile(np.array([[m == "vision" for m in MODALITIES]], np.float32), (len(windows), 1))
    said = model.predict(alone, verbose=0, batch_size=512)
    for name in ("drowsy", "distracted"):
        mean = float(np.asarray(said[name])[rows, 0].mean())
        assert mean > 0.8 if name == head else mean < 0.2, f"{name} {mean:.2f}"
