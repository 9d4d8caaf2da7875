import numpy as np
import pytest

from edge_mm.errors import SourceError, UsageError
from edge_mm.kinds import STANDING_NS
from edge_mm.perception.align import Aligner
from edge_mm.perception.text import note_text
from edge_mm.perception.text_tokens import BUCKETS, LENGTH, tokens, words
from edge_mm.sources import Note
from edge_mm.types import NS_PER_S as S
from edge_mm.types import Embedding, Sample, StreamSpec


def test_a_note_is_read_without_case_accents_and_exact_numbers():
    assert words("69 M, Digoxine (0.25 mg): Épilepsie") == ["#6x", "m", "digoxine", "#0", "#2x", "mg", "epilepsie"]


def test_tokens_are_the_same_everywhere_and_padded():
    ids = tokens("75 F Digoxin")
    assert ids.dtype == np.int32
    assert ids.shape == (LENGTH,)
    assert (ids[-3:] > 0).all()
    assert not ids[:-3].any()
    # fixed: a bundle that was trained on another machine must read the same words
    assert tokens("digoxin")[-1] == 479
    assert (tokens("digoxin " * 100) > 0).all()
    assert not tokens("").any()
    assert tokens("x " * 1000).max() < BUCKETS


def test_a_note_becomes_one_sample(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("81 M\nCoumadin", encoding="utf-8")
    source = Note(path=path, start_ns=5)
    assert source.open().kind == "note"
    sample = source.read()
    assert sample is not None
    assert (note_text(sample, stream="note"), sample.t_ns) == ("81 M\nCoumadin", 5)
    assert source.read() is None


def test_what_is_no_note_is_refused_by_name(tmp_path):
    with pytest.raises(UsageError, match=r"nothing\.txt"):
        Note(path=tmp_path / "nothing.txt")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(SourceError, match=r"latin\.txt.*UTF-8"):
        Note(path=tmp_path / "latin.txt").open()
    (tmp_path / "long.txt").write_bytes(b"x" * 70_000)
    with pytest.raises(SourceError, match=r"long\.txt.*65536"):
        Note(path=tmp_path / "long.txt").open()
    with pytest.raises(SourceError, match=r"needs .*uint8"):
        note_text(Sample("n", 0, np.zeros(3, np.float32), 1.0), stream="n")


def standing(t_s, value, quality=1.0):
    return Embedding(round(t_s * S), STANDING_NS, "note", np.array([value], np.float32), quality)


def windows_of(events, until_s):
    specs = {"note": StreamSpec("note", "note", 1.0, "utf-8", 0.0), "ecg": StreamSpec("ecg", "ecg", 250.0, "mV")}
    aligner = Aligner(specs, window_s=10.0, hop_s=1.0, modalities=["physio", "text"], min_quality=0.25)
    aligner.tick(0)
    aligner.status("note", "off")  # as a file that has ended
    for event in events:
        aligner.add(event)
    aligner.advance("ecg", round(until_s * S))
    return aligner.closed()


def test_a_note_holds_until_it_is_said_anew():
    windows = windows_of([standing(0, 1.0)], 40)
    assert len(windows) == 40
    assert all(w.coverage["text"] == 1.0 for w in windows[10:])
    assert windows[-1].embeddings["text"].tolist() == [[1.0]]
    anew = windows_of([standing(0, 1.0), standing(20, 2.0)], 40)
    assert anew[18].embeddings["text"].tolist() == [[1.0]]
    assert anew[-1].embeddings["text"].tolist() == [[2.0]]
    assert anew[24].coverage["text"] == 1.0
    taken_back = windows_of([standing(0, 1.0), standing(20, 2.0, quality=0.0)], 40)
    assert "text" not in taken_back[-1].embeddings


def test_a_note_alone_does_not_keep_silence_from_being_skipped():
    specs = {"note": StreamSpec("note", "note", 1.0, "utf-8", 0.0)}
    aligner = Aligner(specs, window_s=10.0, hop_s=1.0, modalities=["text"], min_quality=0.25)
    aligner.tick(0)
    aligner.status("note", "off")
    aligner.add(standing(0, 1.0))
    aligner.tick(40_000 * S)
    assert len(aligner.closed()) < 4_000
    assert aligner.skipped > 30_000
