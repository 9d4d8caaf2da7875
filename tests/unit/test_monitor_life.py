"""What a monitor does when streams end, fall silent and come back, and when only time passes."""

import msgspec
import numpy as np
import pytest

from converters.package import npz
from edge_mm import Alert, BundleError, Estimate, Monitor, Observation, Sample, Status, StreamSpec, Tick
from edge_mm.models.bundle import Bundle
from edge_mm.types import Condition, Reason

NS = 1_000_000_000
ECG = StreamSpec(name="ecg", kind="ecg", rate_hz=360.0, unit="mV")
MIC = StreamSpec(name="mic", kind="audio", rate_hz=16000.0, unit="full scale", lateness_s=60.0)


def blocks(signal, *, end_s, start_s=0.0, rate=360, block=72):
    signal = signal[: round((end_s - start_s) * rate)]
    return [
        Sample("ecg", round((start_s + i / rate) * NS), signal[i : i + block], float(rate))
        for i in range(0, len(signal), block)
    ]


def push(monitor, events):
    return [output for event in events for output in monitor.push(event)]


def ends(outputs):
    return [o.t_ns / NS for o in outputs if isinstance(o, Estimate)]


def readings(outputs):
    return [o for o in outputs if isinstance(o, Observation)]


@pytest.mark.parametrize("last", [[], [Status(10 * NS, "ecg", "off")], [Status(10 * NS, "ecg", "lost")]], ids=len)
@pytest.mark.parametrize("specs", [(ECG,), (ECG, MIC)], ids=["alone", "beside one that never spoke"])
def test_the_last_window_is_the_last_complete_one(bundle, signal, last, specs):
    monitor = Monitor(bundle, specs)
    outputs = push(monitor, [*blocks(signal, end_s=10), *last])
    assert ends(outputs + monitor.flush()) == list(range(1, 11))


@pytest.mark.parametrize(("end_s", "last_end"), [(9.98, 9), (10.0, 10), (10.98, 10)])
def test_a_window_that_the_signal_does_not_reach_is_not_closed_by_the_end(bundle, signal, end_s, last_end):
    monitor = Monitor(bundle, [ECG])
    outputs = push(monitor, [*blocks(signal, end_s=end_s), Status(round(end_s * NS), "ecg", "off")])
    assert ends(outputs + monitor.flush())[-1] == last_end


def test_the_longest_stream_decides_where_the_windows_end(bundle, signal):
    sound = [Sample("mic", i * NS // 10, np.zeros(1600, np.float32), 16000.0) for i in range(80)]
    monitor = Monitor(bundle, [MIC, ECG])
    outputs = push(monitor, [*blocks(signal, end_s=12, block=12 * 360), *sound])
    assert ends(outputs + monitor.flush()) == list(range(1, 13))


def test_the_end_gives_the_readings_that_waited_for_what_follows(bundle, signal):
    monitor = Monitor(bundle, [ECG])
    push(monitor, blocks(signal, end_s=10))
    beats = [o.t_ns / NS for o in readings(monitor.flush()) if o.name == "vitals.beat"]
    assert beats
    assert all(9 < t < 10 for t in beats)


@pytest.mark.parametrize("state", ["off", "lost", "stale"])
def test_a_stream_that_falls_silent_gives_the_readings_that_waited(bundle, signal, state):
    monitor = Monitor(bundle, [ECG])
    push(monitor, blocks(signal, end_s=10))
    assert any(o.name == "vitals.beat" for o in readings(monitor.push(Status(10 * NS, "ecg", state))))


@pytest.mark.parametrize("state", ["starting", "live", "degraded"])
def test_a_stream_that_still_runs_keeps_its_readings_until_they_are_sure(bundle, signal, state):
    monitor = Monitor(bundle, [ECG])
    push(monitor, blocks(signal, end_s=10))
    assert readings(monitor.push(Status(10 * NS, "ecg", state))) == []


def test_windows_do_not_wait_for_a_stream_that_is_off(bundle, signal):
    monitor = Monitor(bundle, [ECG, MIC])
    assert ends(push(monitor, blocks(signal, end_s=8))) == []
    assert ends(monitor.push(Status(8 * NS, "mic", "off"))) == list(
        range(1, 8)
    )  # of the last second the ECG may say more


def test_time_alone_closes_windows(bundle, signal):
    monitor = Monitor(bundle, [ECG])
    before = ends(push(monitor, blocks(signal, end_s=5)))
    assert ends(monitor.push(Tick(9 * NS))) == list(range(len(before) + 1, 8))


class Patience:
    """A rule of a user's own: five seconds are enough."""

    def update(self, event):
        if isinstance(event, Tick) and event.t_ns >= 5 * NS:
            reason = Reason("waited", {}, "waited")
            yield Condition(event.t_ns, "own.waited", True, 0, "low", "technical", reason, 5.0, 5.0, "s")


def test_time_alone_reaches_the_policies(bundle):
    monitor = Monitor(bundle, policies=[Patience()])
    alerts = [o for o in push(monitor, [Tick(s * NS) for s in range(8)]) if isinstance(o, Alert)]
    assert [(a.kind, a.t_ns) for a in alerts] == [("own.waited", 5 * NS)]


def test_a_device_that_comes_back_with_another_rate_is_read_as_if_it_were_new(bundle, signal):
    slow = StreamSpec(name="ecg", kind="ecg", rate_hz=180.0, unit="mV")
    second = blocks(signal, start_s=30.0, end_s=60.0)
    monitor = Monitor(bundle, [slow])
    push(monitor, [*blocks(signal[::2], end_s=20, rate=180), Status(20 * NS, "ecg", "lost")])
    monitor.add_stream(ECG)
    again = readings(push(monitor, second))
    assert sum(o.name == "vitals.beat" for o in again) > 30
    assert again == readings(push(Monitor(bundle, [ECG]), second))


def test_a_name_that_comes_back_as_another_kind_is_read_as_that_kind(bundle, signal):
    monitor = Monitor(bundle, [ECG])
    monitor.add_stream(StreamSpec(name="ecg", kind="temp", rate_hz=360.0, unit="degC"))
    said = {o.name for o in readings(push(monitor, blocks(signal, end_s=10)))}
    assert said <= {"sensor.quality", "skin.temperature_c"}


def test_a_bundle_whose_graphs_say_something_else_than_where_they_were_built_is_refused(bundle):
    golden = bundle.arrays("golden.npz")
    key = next(k for k in golden if k.startswith("fusion/out/"))
    golden[key] = golden[key] + np.float32(0.5)
    members = {name: bundle.member(name) for name in bundle.manifest.files} | {"golden.npz": npz(golden)}
    with pytest.raises(BundleError, match=r"fusion.*self-test"):
        Monitor(Bundle(msgspec.structs.replace(bundle.manifest), members, bundle.digest, "altered"))
