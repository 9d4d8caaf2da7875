"""What one window becomes: present and absent senses, attention, contributions; and the bundle's self-test."""

import msgspec
import numpy as np
import pytest

from converters.package import npz
from edge_mm.errors import BundleError
from edge_mm.models.bundle import Bundle
from edge_mm.perception.fusion import Fusion, Pooling, poolings
from edge_mm.perception.selftest import self_test
from edge_mm.types import Window

S = 1_000_000_000
MODALITIES = ("vision", "audio", "physio")


@pytest.fixture(scope="module")
def fusion(bundle):
    return Fusion(bundle)


def dims(bundle):
    params = bundle.front_end("fusion")
    return {m: len(params["inputs"][m]["mean"]) // len(params["pooling"]) for m in MODALITIES}


def window(bundle, *present, coverage=1.0, seed=0, count=20):
    rng = np.random.default_rng(seed)
    vectors = {m: rng.standard_normal((count, d)).astype(np.float32) for m, d in dims(bundle).items()}
    return Window(0, 10 * S, {m: vectors[m] for m in present}, {m: coverage * (m in present) for m in MODALITIES},
                  {m: 0.9 * (m in present) for m in MODALITIES})  # fmt: skip


@pytest.mark.parametrize("present", [("vision",), ("physio",), ("vision", "audio"), ("audio", "physio"), MODALITIES])
def test_only_present_senses_have_weight_and_the_weights_sum_to_one(bundle, fusion, present):
    for seed in range(20):
        estimate = fusion.estimate(window(bundle, *present, seed=seed))
        assert set(estimate.weights) == set(present)
        assert sum(estimate.weights.values()) == pytest.approx(1.0, abs=1e-9)
        assert all(0 <= weight <= 1 for weight in estimate.weights.values())
        assert set(estimate.scores) == set(bundle.manifest.heads)
        assert all(0 <= score <= 1 for score in estimate.scores.values())


def test_an_absent_sense_changes_nothing_whatever_is_left_in_its_place(bundle, fusion):
    alone = fusion.estimate(window(bundle, "audio", "physio"))
    thin = window(bundle, *MODALITIES)
    thin = Window(thin.start_ns, thin.end_ns, thin.embeddings, {**thin.coverage, "vision": 0.1}, thin.quality)
    below = fusion.estimate(thin)
    assert (below.scores, below.weights) == (alone.scores, alone.weights)


def test_a_sense_that_covers_just_enough_of_the_window_counts(bundle, fusion):
    least = bundle.manifest.min_coverage
    assert set(fusion.estimate(window(bundle, "audio", coverage=least)).weights) == {"audio"}
    assert fusion.estimate(window(bundle, "audio", coverage=np.nextafter(least, 0))).weights == {}


def test_a_window_with_nothing_in_it_gives_an_estimate_that_says_so(bundle, fusion):
    estimate = fusion.estimate(window(bundle))
    assert (estimate.scores, estimate.weights, estimate.contributions) == ({}, {}, {})
    assert estimate.coverage == dict.fromkeys(MODALITIES, 0.0)
    assert (estimate.start_ns, estimate.t_ns) == (0, 10 * S)


def test_a_contribution_is_how_much_the_score_falls_when_the_sense_is_left_out(bundle, fusion):
    whole = fusion.estimate(window(bundle, *MODALITIES))
    for left_out in MODALITIES:
        rest = fusion.estimate(window(bundle, *(m for m in MODALITIES if m != left_out)))
        for head in bundle.manifest.heads:
            drop = whole.scores[head] - rest.scores[head]
            assert whole.contributions[head][left_out] == pytest.approx(drop, abs=1e-6)


def test_the_only_sense_contributes_what_it_adds_to_the_prior(bundle, fusion):
    one, two = (fusion.estimate(window(bundle, "vision", seed=seed)) for seed in (1, 2))
    for head in bundle.manifest.heads:
        priors = [e.scores[head] - e.contributions[head]["vision"] for e in (one, two)]
        assert priors[0] == pytest.approx(priors[1], abs=1e-6)


def test_the_same_window_gives_the_same_estimate_whatever_came_before(bundle, fusion):
    first = fusion.estimate(window(bundle, *MODALITIES, seed=1))
    fusion.estimate(window(bundle, "vision", seed=2))
    assert fusion.estimate(window(bundle, *MODALITIES, seed=1)) == first


def test_order_of_embeddings_in_a_window_does_not_matter_but_their_values_do(bundle, fusion):
    plain = window(bundle, *MODALITIES)
    turned = Window(0, 10 * S, {m: v[::-1] for m, v in plain.embeddings.items()}, plain.coverage, plain.quality)
    assert fusion.estimate(turned).scores == pytest.approx(fusion.estimate(plain).scores, abs=0.02)


def test_encoders_of_another_bundle_are_refused(bundle, fusion):
    strange = window(bundle, "audio")
    wrong = Window(0, 10 * S, {"audio": np.zeros((5, 3), np.float32)}, strange.coverage, strange.quality)
    with pytest.raises(BundleError, match="not of one bundle"):
        fusion.estimate(wrong)


def test_pooling_is_mean_spread_and_maximum_normalised_and_clipped():
    pool = Pooling(("mean", "std", "max"), np.zeros(6, np.float32), np.full(6, 0.5, np.float32), 4.0)
    pooled = pool(np.array([[0.0, 1.0], [1.0, 9.0]], np.float32))
    assert pooled.tolist() == [1.0, 4.0, 1.0, 4.0, 2.0, 4.0]
    assert pooled.dtype == np.float32


def test_a_faster_camera_is_pooled_as_the_one_of_the_training_was():
    pool = Pooling(("mean", "max"), np.zeros(2, np.float32), np.ones(2, np.float32), 1e6, most=5)
    slow = np.array([[1], [5], [2], [4], [3]], np.float32)
    fast = np.repeat(slow, 6, axis=0)
    fast[1::6] = 100.0  # what only the fast one saw
    np.testing.assert_array_equal(pool(fast), pool(slow))
    np.testing.assert_array_equal(pool(fast[:12], coverage=0.4), pool(slow[:2]))
    assert pool(fast[:3], coverage=0.01).tolist() == [1.0, 1.0], "at least one"
    assert pool(slow[:2])[1] == 5.0, "fewer are taken as they are"


@pytest.mark.parametrize(("change", "text"), [
    ({"pooling": ["median"]}, "median"),
    ({"pooling": []}, "pooling"),
    ({"pooling": None}, "pooling"),
    ({"inputs": {}}, "vision"),
    ({"inputs": {"vision": {"mean": [0.0]}}}, r"scale.*inputs"),
    ({"inputs": {"vision": {"mean": [], "scale": []}}}, "vision"),
    ({"inputs": {"vision": {"mean": [0.0], "scale": [1.0], "most": -1}}}, "most"),
    ({"inputs": {"vision": {"mean": [float("inf")], "scale": [1.0]}}}, "mean"),
    ({"inputs": {"vision": {"mean": [0.0], "scale": [1.0, 2.0]}}}, "vision"),
    ({"inputs": {"vision": {"mean": [0.0], "scale": [0.0]}}}, "scale"),
    ({"clip": "wide"}, "clip"),
    ({"clip": 0}, "clip"),
    ({"clip": float("nan")}, "clip"),
])  # fmt: skip
def test_wrong_parameters_are_named(change, text):
    good = {"pooling": ["mean"], "clip": 4.0, "inputs": {"vision": {"mean": [0.0], "scale": [1.0]}}}
    with pytest.raises(BundleError, match=text):
        poolings({**good, **change}, ["vision"])


# --- self-test --------------------------------------------------------------------------------------------------------


def with_golden(bundle, change):
    golden = bundle.arrays("golden.npz")
    change(golden)
    members = {name: bundle.member(name) for name in bundle.manifest.files} | {"golden.npz": npz(golden)}
    return Bundle(msgspec.structs.replace(bundle.manifest), members, bundle.digest, "altered")


def test_the_shipped_bundle_passes_its_self_test(bundle):
    self_test(bundle)


def test_every_graph_of_the_shipped_bundle_has_a_golden_sample(bundle):
    golden = bundle.arrays("golden.npz")
    for name in bundle.manifest.graphs:
        assert any(key.startswith(f"{name}/in/") for key in golden), name
        assert any(key.startswith(f"{name}/out/") for key in golden), name


def test_a_graph_that_says_something_else_than_where_it_was_built_is_named(bundle):
    name = "audio.encoder"
    key = next(k for k in bundle.arrays("golden.npz") if k.startswith(f"{name}/out/"))

    def spoil(golden):
        golden[key] = golden[key][::-1] + np.float32(0.5)

    with pytest.raises(BundleError, match=r"graph audio\.encoder fails its self-test"):
        self_test(with_golden(bundle, spoil))


@pytest.mark.parametrize(("share", "passes"), [(0.04, True), (0.15, False)])
def test_a_graph_that_is_off_by_more_than_kernels_differ_is_refused(bundle, share, passes):
    def shift(golden):
        for key in [k for k in golden if k.startswith("vision.mouth/out/")]:
            golden[key] = golden[key] + np.float32(share * max(0.25, np.ptp(golden[key])))

    altered = with_golden(bundle, shift)
    if passes:
        self_test(altered)
    else:
        with pytest.raises(BundleError, match=r"vision\.mouth fails its self-test.*off by 1\d%"):
            self_test(altered)


def test_a_missing_output_is_named(bundle):
    def rename(golden):
        golden["fusion/out/awake"] = golden.pop("fusion/out/drowsy")

    with pytest.raises(BundleError, match=r"graph fusion fails its self-test.*'awake'"):
        self_test(with_golden(bundle, rename))
