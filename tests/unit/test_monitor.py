"""The pure core with the shipped bundle and a real ECG: events in, the same outputs out, every time."""

from dataclasses import replace

import numpy as np
import pytest

from edge_mm import Alert, Estimate, Monitor, Observation, Sample, SourceError, Status, StreamSpec, Tick, UsageError

NS = 1_000_000_000
ECG = StreamSpec(name="ecg", kind="ecg", rate_hz=360.0, unit="mV")
MIC = StreamSpec(name="mic", kind="audio", rate_hz=16000.0, unit="full scale")


def blocks(signal, *, seconds, block=72, start_s=0.0, jitter_s=0.0, drift=0.0):
    rng = np.random.default_rng(1)
    return [
        Sample(
            "ecg", round((start_s + (1 + drift) * i / 360 + jitter_s * rng.random()) * NS), signal[i : i + block], 360.0
        )
        for i in range(0, int(seconds * 360), block)
    ]


def watch(bundle, events, *, specs=(ECG,)):
    monitor = Monitor(bundle, specs)
    outputs = [output for event in events for output in monitor.push(event)]
    return outputs + monitor.flush()


def beats(outputs):
    return np.array([o.t_ns for o in outputs if isinstance(o, Observation) and o.name == "vitals.beat"]) / NS


def test_the_same_events_give_the_same_outputs(bundle, signal):
    events = blocks(signal, seconds=60)
    assert watch(bundle, events) == watch(bundle, events)


def test_the_size_of_the_blocks_makes_no_difference_to_beats_and_alerts(bundle, signal):
    def told(block):
        outputs = watch(bundle, blocks(signal, seconds=60, block=block))
        return [(o.t_ns, o.label) for o in outputs if isinstance(o, Observation) and o.name == "vitals.beat"]

    assert told(36) == told(72) == told(360)


def test_windows_end_one_hop_apart_counted_from_the_first_sample(bundle, signal):
    outputs = watch(bundle, blocks(signal, seconds=40, start_s=5.25))
    ends = [o.t_ns for o in outputs if isinstance(o, Estimate)]
    assert ends[0] == round(6.25 * NS)
    assert set(np.diff(ends).tolist()) == {NS}
    assert ends[-1] >= 44 * NS


def test_a_window_covers_what_was_there(bundle, signal):
    estimates = [o for o in watch(bundle, blocks(signal, seconds=30)) if isinstance(o, Estimate)]
    assert estimates[14].coverage["physio"] == pytest.approx(1.0, abs=0.02)
    assert estimates[14].weights == {"physio": pytest.approx(1.0)}


def test_jitter_of_a_live_sensor_does_not_reach_the_beat_intervals(bundle, signal):
    exact = beats(watch(bundle, blocks(signal, seconds=120)))
    live = beats(watch(bundle, blocks(signal, seconds=120, jitter_s=0.045)))
    assert len(exact) == len(live) > 160
    error_ms = 1000 * (np.diff(live) - np.diff(exact))
    assert error_ms.std() < 0.5  # of 45 ms


def test_a_window_waits_for_what_the_front_end_still_holds_back(bundle, signal):
    # The ECG begins 0.7 s after the sound, so its seconds straddle the windows: the last one is known only later.
    quiet = [Sample("mic", i * NS // 10, np.zeros(1600, np.float32), 16000.0) for i in range(250)]
    heart = blocks(signal, seconds=24, start_s=0.7)
    events = sorted([*quiet, *heart], key=lambda e: (e.t_ns, e.stream))
    estimates = [o for o in watch(bundle, events, specs=(MIC, ECG)) if isinstance(o, Estimate)]
    assert [e.coverage["physio"] for e in estimates if 14 * NS <= e.t_ns <= 20 * NS] == pytest.approx(
        [1.0] * 7, abs=0.01
    )


def test_a_sensor_clock_that_is_200_ppm_slow_is_followed(bundle, signal):
    live = beats(watch(bundle, blocks(signal, seconds=250, drift=200e-6)))
    exact = beats(watch(bundle, blocks(signal, seconds=250)))
    assert len(live) == len(exact)
    assert live[-1] - exact[-1] == pytest.approx(200e-6 * exact[-1], abs=0.01)


def test_a_snapshot_in_the_middle_neither_repeats_nor_forgets_an_alarm(bundle, signal):
    events = blocks(signal, seconds=120)
    first = Monitor(bundle, [ECG])
    before = [o for e in events[:300] for o in first.push(e) if isinstance(o, Alert)]
    assert [a.kind for a in before if a.state == "raised"], "the recording has ventricular beats in its first minute"
    second = Monitor(bundle, [ECG])
    second.restore(first.snapshot())
    after = [o for e in events[300:] for o in second.push(e) if isinstance(o, Alert)]
    active = {a.incident for a in before if a.state == "raised"} - {a.incident for a in before if a.state == "cleared"}
    assert not active & {a.incident for a in after if a.state == "raised"}


def test_a_lost_sensor_is_a_technical_alert_and_windows_go_on(bundle, signal):
    events = [Status(0, "ecg", "live"), *blocks(signal, seconds=20), Status(20 * NS, "ecg", "lost", "cable pulled")]
    events += [Tick(20 * NS + i * NS // 4) for i in range(1, 40)]
    monitor = Monitor(bundle, [ECG])
    outputs = [output for event in events for output in monitor.push(event)]
    lost = [o for o in outputs if isinstance(o, Alert) and o.kind == "sensor.lost"]
    assert [(a.state, a.category) for a in lost] == [("raised", "technical")]
    assert [o.t_ns for o in outputs if isinstance(o, Estimate)] == [s * NS for s in range(1, 30)]
    assert not any(isinstance(o, Estimate) for o in monitor.flush())


def test_an_empty_monitor_lives_on_ticks(bundle):
    monitor = Monitor(bundle)
    told = [monitor.push(Tick(i * NS)) for i in range(20)]
    assert told[0] == []
    assert [[(o.t_ns, o.scores, o.coverage) for o in outputs] for outputs in told[1:]] == [
        [(s * NS, {}, {})] for s in range(1, 20)
    ]


def test_a_stream_that_was_not_announced_is_refused(bundle, signal):
    with pytest.raises(UsageError, match=r"'pulse'.*ecg"):
        Monitor(bundle, [ECG]).push(replace(blocks(signal, seconds=1)[0], stream="pulse"))


@pytest.mark.parametrize(
    "data",
    [np.zeros((3, 3), np.float32), np.zeros(16, np.int16), np.zeros((4, 4, 3), np.uint8)],
    ids=["matrix", "integers", "picture"],
)
def test_sound_of_another_shape_or_type_is_refused_by_name(bundle, data):
    with pytest.raises(SourceError, match=r"mic.*float32"):
        Monitor(bundle, [MIC]).push(Sample("mic", 0, data, 16000.0))


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(bundle, signal, rate):
    with pytest.raises(SourceError, match="positive"):
        Monitor(bundle, [ECG]).push(Sample("ecg", 0, signal[:10], rate))


def test_an_empty_block_says_nothing(bundle):
    assert Monitor(bundle, [ECG]).push(Sample("ecg", 0, np.zeros(0, np.float32), 360.0)) == []
