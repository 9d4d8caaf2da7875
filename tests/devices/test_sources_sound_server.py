"""A microphone through PortAudio, played by a PulseAudio server of our own: the monitor of a null sink.

The listener runs in a process of its own, because ALSA reads its configuration once per process.
"""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from sound_server import SoundServer, need_sound

pytestmark = pytest.mark.devices

soundfile = pytest.importorskip("soundfile")

# Prints JSON lines; waits for a line on stdin where the test has something to do first.
LISTENER = """
import json, sys, threading
import numpy as np
from edge_mm.errors import EdgeMmError
from edge_mm.sources import Microphone, microphones

def say(**words): print(json.dumps(words), flush=True)

microphone = Microphone(sys.argv[1], stall_s=1.0)
blocks = []
try:
    if sys.argv[2] == "list":
        say(found=[device.id for device in microphones()])
    spec = microphone.open()
    say(rate_hz=spec.rate_hz, unit=spec.unit, kind=spec.kind)
    for _ in range(5):
        microphone.read()
    say(ready=True)
    if sys.argv[2] == "pause":
        last = microphone.read()
        threading.Event().wait(1.5)
        blocks = [last] + [microphone.read() for _ in range(40)]
        say(steps_ms=[(b.t_ns - a.t_ns) / 1e6 for a, b in zip(blocks, blocks[1:])], overruns=microphone.overruns)
    elif sys.argv[2] == "record":
        blocks = [microphone.read() for _ in range(60)]
        np.save(sys.argv[3], np.concatenate([block.data for block in blocks]))
        span = blocks[-1].t_ns - blocks[0].t_ns
        say(sizes=sorted({len(block.data) for block in blocks}), span_s=span / 1e9, overruns=microphone.overruns)
    elif sys.argv[2] == "until-lost":
        while True:
            microphone.read()
except EdgeMmError as error:
    say(error=type(error).__name__, text=str(error))
microphone.close()
"""


def listen(server, pattern, task, *more):
    return subprocess.Popen(
        [sys.executable, "-c", LISTENER, pattern, task, *map(str, more)],
        env=server.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(params=[16_000])
def server(request, tmp_path):
    need_sound()
    running = SoundServer(tmp_path, request.param)
    yield running
    running.stop()


def said(listener):
    """The next thing the listener says."""
    line = listener.stdout.readline()
    assert line, listener.stderr.read()
    return json.loads(line)


def rest(listener):
    out, err = listener.communicate(timeout=60)
    return [json.loads(line) for line in out.splitlines()], err


def test_what_is_played_is_heard_sample_for_sample(server, tmp_path):
    speech_like = np.random.default_rng(3).normal(size=24_000) * np.hanning(24_000) * 8000
    played = speech_like.astype(np.int16)
    soundfile.write(tmp_path / "played.wav", played, 16_000, subtype="PCM_16")
    listener = listen(server, "default", "record", tmp_path / "heard.npy")
    assert said(listener) == {"rate_hz": 16_000, "unit": "full scale", "kind": "audio"}
    assert said(listener) == {"ready": True}
    subprocess.run(["paplay", tmp_path / "played.wav"], env=server.environment, check=True)
    (told,), _ = rest(listener)
    heard = np.load(tmp_path / "heard.npy")
    assert told["sizes"] == [800]
    assert told["overruns"] == 0
    assert told["span_s"] == pytest.approx(59 * 0.05, rel=0.05)
    wanted = played.astype(np.float32) / 32768
    at = int(np.argmax(np.correlate(heard, wanted)))
    similarity = np.corrcoef(heard[at : at + len(wanted)], wanted)[0, 1]
    assert heard.dtype == np.float32
    assert similarity > 0.99


@pytest.mark.parametrize("server", [44_100], indirect=True)
def test_a_tone_keeps_its_pitch_from_a_device_of_another_rate(server, tmp_path):
    soundfile.write(tmp_path / "tone.wav", 0.5 * np.sin(2 * np.pi * 1000 * np.arange(66_150) / 44_100), 44_100)
    listener = listen(server, "pulse", "record", tmp_path / "heard.npy")
    said(listener), said(listener)
    subprocess.run(["paplay", tmp_path / "tone.wav"], env=server.environment, check=True)
    rest(listener)
    heard = np.load(tmp_path / "heard.npy")
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert np.argmax(spectrum) * 16_000 / len(heard) == pytest.approx(1000, abs=2)


def test_a_reader_that_pauses_finds_the_backlog_in_unbroken_time(server):
    listener = listen(server, "default", "pause")
    said(listener), said(listener)
    (told,), _ = rest(listener)
    assert told["steps_ms"][:10] == pytest.approx([50] * 10, abs=0.1)
    assert told["overruns"] == 0


def test_a_server_that_dies_is_a_lost_source(server):
    listener = listen(server, "default", "until-lost")
    said(listener), said(listener)
    server.process.kill()
    (told,), _ = rest(listener)
    assert told["error"] == "SourceLost"
    assert "default" in told["text"]


def test_a_server_that_hangs_is_a_lost_source(server):
    listener = listen(server, "default", "until-lost")
    said(listener), said(listener)
    server.process.send_signal(signal.SIGSTOP)
    told = said(listener)
    server.process.send_signal(signal.SIGCONT)
    assert told["error"] == "SourceLost"
    rest(listener)


def test_a_name_that_fits_nothing_lists_what_is_there_and_the_libraries_stay_quiet(server):
    listener = listen(server, "no such thing", "list")
    assert "default" in said(listener)["found"]
    (told,), err = rest(listener)
    assert told["error"] == "SourceError"
    assert "'pulse'" in told["text"]
    assert "ALSA lib" not in err


def test_without_pyaudio_the_text_names_what_to_install(monkeypatch):
    from edge_mm.errors import SourceError
    from edge_mm.sources import Microphone, microphones

    monkeypatch.setitem(sys.modules, "pyaudio", None)
    with pytest.raises(SourceError, match=r"apt install portaudio19-dev.*pip install 'edge-mm\[mic\]'"):
        Microphone().open()
    assert microphones() == []
