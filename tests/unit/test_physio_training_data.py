"""Who may be learned from: records, people and classes of the physiological part."""

import numpy as np
import pytest
import wfdb

from converters.physio.beat import Beats, best_threshold
from converters.physio.leads import Lead, folds, sides
from converters.physio.records import HELD_OUT, Record, load, training, unseen
from edge_mm.perception.physio_beat import FEATURES, LABELS, LENGTH

EC57 = {
    "N": "NLRej", "S": "AaJS", "V": "VE", "F": "F", "Q": "/fQ",
}  # fmt: skip
"""Classes of ANSI/AAMI EC57 and the MIT-BIH codes in them, typed from the standard's table."""


def write(folder, name, codes="N"):
    """A recording of 2 s at 100 Hz with one annotated beat every 0.1 s."""
    folder.mkdir(parents=True, exist_ok=True)
    signal = np.zeros((200, 2))
    wfdb.wrsamp(
        name, fs=100, units=["mV", "mV"], sig_name=["I", "II"], p_signal=signal, fmt=["16", "16"], write_dir=str(folder)
    )
    places = 10 * np.arange(1, len(codes) + 1)
    wfdb.wrann(name, "atr", places, symbol=list(codes), write_dir=str(folder))


def test_208_is_never_trained_on(tmp_path):
    for name in ("101", "208", "209"):
        write(tmp_path / "open" / "mitdb", name)
    write(tmp_path / "open" / "mitdb_val", "103")
    assert "208" in HELD_OUT
    assert [record.name for record in training(tmp_path)] == ["101", "209"]
    assert [record.name for record in unseen(tmp_path)] == ["103"]


@pytest.mark.parametrize("label", EC57)
def test_a_beat_has_the_class_that_ec57_gives_it(tmp_path, label):
    write(tmp_path, "1", EC57[label])
    (record,) = load(tmp_path)
    assert record.classes.tolist() == [label] * len(EC57[label])
    assert record.beats_s == pytest.approx(0.1 * np.arange(1, len(EC57[label]) + 1))


def test_a_record_has_as_many_ventricular_beats_as_its_experts_say(shared_data):
    one = {record.name: record for record in unseen(shared_data)}["228"]
    assert (one.classes == "V").sum() == 362  # MIT-BIH directory of recordings


def lead(name, *, noisy=False, ventricular=0):
    """A lead of record ``name`` with four beats."""
    record = Record(name, 100.0, np.zeros((200, 2)), np.zeros(0), np.zeros(0, "<U1"), ())
    labels = np.zeros(4, np.int64)
    labels[:ventricular] = LABELS.index("V")
    beats = Beats(np.zeros((4, LENGTH, 2), np.float32), np.zeros((4, FEATURES), np.float32), labels)
    return Lead(record, 0, noisy, np.arange(4.0), np.ones(4), np.ones(4, bool), beats)


LEADS = [lead(name, noisy=noisy) for name in ("101", "201", "202", "203", "209", "215") for noisy in (False, True)]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_nobody_is_judged_by_a_net_that_was_trained_on_them(number):
    learn, left_out = sides(LEADS, folds(LEADS, 3), number)
    assert learn and left_out
    assert not {x.record.person for x in learn} & {x.record.person for x in left_out}
    assert len(learn) + 2 * len(left_out) == len(LEADS), "a noisy twin of a lead that is left out is left out too"
    assert not any(x.noisy for x in left_out)


def test_every_clean_lead_is_left_out_once():
    fold = folds(LEADS, 3)
    names = [x.record.name for number in range(3) for x in sides(LEADS, fold, number)[1]]
    assert sorted(names) == sorted(x.record.name for x in LEADS if not x.noisy)


def test_201_and_202_are_one_person_and_those_with_many_v_beats_are_spread():
    assert set(folds(LEADS, 3)) == {"101", "201", "203", "209", "215"}
    rich = [
        lead("1", ventricular=4),
        lead("2"),
        lead("3", ventricular=4),
        lead("4"),
        lead("5", ventricular=4),
        lead("6"),
    ]
    fold = folds(rich, 3)
    assert {fold["1"], fold["3"], fold["5"]} == {0, 1, 2}


@pytest.mark.parametrize("best", [0.1, 0.2, 0.5, 0.9])
def test_the_threshold_is_found_wherever_it_lies(best):
    column = LABELS.index("V")
    truth = np.repeat([0, column], 50)
    said = np.zeros((100, len(LABELS)), np.float32)
    said[:, column] = np.where(truth == column, best + 0.02, best - 0.03)
    assert best_threshold([said], [truth]) == pytest.approx(best, abs=0.026)
