"""What the monitor refuses: streams that cannot be and samples that are not what their stream promised."""

import numpy as np
import pytest

from edge_mm import ConfigError, Estimate, Monitor, Sample, SourceError, StreamSpec, UsageError

KINDS = {"video": 30.0, "audio": 16000.0, "ecg": 250.0, "ppg": 64.0, "eda": 4.0, "temp": 1.0, "acc": 50.0,
         "gyro": 50.0}  # fmt: skip
SAMPLED = sorted(set(KINDS) - {"video"})
WRONG = [0.0, -1.0, float("nan"), float("inf")]


def spec(kind, rate=None, **more):
    return StreamSpec(name="one", kind=kind, rate_hz=KINDS[kind] if rate is None else rate, unit="1", **more)


def block(kind, rate, t_ns=0):
    shape = {"video": (64, 64, 3), "acc": (8, 3), "gyro": (8, 3)}.get(kind, (8,))
    return Sample("one", t_ns, np.ones(shape, np.uint8 if kind == "video" else np.float32), rate)


@pytest.mark.parametrize("rate", WRONG)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_stream_without_a_rate_is_refused_by_name(bundle, kind, rate):
    with pytest.raises(UsageError, match=r"'one'.*positive"):
        Monitor(bundle).add_stream(spec(kind, rate))


@pytest.mark.parametrize("lateness_s", [-0.1, float("nan"), float("inf")])
def test_a_lateness_that_is_none_is_refused_by_name(bundle, lateness_s):
    with pytest.raises(UsageError, match=r"'one'.*lateness"):
        Monitor(bundle).add_stream(spec("ecg", lateness_s=lateness_s))


@pytest.mark.parametrize(("kind", "rate"), [("audio", 44100.0), ("ecg", 20.0), ("ppg", 4.0)])
def test_a_rate_that_the_bundle_does_not_take_is_a_wrong_configuration_and_the_stream_stays_unknown(bundle, kind, rate):
    monitor = Monitor(bundle)
    with pytest.raises(ConfigError, match="one"):
        monitor.add_stream(spec(kind, rate))
    assert monitor.streams == ()


@pytest.mark.parametrize("rate", WRONG)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_sample_without_a_rate_is_refused_by_name(bundle, kind, rate):
    with pytest.raises(SourceError, match=r"'one'.*positive"):
        Monitor(bundle, [spec(kind)]).push(block(kind, rate))


@pytest.mark.parametrize("share", [0.004, 0.98, 1.02, 2.76])
@pytest.mark.parametrize("kind", SAMPLED)
def test_a_sample_at_another_rate_than_announced_is_refused_with_both(bundle, kind, share):
    with pytest.raises(SourceError, match=rf"'one'.* {KINDS[kind]:g} Hz"):
        Monitor(bundle, [spec(kind)]).push(block(kind, share * KINDS[kind]))


@pytest.mark.parametrize("kind", SAMPLED)
@pytest.mark.parametrize(("announced", "said"), [(1.0, 1.0099), (1.0, 0.9901), (1.009, 1.018), (0.991, 0.982)])
def test_a_rate_that_a_driver_measured_a_little_off_is_taken(bundle, kind, announced, said):
    monitor = Monitor(bundle, [spec(kind, announced * KINDS[kind])])
    for i in range(50):
        monitor.push(block(kind, said * KINDS[kind], t_ns=round(i * 8e9 / KINDS[kind])))


def test_frames_may_come_at_any_rate_and_in_grey(bundle):
    monitor = Monitor(bundle, [spec("video")])
    assert monitor.push(block("video", 7.5))
    assert monitor.push(Sample("one", 10**9, np.ones((64, 64), np.uint8), 30.0))


@pytest.mark.parametrize("rate", [1e-300, 1e-5, 1e12])
def test_a_frame_that_claims_to_last_for_hours_or_not_at_all_is_refused_with_both_rates(bundle, rate):
    with pytest.raises(SourceError, match=r"'one'.* 30 Hz"):
        Monitor(bundle, [spec("video")]).push(block("video", rate))


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((64, 64, 3), "f4"), ((64, 64, 4), "u1"), ((900,), "u1"), ((0, 64, 3), "u1"), ((), "u1")],
    ids=["floats", "alpha", "line", "empty", "nothing"],
)
def test_what_is_no_frame_is_refused_by_name_and_leaves_no_trace(bundle, shape, dtype):
    monitor = Monitor(bundle, [spec("video")])
    with pytest.raises(SourceError, match="stream one"):
        monitor.push(Sample("one", 0, np.ones(shape, dtype), 30.0))
    outputs = monitor.push(block("video", 30.0, t_ns=7 * 10**9)) + monitor.flush()
    assert outputs
    assert not any(isinstance(o, Estimate) for o in outputs), "time began with the first frame that is one"
