"""Rows of a bundle's graphs from recordings with labels: times, truth, splits. Needs no TensorFlow."""

import numpy as np
import pytest
from own_sounds import horn_folder
from recordings import bundle_name

from converters.evaluation.own.manifest import read_manifest
from converters.transfer.retrain import told
from converters.transfer.rows import NO, UNSAID, YES, Rows, gather
from converters.transfer.split import MOST, TILT, split
from converters.transfer.targets import Target, targets
from edge_mm.daemon.replay import replay
from edge_mm.errors import ConvertError
from edge_mm.models.bundle import load_bundle
from edge_mm.perception.litert import load_graph
from edge_mm.types import Estimate


@pytest.fixture(scope="module")
def horns(tmp_path_factory):
    return read_manifest(horn_folder(tmp_path_factory.mktemp("horns"), people=2))


@pytest.fixture(scope="module")
def heard(horns):
    bundle = load_bundle(bundle_name())
    return gather(bundle, horns, targets(bundle, ["siren"]))["audio.encoder"]


def test_each_run_has_the_labels_of_its_moment(heard, horns):
    assert set(heard.inputs) == {"log_mel"} and set(heard.answers) == {"classes", "embedding"}
    assert set(heard.people.tolist()) == {"person 0", "person 1"}
    truth = heard.truth["siren"]
    for recording in horns:
        for start, end in recording.happened["siren"]:
            own = heard.recordings == recording.name
            inside = own & (heard.at_s > start + 0.3) & (heard.at_s < end - 0.3)
            edge = own & (abs(heard.at_s - start) < 0.29)
            assert inside.sum() >= 8 and (truth[inside] == YES).all()
            assert (truth[edge] == UNSAID).all()
    assert (truth == NO).sum() > (truth == YES).sum()


def test_the_answers_are_those_of_the_graph(heard):
    graph = load_graph(load_bundle(bundle_name()), "audio.encoder")
    for i in (0, len(heard) // 2, len(heard) - 1):
        assert (graph(log_mel=heard.inputs["log_mel"][i])["classes"] == heard.answers["classes"][i]).all()


def test_a_window_of_the_fusion_is_what_all_senses_said_and_not_what_it_asked_without_one(tmp_path):
    folder = horn_folder(tmp_path, people=1, seconds=60, label="drowsy")
    bundle = load_bundle("driver")
    [recording] = read_manifest(folder)
    rows = gather(bundle, [recording], targets(bundle, ["drowsy"]))["fusion"]
    said = [one for one in replay(bundle, audio=folder / "0.wav") if isinstance(one, Estimate) and one.weights]
    assert len(rows) == len(said) > 20
    assert (rows.inputs["presence"].sum(axis=-1) == 1).all()  # the sound; without it, nothing would be there
    assert rows.answers["drowsy"][:, 0].tolist() == pytest.approx([one.scores["drowsy"] for one in said])
    assert {YES, NO, UNSAID} == set(rows.truth["drowsy"].tolist())


def test_a_name_teaches_one_output():
    driver, health = load_bundle("driver"), load_bundle("health")
    [siren] = targets(driver, ["siren"])
    assert (siren.graph, siren.output, siren.place) == ("audio.encoder", "classes", 0)
    known = targets(driver, ["yawn", "drowsy", "fall", "driver.sleep"])  # it has no motion, and no rule to teach
    assert [(one.label, one.graph) for one in known] == [("yawn", "vision.mouth"), ("drowsy", "fusion")]
    assert [one.output for one in targets(health, ["fall", "event"])] == ["fall", "event"]
    with pytest.raises(ConvertError, match=r"it learns .*fall"):
        targets(health, ["yawn"])


def made(people, per, *, yes=0.3, seed=0):
    rng = np.random.default_rng(seed)
    n = people * per
    who = np.repeat(np.arange(people), per).astype(str)
    truth = (rng.random(n) < yes).astype(np.int8)
    at = np.tile(np.arange(per) * 0.5, people)
    return Rows({"x": rng.normal(size=(n, 3)).astype("f4")}, {}, {"yes": truth}, who, who, at)


def test_people_are_never_on_two_sides():
    rows = made(8, 60)
    found = split(rows, held_out=0.25, seed=0)
    assert found.by == "person"
    sides = [set(rows.people[part].tolist()) for part in found[:3]]
    assert [len(one) for one in sides] == [5, 1, 2]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
    again, other = (split(rows, held_out=0.25, seed=seed) for seed in (0, 1))
    assert set(rows.people[again.judge].tolist()) == sides[2] != set(rows.people[other.judge].tolist())


def test_one_person_is_split_by_time_and_said_so():
    found = split(made(1, 600), held_out=0.25, seed=0)
    assert found.by == "20 s of a recording"


def test_the_rarer_side_counts():
    rows = made(6, 6000, yes=0.02)
    found = split(rows, held_out=0.2, seed=0)
    truth = rows.truth["yes"][found.learn]
    assert (truth == YES).sum() * TILT == (truth == NO).sum()
    assert len(split(made(6, 20_000, yes=0.5), held_out=0.2, seed=0).learn) <= 1.5 * MOST


def test_too_little_is_refused():
    with pytest.raises(ConvertError, match="too few labelled moments"):
        split(made(5, 40, yes=0.0), held_out=0.25, seed=0)
    with pytest.raises(ConvertError, match="too few labelled moments"):
        split(made(2, 20), held_out=0.25, seed=0)


def test_a_tap_hears_what_a_graph_is_given():
    heard = []
    bundle = load_bundle("driver")
    graph = load_graph(bundle.tapped(lambda *one: heard.append(one)), "skin.stress")
    value = np.zeros(graph.inputs["features"], np.float32)
    said = graph(features=value)
    [(name, inputs, answers)] = heard
    assert name == "skin.stress" and (inputs["features"] == value).all() and answers is said
    load_graph(bundle, "skin.stress")(features=value)
    assert len(heard) == 1


def test_what_nobody_judged_stays_what_the_graph_said():
    said = np.array([[0.6, 0.3, 0.1]] * 3, np.float32)
    siren = Target("siren", "audio.encoder", "classes", 0, "audio.siren", 0.6)
    wishes = told(said, siren, np.array([YES, NO, UNSAID], np.int8))
    assert wishes == pytest.approx(np.array([[1, 0, 0], [0, 0.75, 0.25], [0.6, 0.3, 0.1]]), abs=1e-6)
    yawn = Target("yawn", "vision.mouth", "yawn", None, "driver.yawning", 0.5)
    closed = told(np.full((3, 1), 0.4, np.float32), yawn, np.array([YES, NO, UNSAID], np.int8))
    assert closed[:, 0].tolist() == pytest.approx([1, 0, 0.4])
