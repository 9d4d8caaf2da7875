"""Streams of the Lab Streaming Layer from another process, over the loopback interface only."""

import importlib.util
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edge_mm.daemon.config import load_config
from edge_mm.daemon.plan import plan_sources
from edge_mm.errors import ConfigError, SourceError, SourceLost
from edge_mm.sources import LslStream
from edge_mm.sources.wanted import Wanted
from edge_mm.types import NS_PER_S

pytestmark = pytest.mark.devices
TESTS = Path(__file__).resolve().parents[1]
LOOPBACK = (
    "[ports]\nIPv6 = disable\n[multicast]\nResolveScope = machine\n[lab]\nKnownPeers = {127.0.0.1}\n[log]\nlevel = -2\n"
)


@pytest.fixture(scope="module", autouse=True)
def loopback(tmp_path_factory):
    """liblsl reads this once in a process, when it is first used; nothing else here uses it."""
    path = tmp_path_factory.mktemp("lsl") / "lsl_api.cfg"
    path.write_text(LOOPBACK)
    before = os.environ.get("LSLAPICFG")
    os.environ["LSLAPICFG"] = str(path)
    yield
    del os.environ["LSLAPICFG"]
    if before is not None:
        os.environ["LSLAPICFG"] = before


class Sender:
    def __init__(self):
        words = [sys.executable, str(TESTS / "lsl_sender.py")]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer()

    def _answer(self):
        assert self.process.stdout.readline(), "the sender has ended"

    def __getattr__(self, what):
        def ask(*words):
            self.process.stdin.write(json.dumps([what, *words]) + "\n")
            self.process.stdin.flush()
            self._answer()

        return ask

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def sender():
    if importlib.util.find_spec("pylsl") is None:
        pytest.skip("pylsl is not installed (extra 'lsl')")
    process = Sender()
    yield process
    process.end()


@pytest.fixture
def reading():
    """Makes sources that are closed at the end."""
    made = []

    def make(name, *wanted, **more):
        made.append(LslStream(name, wanted, find_s=more.pop("find_s", 10.0), **more))
        return made[-1]

    yield make
    for source in made:
        source.close()


def blocks(source, count, stream):
    """Samples of one stream until they hold so many values."""
    got = []
    while sum(len(one.data) for one in got) < count:
        sample = source.read()
        if sample.stream == stream:
            got.append(sample)
    return got


def test_a_signal_comes_in_our_unit_at_the_time_it_was_measured(sender, reading):
    sender.start("BioAmp", "ECG", 100.0, [["ECG", "microvolts"]])
    source = reading("BioAmp", Wanted("ecg", "ecg"))
    spec = source.open()
    assert (spec.kind, spec.rate_hz, spec.unit) == ("ecg", 100.0, "mV")
    rows = [[float(i)] for i in range(40)]
    sender.says("BioAmp", rows, [0.5 - i / 100 for i in range(40)])
    said_ns = time.monotonic_ns()
    got = blocks(source, 40, "ecg")
    np.testing.assert_allclose(np.concatenate([one.data for one in got]), np.arange(40) / 1000, rtol=1e-6)
    assert all(one.data.dtype == np.float32 and one.rate_hz == 100.0 for one in got)
    assert abs(said_ns - got[0].t_ns - 0.5 * NS_PER_S) < 0.2 * NS_PER_S
    ends = [one.end_ns for one in got[:-1]]
    assert [one.t_ns for one in got[1:]] == pytest.approx(ends, abs=0.005 * NS_PER_S)


def test_a_gap_in_the_senders_times_stays_a_gap(sender, reading):
    sender.start("BioAmp", "ECG", 100.0, [["ECG", "mV"]])
    source = reading("BioAmp", Wanted("ecg", "ecg"))
    source.open()
    ages = [2.0 - i / 100 for i in range(10)] + [1.0 - i / 100 for i in range(10)]
    sender.says("BioAmp", [[float(i)] for i in range(20)], ages)
    got = blocks(source, 20, "ecg")
    jumps = [(later.t_ns - one.end_ns) / NS_PER_S for one, later in itertools.pairwise(got)]
    assert max(jumps) == pytest.approx(0.9, abs=0.02)
    assert sum(jump > 0.1 for jump in jumps) == 1


def test_channels_are_chosen_by_number_or_label_and_read_together(sender, reading):
    sender.start("Watch", "Mixed", 50.0, [["X", "g"], ["Y", "g"], ["Z", "g"], ["Pulse", "bpm"]])
    source = reading(
        "Watch",
        Wanted("acc", "acc", column="x"),
        Wanted("heart", "heart_rate", column=3),
        Wanted("g", "ppg", column="Z", unit="V"),
    )
    source.open()
    assert source.streams == ("acc", "heart", "g")
    assert [(spec.unit, spec.rate_hz) for spec in source.specs] == [("g", 50.0), ("bpm", 1.0), ("a.u.", 50.0)]
    sender.says("Watch", [[0.1, 0.2, 0.9, 71.0], [0.1, 0.3, 0.9, 72.0]], [0.02, 0.0])
    seen = {"acc": [], "heart": [], "g": []}
    while sum(map(len, seen.values())) < 5:
        sample = source.read()
        seen[sample.stream] += sample.data.tolist()
    np.testing.assert_allclose(seen["acc"], [[0.1, 0.2, 0.9], [0.1, 0.3, 0.9]], rtol=1e-6)
    assert seen["heart"] == [72.0]  # the newest of a block: an amplifier repeats its reading with every sample
    assert seen["g"] == pytest.approx([0.9, 0.9])


def test_readings_without_a_rate_come_when_the_sender_has_one_and_silence_is_no_loss(sender, reading):
    sender.start("Oximeter", "SpO2", 0.0, [["spo2", "percent"]])
    source = reading("Oximeter", Wanted("oxygen", "spo2"), stall_s=0.1)
    spec = source.open()
    assert (spec.unit, spec.stale_s) == ("%", 60.0)
    for value in (97.0, float("nan"), 96.0):
        sender.says("Oximeter", [[value]], [0.0])
    got = [source.read() for _ in range(3)]
    assert str([one.data.tolist() for one in got]) == "[[97.0], [nan], [96.0]]"
    assert abs(time.monotonic_ns() - got[-1].t_ns) < NS_PER_S


def test_a_stream_is_found_by_its_type_where_none_has_that_name(sender, reading):
    sender.start("Some amplifier", "EEG", 100.0, [["Cz", "microvolts"]])
    source = reading("EEG", Wanted("signal", "ecg"))
    assert source.open().rate_hz == 100.0


def test_two_streams_of_the_same_type_are_said_instead_of_one_being_taken(sender, reading):
    sender.start("A", "ECG", 100.0, [["1", "mV"]])
    sender.start("B", "ECG", 100.0, [["1", "mV"]])
    for name in "AB":  # both can be found
        reading(name, Wanted("e", "ecg")).open()
    with pytest.raises(SourceError, match=r"names several: 'A' on .*, 'B' on "):
        reading("ECG", Wanted("e", "ecg")).open()


def test_times_of_another_clock_are_trouble_and_the_arrival_counts(sender, reading):
    sender.start("BioAmp", "ECG", 100.0, [["ECG", "mV"]])
    source = reading("BioAmp", Wanted("ecg", "ecg"))
    source.open()
    sender.says_at("BioAmp", [[1.0]], time.time() + 1e6)
    sample = source.read()
    assert abs(time.monotonic_ns() - sample.t_ns) < NS_PER_S
    assert "local_clock" in source.trouble
    assert source.counters["foreign_times"] == 1


def test_a_sender_that_dies_is_lost_and_found_again_when_it_is_back(sender, reading):
    sender.start("BioAmp", "ECG", 100.0, [["ECG", "mV"]])
    source = reading("BioAmp", Wanted("ecg", "ecg"))
    source.open()
    sender.says("BioAmp", [[1.0]], [0.0])
    source.read()
    sender.end()
    with pytest.raises(SourceLost):
        source.read()
    source.close()
    again = Sender()
    try:
        again.start("BioAmp", "ECG", 100.0, [["ECG", "mV"]])
        source.open()
        again.says("BioAmp", [[2.0]], [0.0])
        assert source.read().data.tolist() == [2.0]
    finally:
        again.end()


def test_a_sender_that_hangs_is_lost_after_its_time(sender, reading):
    sender.start("BioAmp", "ECG", 100.0, [["ECG", "mV"]])
    source = reading("BioAmp", Wanted("ecg", "ecg"), stall_s=0.5)
    source.open()
    os.kill(sender.process.pid, signal.SIGSTOP)
    with pytest.raises(SourceLost, match=r"gave no sample for 0\.5 s"):
        source.read()
    os.kill(sender.process.pid, signal.SIGCONT)


def test_a_stream_that_is_not_there_is_said(sender, reading):
    with pytest.raises(SourceError, match="multicast"):
        reading("Nobody", Wanted("e", "ecg"), find_s=0.3).open()


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Wanted("e", "ecg"), "has 2 channels .'I', 'II'., ecg takes 1; set column"),
        (Wanted("e", "ecg", column="V1"), "no channel 'V1'; it has 2 .'I', 'II'."),
        (Wanted("e", "ecg", column=2), "no channel 2"),
        (Wanted("a", "acc", column=0), "acc takes 3"),
        (Wanted("h", "heart_rate", column=0), "'microvolts' is no unit|'uV' is no unit"),
    ],
)
def test_a_channel_that_the_stream_does_not_have_is_said_with_those_that_it_has(sender, reading, wanted, why):
    sender.start("BioAmp", "ECG", 100.0, [["I", "microvolts"], ["II", "microvolts"]])
    with pytest.raises(SourceError, match=why):
        reading("BioAmp", wanted).open()


def test_texts_and_a_signal_without_a_rate_are_refused(sender, reading):
    sender.start("Markers", "Markers", 0.0, [["m", ""]], "string")
    sender.start("Slow", "Other", 0.0, [["m", ""]])
    with pytest.raises(SourceError, match="gives texts"):
        reading("Markers", Wanted("n", "number", unit="1")).open()
    with pytest.raises(SourceError, match="says no rate"):
        reading("Slow", Wanted("e", "ecg")).open()
    assert reading("Slow", Wanted("e", "ecg", rate_hz=25.0)).open().rate_hz == 25.0


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("", Wanted("e", "ecg")),
        ("a'\"b", Wanted("e", "ecg")),
        ("a", Wanted("v", "video")),
        ("a", Wanted("e", "ecg", column=-1)),
        ("a", Wanted("e", "ecg", unit="mmHg")),
        ("a", Wanted("s", "speed", unit="furlong")),
        ("a", Wanted("e", "ecg", rate_hz=1e9)),
    ],
)
def test_what_cannot_be_is_refused_when_the_source_is_made(name, wanted):
    with pytest.raises(ConfigError):
        LslStream(name, [wanted])


def test_sources_of_one_stream_in_a_configuration_share_it(tmp_path):
    (tmp_path / "edge-mm.toml").write_text(
        'version = 1\ndevice_id = "d"\n'
        '[[source]]\nname = "ecg"\nkind = "ecg"\ndevice = "lsl:BioAmp"\ncolumn = "II"\n'
        '[[source]]\nname = "heart"\nkind = "heart_rate"\ndevice = "lsl:BioAmp"\ncolumn = 3\n'
    )
    (planned,) = plan_sources(load_config(tmp_path / "edge-mm.toml"))
    assert isinstance(planned.source, LslStream)
    assert planned.source.streams == ("ecg", "heart")
