"""What is done to frames and sounds in the composites' conditions, and what the summary says of known scores."""

import numpy as np
import pytest

from converters.study import composites


def picture():
    y, x = np.mgrid[:120, :160]
    return np.repeat((128 + 100 * np.sin(x) * np.cos(y / 1.5))[..., None], 3, axis=2).astype(np.uint8)


def test_a_dark_a_blurred_and_a_covered_camera_are_what_they_say():
    frame = picture()
    assert composites.dark(frame).max() <= 25
    blurred = composites.blurred(frame)
    assert abs(float(blurred.mean()) - frame.mean()) < 2 and blurred.std() < 0.7 * frame.std()
    assert composites.covered(frame).std() < 0.05 * frame.std()
    assert all(one(frame).shape == frame.shape for one in composites.CAMERA.values())


@pytest.mark.parametrize("snr_db", composites.SNRS_DB)
def test_noise_has_the_ratio_that_it_says(snr_db):
    sound = (0.01 * np.sin(np.arange(32_000) / 5)).astype(np.float32)
    noise = composites.noisy(sound, snr_db=snr_db, rng=np.random.default_rng(0)) - sound
    measured = 10 * np.log10(np.mean(sound**2) / np.mean(noise**2))
    assert measured == pytest.approx(snr_db, abs=0.1)


def test_the_lead_is_that_of_the_scores():
    pytest.importorskip("scipy", reason="not here: scipy comes with the [convert] extra")
    rng = np.random.default_rng(0)
    truth = (rng.random((600, 1)) < 0.4).astype(np.float32)
    good, poor = truth + rng.normal(0, 0.5, truth.shape), truth + rng.normal(0, 2.0, truth.shape)
    scores = {composites.ATTENTION: good, composites.CONCAT: poor, "vision": poor, "audio": rng.random(truth.shape)}
    conditions = {"clean": scores, "camera dark": {**scores, composites.ATTENTION: poor}}
    whose = np.arange(600) // 6
    found = composites.summary(
        conditions, dict.fromkeys(conditions, truth), dict.fromkeys(conditions, whose), ["drowsy"],
        ["vision", "audio"], seed=0,
    )  # fmt: skip
    told = found["heads"]["drowsy"]
    assert told["best_single"] == "vision"
    lead = told["lead"][composites.CONCAT]
    assert lead["clean"]["ci95"][0] > 0.1 and lead["sweep"]["mean"] == 0.0
    assert found["episodes"] == 100


def test_without_parts_it_is_not_ready(tmp_path):
    assert not composites.ready(tmp_path)
