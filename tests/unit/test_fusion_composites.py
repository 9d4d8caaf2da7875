"""Composites follow their written recipe, and the aligner of the device cuts them."""

import numpy as np
import pytest

from converters.composites import LENGTH_S, LOOKS, MODALITIES, SOUND, STATES, Studio
from converters.tracks import Track

KINDS = {"vision": ("neutral", "talking", "yawn", "closed", "turned"), "audio": ("speech", "road", "quiet", "broken"),
         "physio": ("slow", "middle", "fast", "broken", "rest", "stress"), "skin": ("rest", "stress")}  # fmt: skip
PERIOD_S = {"vision": 0.1, "audio": 0.25, "physio": 1.0, "skin": 1.0}


def code(modality, kind):
    return KINDS[modality].index(kind)


def tracks():
    """Embeddings that say what they are: kind, and which side of the split they are of."""
    return [
        Track(m, kind, f"{m} {person} {held}", held, PERIOD_S[m],
              np.tile(np.array([code(m, kind), held, person], np.float32), (200, 1))
              + np.linspace(0, 0.01, 200, dtype=np.float32)[:, None])
        for held in (False, True) for m, kinds in KINDS.items() for kind in kinds for person in range(3)
    ]  # fmt: skip


def studio(*, held_out=False, seed=0):
    return Studio(tracks(), held_out=held_out, seed=seed)


def seen(window, modality):
    return set(np.rint(window.embeddings[modality][:, 0]).astype(int).tolist())


@pytest.mark.parametrize("held_out", [False, True])
def test_an_episode_takes_only_its_own_side_of_the_split(held_out):
    windows = [w for e in studio(held_out=held_out).episodes(40) for w in e]
    sides = {round(float(v)) for w in windows if w.corruption != "noise" for x in w.window.embeddings.values()
             for v in x[:, 1]}  # fmt: skip
    assert sides == {int(held_out)}


def test_drowsy_faces_yawn_or_close_their_eyes_and_alert_ones_never_yawn():
    s = studio()
    episodes = [s.episode("drowsy", present=["vision"], corrupted="") for _ in range(30)]
    drowsy = [seen(w.window, "vision") for e in episodes for w in e]
    alert = [seen(w.window, "vision") for _ in range(30) for w in s.episode("alert", present=["vision"], corrupted="")]
    signs = {code("vision", "yawn"), code("vision", "closed")}
    assert np.mean([bool(kinds & signs) for kinds in drowsy]) > 0.9
    assert not any(code("vision", "yawn") in kinds for kinds in alert)


def test_sound_is_drawn_with_the_chances_of_the_recipe():
    s = studio()
    kinds = [seen(s.episode("drowsy", present=["audio"], corrupted="")[-1].window, "audio") for _ in range(400)]
    share = np.mean([code("audio", "speech") in k for k in kinds])
    assert share == pytest.approx(SOUND["drowsy"]["speech"], abs=0.05)


def test_a_frozen_sense_repeats_one_embedding_of_another_state():
    s = studio()
    for _ in range(20):
        last = s.episode("alert", present=MODALITIES, corrupted="vision", corruption="frozen")[-1]
        vectors = last.window.embeddings["vision"]
        assert (vectors == vectors[0]).all()
        assert seen(last.window, "vision") <= {code("vision", k) for look in LOOKS.values() for k in look}


@pytest.mark.parametrize(("lie", "looks"), [("drowsy", ("yawn", "closed")), ("distracted", ("turned",))])
def test_a_stuck_sense_shows_its_lie_and_not_the_state(lie, looks):
    for one in studio().episode("alert", present=MODALITIES, corrupted="vision", corruption="frozen", lie=lie):
        assert one.state == "alert"
        assert one.shows == {"vision": lie, "audio": "alert", "physio": "alert", "skin": "alert"}
        assert seen(one.window, "vision") <= {code("vision", look) for look in looks}


@pytest.mark.parametrize("how", ["noise", "broken"])
def test_a_broken_sense_shows_nothing(how):
    for one in studio().episode("drowsy", present=MODALITIES, corrupted="audio", corruption=how):
        assert one.shows == {"vision": "drowsy", "audio": "", "physio": "drowsy", "skin": "drowsy"}


def test_at_least_one_sense_is_always_there_and_each_is_absent_at_times():
    episodes = list(studio().episodes(200))
    there = [set(e[-1].window.embeddings) for e in episodes]
    assert all(there)
    assert all(any(m not in t for t in there) for m in MODALITIES)
    assert all(c.corrupted in c.window.embeddings for e in episodes for c in e if c.corrupted)
    assert {e[0].state for e in episodes} == set(STATES)


def test_windows_have_the_manifest_length_and_end_within_the_episode():
    for composite in studio().episode("alert", present=MODALITIES, corrupted=""):
        assert composite.window.end_ns - composite.window.start_ns == 10_000_000_000
        assert composite.window.end_ns <= LENGTH_S * 1e9
        assert all(0 < share <= 1 for share in composite.window.coverage.values())


def test_the_same_seed_gives_the_same_episodes():
    one, two = studio(seed=5).episode("drowsy"), studio(seed=5).episode("drowsy")
    for a, b in zip(one, two, strict=True):
        assert a.corruption == b.corruption
        assert all(np.array_equal(a.window.embeddings[m], b.window.embeddings[m]) for m in a.window.embeddings)
