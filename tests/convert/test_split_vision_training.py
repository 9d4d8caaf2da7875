"""Training the vision nets: errors come out, parts are whole or absent, scores are those of the int8 graphs."""

from __future__ import annotations

import numpy as np
import pytest


def eye_batch():
    one = np.ones((4, 1), np.float32)
    return {"image": np.zeros((4, 32, 32, 1), np.float32), "closed": one, "weight": one, "ratio": one}


def test_an_error_in_a_sampler_ends_the_training_with_that_error():
    from converters.vision import fit, nets

    def batches():
        yield eye_batch()
        raise ValueError("no closed eye to draw from")

    with pytest.raises(RuntimeError, match="eye: no batch for step 2") as caught:
        fit.fit(nets.eye_net(), batches(), fit.eye_loss, steps=5)
    assert str(caught.value.__cause__) == "no closed eye to draw from"


def test_batches_that_end_too_early_end_the_training_with_an_error():
    from converters.vision import fit, nets

    with pytest.raises(RuntimeError, match="no batch for step 3"):
        fit.fit(nets.eye_net(), iter([eye_batch(), eye_batch()]), fit.eye_loss, steps=5)


@pytest.fixture(scope="module")
def shipped():
    from edge_mm.models.bundle import load_bundle

    return load_bundle("driver")


def vision_graphs(bundle):
    return {name: bundle.graph(name) for name in bundle.manifest.graphs if name.startswith("vision.")}


def test_a_part_whose_scoring_fails_is_not_there_and_the_one_before_it_stays(shipped, tmp_path):
    from converters.vision.part import write_scored

    out = tmp_path / "vision"

    def fails(bundle):
        raise RuntimeError("stopped half way")

    with pytest.raises(RuntimeError, match="half way"):
        write_scored(out, vision_graphs(shipped), {"seed": 0}, fails)
    assert not out.exists()
    write_scored(out, vision_graphs(shipped), {"seed": 1}, lambda bundle: {"eyes_closed": {"closed": 1}})
    whole = (out / "part.json").read_bytes()
    assert b'"closed"' in whole
    assert (out / "golden.npz").stat().st_size > 1000
    with pytest.raises(RuntimeError, match="half way"):
        write_scored(out, vision_graphs(shipped), {"seed": 2}, fails)
    assert (out / "part.json").read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["vision"]


def test_other_eyes_are_inferred_once_as_the_device_infers_an_eye(shipped, tmp_path):
    import cv2

    from converters.vision.evaluate import other_eyes
    from edge_mm.perception import vision_geometry as geo
    from edge_mm.perception.litert import Graph

    asked = []

    class Watched(Graph):
        def __call__(self, **inputs):
            asked.append(inputs["image"])
            return super().__call__(**inputs)

    rng = np.random.default_rng(0)
    pictures = {}
    for kind in ("Closed", "Open"):
        (tmp_path / kind).mkdir()
        for k in range(3):
            coarse = rng.integers(0, 256, (5, 7), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / kind / f"{k}.jpg"), cv2.resize(coarse, (112, 96), interpolation=cv2.INTER_CUBIC))
            pictures[kind, k] = cv2.imread(str(tmp_path / kind / f"{k}.jpg"), cv2.IMREAD_GRAYSCALE)
    report = other_eyes(Watched(shipped.graph("vision.eye"), name="vision.eye"), tmp_path)
    assert report["crops"] == len(asked) == 6
    for picture, given in zip(pictures.values(), asked, strict=True):
        padded = cv2.copyMakeBorder(picture, 20, 20, 20, 20, cv2.BORDER_REPLICATE)  # as if cut out of a frame
        middle = geo.Region(20 + 55.5, 20 + 47.5, 96.0, 0.0)
        assert np.array_equal(given, geo.as_input(geo.levelled(geo.cut(padded, middle, geo.EYE_SIZE))))


def test_the_int8_column_is_the_bundles_graph_and_the_float_column_the_model(shipped, shared_data):
    import cv2
    import keras

    from converters.vision import nets
    from converters.vision.evaluate import float_and_int8
    from converters.vision.footage import Footage, read_frames
    from converters.vision.samplers import Album
    from converters.vision.teachers import FaceTeacher

    frames = read_frames(shared_data)
    rows = [i for i, name in enumerate(frames.names) if frames.held_out[i] and name.startswith("yawdd/")][::24]
    rows += [i for i, name in enumerate(frames.names) if name.startswith("yawdd_video/3.avi")][76:130:9]
    rows += [i for i in range(len(frames.names)) if not frames.held_out[i]][:5]  # an Album needs a usual face
    teacher = FaceTeacher(shared_data / "teachers/mediapipe")
    faces = [teacher(cv2.imdecode(frames.jpegs[i], cv2.IMREAD_COLOR)) for i in rows]
    kept = [(i, face) for i, face in zip(rows, faces, strict=True) if face is not None]
    footage = Footage(
        [frames.names[i] for i, _ in kept], [frames.jpegs[i] for i, _ in kept],
        np.stack([face.points for _, face in kept]), np.stack([face.eye_ratio for _, face in kept]),
        np.stack([face.lids for _, face in kept]), np.array([frames.yawn[i] for i, _ in kept], np.int8),
        np.array([frames.held_out[i] for i, _ in kept]),
    )  # fmt: skip
    keras.utils.set_random_seed(0)
    untrained = {"vision.eye": nets.eye_net(), "vision.mouth": nets.mouth_net()}
    report = float_and_int8(shipped, Album(footage, held_out=True), untrained)
    mouth = report["mouth_yawn"]
    assert mouth["auroc_int8"] > 0.9, "the shipped graph knows a yawn"
    assert mouth["auroc_float"] < 0.9, "a net that was never trained does not"
    assert mouth["mean_absolute_difference"] > 0.1
    assert report["eye_closed"]["mean_absolute_difference"] > 0.1
    where_the_device_looks(shipped, Album(footage, held_out=True))


def where_the_device_looks(shipped, album):
    """Half of the crops are placed by the nets that ship, where they find the teacher's face."""
    from converters.vision.train import localiser
    from edge_mm.perception import vision_geometry as geo

    album.locate(localiser(shipped.graph("vision.search"), shipped.graph("vision.face")))
    placed = [j for j in range(len(album)) if album.found[j] is not None]
    assert len(placed) > 0.9 * len(album)
    off = [
        np.linalg.norm(album.found[j] - album.points[j], axis=1).mean() / geo.face_scale(album.points[j])
        for j in placed
    ]
    assert 0 < np.median(off) < 0.15
    rng = np.random.default_rng(0)
    ours = [album.placed(placed[0], rng) is album.found[placed[0]] for _ in range(200)]
    assert 60 < sum(ours) < 140
    album.locate(lambda frame: album.points[placed[0]] + 1000.0)  # another face
    assert album.found[placed[0]] is None
    assert album.placed(placed[0], rng) is album.points[placed[0]]
