"""Alarm sounds as they are heard: played into a real sound server, recorded from it, counted."""

import subprocess
import threading

import numpy as np
import pytest
from sound_server import SoundServer, need_sound

from edge_mm.errors import DeliveryError
from edge_mm.nearby.patterns import PATTERNS
from edge_mm.nearby.speaker import Speaker

pytestmark = pytest.mark.devices
RATE_HZ = 16_000


@pytest.fixture
def server(tmp_path, monkeypatch):
    need_sound()
    server = SoundServer(tmp_path, RATE_HZ)
    for key in ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_SERVER"):
        monkeypatch.setenv(key, server.environment[key])
    yield server
    server.stop()


def heard_while(server, what):
    """What comes out of the sound server meanwhile, -1 to 1."""
    command = ["parec", "--raw", "-d", "out.monitor", "--format=s16le", f"--rate={RATE_HZ}", "--channels=1"]
    with subprocess.Popen([*command, "--latency-msec=200"], env=server.environment, stdout=subprocess.PIPE) as parec:
        heard, over = [parec.stdout.read(3200)], threading.Event()  # it records

        def record():
            left = 1.5 * 2 * RATE_HZ  # what is on its way when it has been played
            while left > 0 and (some := parec.stdout.read(3200)):
                heard.append(some)
                left -= len(some) if over.is_set() else 0

        reader = threading.Thread(target=record)
        reader.start()
        what()
        over.set()
        reader.join()
        parec.terminate()
    return np.frombuffer(b"".join(heard), np.int16) / 32768


def pulses(sound):
    """Begin and end of each, in seconds."""
    step = RATE_HZ // 200
    loud = np.abs(sound[: len(sound) // step * step]).reshape(-1, step).max(axis=1) > 0.03
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(int), [0]])))
    return [(begin / 200, end / 200) for begin, end in zip(edges[::2], edges[1::2], strict=True)]


@pytest.mark.parametrize("priority", ["high", "medium", "low"])
def test_a_burst_is_heard_to_its_end_with_its_pulses_spacing_and_loudness(server, priority):
    speaker, pattern = Speaker(volume=0.5), PATTERNS[priority]
    try:
        sound = heard_while(server, lambda: speaker.cycle(priority, lambda _s: None))
    finally:
        speaker.close()
    found = pulses(sound)
    assert len(found) == len(pattern.onsets_s)
    assert [begin - found[0][0] for begin, _ in found] == pytest.approx(list(pattern.onsets_s), abs=0.03)
    assert [end - begin for begin, end in found] == pytest.approx([pattern.pulse_s] * len(found), abs=0.03)
    assert np.max(np.abs(sound)) == pytest.approx(0.5 * pattern.level, rel=0.15)


def test_a_sound_server_that_hangs_is_said_and_when_it_is_back_it_sounds_again(server):
    import signal

    speaker = Speaker(patience_s=3.0)
    try:
        assert speaker.look()
        server.process.send_signal(signal.SIGSTOP)
        with pytest.raises(DeliveryError, match="hangs; its process was replaced"):
            speaker.cycle("low", lambda _s: None)
        server.process.send_signal(signal.SIGCONT)
        assert len(pulses(heard_while(server, lambda: speaker.cycle("low", lambda _s: None)))) == 2
    finally:
        speaker.close()


def test_an_output_that_is_not_there_is_said_with_what_is(server):
    speaker = Speaker("no such thing")
    try:
        with pytest.raises(DeliveryError, match="no sound output's name contains 'no such thing'; this machine has "):
            speaker.look()
    finally:
        speaker.close()
