"""Tracks are made again when anything that they hang on has changed, and only then."""

import dataclasses

import numpy as np
import pytest

from converters.tracks import Track, cached, track
from edge_mm.models.bundle import load_bundle
from edge_mm.types import Embedding


class Maker:
    """Counts how often tracks were made."""

    def __init__(self):
        self.times = 0

    def __call__(self):
        self.times += 1
        pieces = [np.full((n, 2), n + 0.5, np.float32) for n in (3, 1)]
        return [Track("audio", f"kind {n}", "group", bool(n % 2), 0.25, v) for n, v in enumerate(pieces)]


@pytest.fixture
def sources(tmp_path):
    file = tmp_path / "maker.py"
    file.write_text("HELD_OUT = ('208',)")
    return [file]


@pytest.fixture
def ask(tmp_path, sources):
    """``ask(make, **changes)``: what a run with these changes gets."""

    def asked(make, *, bundle=None, modality="audio", seed=0):
        return cached(
            tmp_path / "kept", bundle or load_bundle("driver"), modality, make, modalities=[modality], seed=seed,
            sources=sources,
        )  # fmt: skip

    return asked


def test_kept_tracks_are_those_that_were_made(ask):
    make = Maker()
    first, again = ask(make), ask(make)
    assert make.times == 1
    for one, other in zip(first, again, strict=True):
        for field in dataclasses.fields(Track):
            assert np.array_equal(getattr(one, field.name), getattr(other, field.name)), field.name


def test_another_seed_makes_them_again(ask):
    make = Maker()
    ask(make, seed=0), ask(make, seed=1)
    assert make.times == 2


def test_another_modality_makes_them_again(ask):
    make = Maker()
    ask(make), ask(make, modality="physio")
    assert make.times == 2


def test_other_bytes_of_the_graph_make_them_again(ask):
    make, bundle = Maker(), load_bundle("driver")
    graph = bundle.graph("audio.encoder")
    ask(make, bundle=bundle), ask(make, bundle=bundle.replace(**{"audio.encoder": graph[:-1] + b"x"}))
    assert make.times == 2


def test_a_graph_of_another_sense_does_not(ask):
    make, bundle = Maker(), load_bundle("driver")
    ask(make, bundle=bundle), ask(make, bundle=bundle.replace(**{"physio.beat": b"x"}))
    assert make.times == 1


def test_other_code_of_the_maker_makes_them_again(ask, sources):
    make = Maker()
    ask(make)
    sources[0].write_text("HELD_OUT = ()")
    ask(make)
    assert make.times == 2


def test_nothing_is_kept_of_a_maker_that_breaks(ask, tmp_path):
    def broken():
        raise RuntimeError("no recordings")

    with pytest.raises(RuntimeError):
        ask(broken)
    assert not list(tmp_path.glob("kept/*"))


def test_a_track_holds_what_the_aligner_would_let_in():
    def one(second, quality):
        return Embedding(second * 10**9, 10**9, "audio", np.full(2, second, np.float32), quality)

    readings = [one(0, 0.9), one(1, 0.1), one(2, 0.9)]
    made = track(readings, modality="audio", kind="road", group="g", held_out=True, after_ns=1)
    assert made.vectors[:, 0].tolist() == [2.0]
    assert made.period_s == 1.0
