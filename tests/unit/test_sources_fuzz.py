"""Damaged recordings and garbage on a serial port give samples or a sentence, never another exception."""

import random

import numpy as np
import pytest
from recordings import all_of
from serial_sensor import Sensor, values

from edge_mm.errors import EdgeMmError
from edge_mm.sources import AudioFile, SerialPort

soundfile = pytest.importorskip("soundfile")
HEADER = 600  # bytes: most damage belongs where it is understood


def mutated(content, chance):
    """Some bytes changed, cut out or doubled; at times the end is missing."""
    damaged = bytearray(content)
    for _ in range(chance.randint(1, 30)):
        at = chance.randrange(chance.choice([60, HEADER, len(damaged)])) % len(damaged)
        length = chance.randint(1, 12)
        match chance.randrange(6):
            case 0:
                del damaged[at : at + length]
            case 1:
                damaged[at:at] = damaged[at : at + length]
            case _:
                damaged[at] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        damaged = damaged or bytearray(b"\0")
    return bytes(damaged[: chance.choice([len(damaged), len(damaged), HEADER, len(damaged) // 2])])


def sound_track(path):
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        track = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for index in range(10):
            sound = av.AudioFrame.from_ndarray(np.full((1, 1600), index, np.int16), format="s16", layout="mono")
            sound.sample_rate, sound.pts = 16_000, index * 1600 + (index >= 5) * 8000
            container.mux(track.encode(sound))
        container.mux(track.encode(None))


@pytest.mark.parametrize("suffix", ["wav", "ogg", "flac", "mp3", "mkv"])
def test_a_damaged_sound_file_gives_sound_or_says_why_not(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    if suffix == "mkv":
        sound_track(path)
    elif suffix.upper() not in soundfile.available_formats():
        pytest.skip(f"not here: this libsndfile does not write {suffix}")
    else:
        soundfile.write(path, np.random.default_rng(0).normal(size=(16_000, 2)) * 0.1, 44_100)
    whole, chance = path.read_bytes(), random.Random(suffix)
    for _ in range(150):
        path.write_bytes(mutated(whole, chance))
        source = AudioFile(path)
        try:
            _, samples = all_of(source)
        except EdgeMmError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)
        else:
            assert all(np.isfinite(sample.data).all() and len(sample.data) for sample in samples)
            ends = [sample.t_ns + len(sample.data) * 62_500 for sample in samples]
            assert all(sample.t_ns >= end for sample, end in zip(samples[1:], ends, strict=False))
        finally:
            source.close()


@pytest.mark.devices
def test_garbage_on_a_serial_port_gives_numbers_or_says_why_not():
    sensor = Sensor()
    said = (
        b"#edge-mm kind=ecg rate_hz=250 unit=mV\n0.012\n0.013,97\n0.015,97*08\nnan\n#edge-mm unit=uV\n-1e3,1e-40\n" * 4
    )
    chance = random.Random(1)
    port = SerialPort(sensor.path, kind="ecg", rate_hz=250, header_s=0)
    port.open()
    for _ in range(40):
        sensor.says(mutated(said, chance) + b"\n#edge-mm unit=mV\n12345\n")
        try:
            while 12345.0 not in (seen := values(port, 1)):
                assert not np.isinf(seen).any()
        except EdgeMmError as error:  # a unit that is none
            assert sensor.path in str(error)
            port.open()
    port.close()
    sensor.unplug()
