"""The microphone against a PortAudio that refuses 16 kHz, loses sound, or numbers its devices anew.

The stand-in is PortAudio's, on a clock that moves only when it is slept on; a real sound server is in tests/devices.
"""

import types

import numpy as np
import pytest

from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources import Microphone, microphones

CARD = ("C920 HD Pro: USB Audio (hw:1,0)", 2, 48_000)


class Clock:
    def __init__(self):
        self.ns = 50_000_000_000

    def monotonic_ns(self):
        return self.ns

    def monotonic(self):
        return self.ns / 1e9

    def sleep(self, seconds):
        self.ns += round(seconds * 1e9)


class Stream:
    """A card that samples a 1 kHz tone on its own clock, the right channel at half the level."""

    def __init__(self, clock, rate, channels):
        self.clock, self.rate, self.channels = clock, rate, channels
        self.began_ns, self.taken, self.lost = clock.ns, 0, 0
        self.frozen = self.overflowed = False

    def get_read_available(self):
        if self.frozen:
            return 0
        if self.overflowed:
            return -9981  # paInputOverflowed
        return (self.clock.ns - self.began_ns) * self.rate // 1_000_000_000 - self.taken - self.lost

    def read(self, frames, exception_on_overflow):
        assert not exception_on_overflow  # PyAudio closes the stream when it raises
        tone = 0.5 * np.sin(2 * np.pi * 1000 * (self.taken + self.lost + np.arange(frames)) / self.rate)
        self.taken += frames
        levels = np.array([1.0, 0.5])[: self.channels]
        return (tone[:, None] * levels * 32768).astype(np.int16).tobytes()

    def close(self):
        self.closed = True


@pytest.fixture
def portaudio(monkeypatch):
    clock = Clock()
    there = types.SimpleNamespace(clock=clock, devices=[CARD], accepts={(48_000, 2)}, streams=[], opened=[])

    class PyAudio:
        def get_device_count(self):
            return len(there.devices)

        def get_device_info_by_index(self, index):
            name, channels, rate = there.devices[index]
            return {"index": index, "name": name, "maxInputChannels": channels, "defaultSampleRate": float(rate)}

        def get_default_input_device_info(self):
            raise OSError("No Default Input Device Available")

        def open(self, *, rate, channels, input_device_index, **rest):
            if (rate, channels) not in there.accepts:
                raise OSError(-9997, "Invalid sample rate")
            there.opened.append(input_device_index)
            there.streams.append(Stream(clock, rate, channels))
            return there.streams[-1]

        def terminate(self):
            pass

    monkeypatch.setitem(__import__("sys").modules, "pyaudio", types.SimpleNamespace(PyAudio=PyAudio, paInt16=8))
    monkeypatch.setattr("edge_mm.sources.microphone.time", clock)
    return there


def test_a_card_of_48_khz_stereo_gives_16_khz_mono_in_unbroken_time(portaudio):
    began = portaudio.clock.ns
    microphone = Microphone("c920")
    assert microphone.open().rate_hz == 16_000
    samples = [microphone.read() for _ in range(40)]
    sound = np.concatenate([sample.data for sample in samples])
    expected = 0.375 * np.sin(2 * np.pi * 1000 * np.arange(len(sound)) / 16_000)
    np.testing.assert_allclose(sound[100:], expected[100:], atol=2e-3)
    given = 0
    for sample in samples:
        assert sample.t_ns == pytest.approx(began + given * 62_500, abs=100_000)
        given += len(sample.data)
    assert microphone.overruns == 0


def test_lost_sound_is_counted_and_the_time_goes_on_right(portaudio):
    portaudio.accepts = {(16_000, 1)}
    microphone = Microphone("C920*")
    microphone.open()
    began = portaudio.clock.ns
    for _ in range(40):
        microphone.read()
    portaudio.clock.sleep(0.5)  # the card's buffer ran over: the half second is gone
    portaudio.streams[0].lost += 8_000
    after = [microphone.read() for _ in range(60)]
    assert microphone.overruns == 1
    assert after[0].t_ns - began == pytest.approx(2_500_000_000, abs=5_000_000)
    assert after[-1].t_ns - began == pytest.approx(2_500_000_000 + 59 * 50_000_000, abs=5_000_000)


def test_a_late_wake_up_is_no_lost_sound(portaudio):
    portaudio.accepts = {(16_000, 1)}
    microphone = Microphone("C920")
    microphone.open()
    began = portaudio.clock.ns
    times = []
    for index in range(200):
        if index % 10 == 5:
            portaudio.clock.sleep(0.12)
        times.append(microphone.read().t_ns)
    assert microphone.overruns == 0
    assert [t - began for t in times] == pytest.approx([k * 50_000_000 for k in range(200)], abs=5_000_000)


def test_a_card_that_reports_an_overflow_is_read_on(portaudio):
    portaudio.accepts = {(16_000, 1)}
    microphone = Microphone("C920")
    microphone.open()
    microphone.read()
    portaudio.clock.sleep(0.2)
    portaudio.streams[0].overflowed = True
    assert len(microphone.read().data) == 800
    portaudio.streams[0].overflowed = False
    assert len(microphone.read().data) == 800


def test_a_microphone_that_is_opened_again_counts_its_time_anew(portaudio):
    portaudio.accepts = {(16_000, 1)}
    microphone = Microphone("C920")
    for backlog_s in (0.0, 0.2):
        portaudio.clock.sleep(30)
        microphone.open()
        began = portaudio.clock.ns
        portaudio.clock.sleep(backlog_s)
        times = [microphone.read().t_ns - began for _ in range(60)]
        assert times == pytest.approx([k * 50_000_000 for k in range(60)], abs=1_000_000)
        microphone.close()
    assert microphone.overruns == 0


def test_a_card_that_stops_is_lost(portaudio):
    microphone = Microphone("C920", stall_s=1.5)
    microphone.open()
    microphone.read()
    portaudio.streams[0].frozen = True
    with pytest.raises(SourceLost, match=r"no sound for 1\.5 s"):
        microphone.read()
    microphone.close()
    microphone.close()


def test_a_name_is_looked_up_anew_at_each_open(portaudio):
    microphone = Microphone("C920")
    microphone.open()
    portaudio.devices = [("HDA Intel (hw:0,0)", 2, 48_000), ("Built-in", 0, 48_000), CARD]
    microphone.open()
    assert portaudio.opened == [0, 2]


def test_a_whole_name_comes_before_one_that_contains_it(portaudio):
    portaudio.devices = [("C920 Pro", 2, 48_000), ("C920", 2, 48_000)]
    Microphone("c920").open()
    assert portaudio.opened == [1]


def test_a_card_of_a_rate_that_cannot_be_brought_to_16_khz_is_refused_and_closed(portaudio):
    portaudio.devices = [("odd", 1, 44_101)]
    portaudio.accepts = {(44_101, 1)}
    microphone = Microphone("odd")
    with pytest.raises(SourceError, match=r"microphone 'odd': 44101 Hz cannot be brought to 16000 Hz"):
        microphone.open()
    assert portaudio.streams[0].closed
    with pytest.raises(SourceLost, match="not open"):
        microphone.read()


def test_monitors_of_outputs_are_no_microphones_unless_they_are_asked_for(portaudio):
    portaudio.devices = [
        ("Monitor of C920 Sink", 2, 48_000),
        ("sysdefault", 128, 48_000),
        CARD,
        ("C920 speaker", 0, 48_000),
    ]
    Microphone("C920").open()
    assert portaudio.opened == [2]
    Microphone("Monitor of C920").open()
    assert portaudio.opened == [2, 0]
    assert [device.id for device in microphones()] == [CARD[0]]


def test_a_card_that_takes_no_format_and_a_missing_default_are_said(portaudio):
    portaudio.accepts = set()
    with pytest.raises(SourceError, match=r"C920.*cannot be opened: Invalid sample rate"):
        Microphone("C920").open()
    with pytest.raises(SourceError, match="no default microphone"):
        Microphone().open()
