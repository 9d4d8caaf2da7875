"""A sound card of the kernel (what is played into it is recorded from it): found by its name wherever it is."""

import contextlib
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from kernel import bind, load, unbinding, unload, until

from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources import Microphone, microphones
from edge_mm.sources.portaudio import sound_handles

RATE_HZ = 16_000
NAME = "loopback"  # a part of the card's name, in another case; its id and its number are other things


def wait_for_card(number):
    until(Path(f"/proc/asound/card{number}/pcm0c").exists, "the sound card")
    until(Path(f"/dev/snd/pcmC{number}D0c").exists, "the sound card's node")


@pytest.fixture
def card():
    load("snd-aloop", index=0, id="EdgeMic", pcm_substreams=1)
    wait_for_card(0)
    yield
    unload("snd-aloop")


@pytest.fixture
def microphone(card):
    opened = Microphone(NAME)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """A second of noise as a file and as numbers: no two moments of it are alike."""
    path = tmp_path_factory.mktemp("sound") / "noise.wav"
    sound = np.random.default_rng(7).integers(-20_000, 20_000, RATE_HZ).astype(np.int16)
    soundfile.write(path, sound, RATE_HZ, subtype="PCM_16")
    return path, sound.astype(np.float32) / 32768


@contextlib.contextmanager
def playing(path, card):
    """Played into the other end of the card's cable, again and again."""
    over = threading.Event()

    def play():
        while not over.is_set():
            subprocess.run(["aplay", "-q", "-D", f"hw:{card},1", str(path)], check=False, capture_output=True)

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def heard(microphone, sound):
    """Whether half a second of the sound arrives, sample for sample."""
    wanted, kept = sound[4000:12_000], np.zeros(0, np.float32)
    for _ in range(200):
        kept = np.concatenate([kept, microphone.read().data])[-3 * RATE_HZ :]
        starts = np.flatnonzero(kept[: -len(wanted)] == wanted[0]) if len(kept) > len(wanted) else []
        if any((kept[at : at + len(wanted)] == wanted).all() for at in starts):
            return True
    return False


def test_a_sound_card_is_listed_by_its_name(card):
    assert any("Loopback" in found.id for found in microphones())


def test_what_is_played_arrives_sample_for_sample(microphone, noise):
    path, sound = noise
    assert microphone.open().rate_hz == RATE_HZ
    with playing(path, 0):
        assert heard(microphone, sound)


def test_a_card_with_another_number_and_id_is_found_again_by_its_name(microphone, noise):
    path, sound = noise
    microphone.open()
    with playing(path, 0):
        microphone.read()
    microphone.close()
    unload("snd-aloop")
    with pytest.raises(SourceError, match="No microphone"):
        microphone.open()
    load("snd-aloop", index=3, id="Other", pcm_substreams=1)
    wait_for_card(3)
    microphone.open()
    with playing(path, 3):
        assert heard(microphone, sound)


def test_a_card_that_is_pulled_out_is_lost_and_let_go_of_and_heard_again_when_it_is_back(microphone, noise):
    path, sound = noise
    microphone.open()
    with playing(path, 0):
        microphone.read()
    pulling = unbinding("snd_aloop")
    with pytest.raises(SourceLost):
        for _ in range(200):
            microphone.read()
    microphone.close()
    assert sound_handles() == {}
    assert pulling.wait(20) == 0  # the driver waits until nobody holds the card
    with pytest.raises(SourceError):
        microphone.open()
    assert sound_handles() == {}

    bind("snd_aloop")
    wait_for_card(0)
    microphone.open()
    with playing(path, 0):
        assert heard(microphone, sound)
