"""Recordings through the device's front ends calibrate a graph; who waits at a terminal sees how far it is."""

import json
import os
import pty
import subprocess
import sys

import numpy as np
import pytest


def convert(converter, model, data, out, front_end):
    from converters.conversion.one import Wanted, convert_model

    wanted = Wanted(model, data, "int8-static", out, front_end=front_end, runtimes=("ai_edge_litert",))
    return convert_model(wanted, converter=converter)


def listener():
    """Reads what the device's microphone front end gives."""
    import keras
    from keras import layers

    from edge_mm.perception.audio_mel import MelSettings

    heard = keras.Input((16, MelSettings().mels), name="log_mel")
    x = layers.GlobalAveragePooling1D()(layers.Conv1D(6, 3, activation="relu", name="ear")(heard))
    return keras.Model(heard, layers.Dense(2, name="snore")(x))


def viewer():
    import keras
    from keras import layers

    seen = keras.Input((16, 24, 1), name="crop")
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3, activation="relu", name="eye")(seen))
    return keras.Model(seen, layers.Dense(2, name="closed")(x))


def test_sounds_calibrate_a_graph_through_the_microphones_front_end(own, converter, tmp_path):
    import soundfile

    from converters.recordings import read_recordings
    from edge_mm.perception.audio_mel import MelSettings

    model, _ = own.write(tmp_path, "listener", listener())
    rng, settings, night = np.random.default_rng(0), MelSettings(), tmp_path / "night"
    night.mkdir()
    for number, loudness in enumerate((0.01, 0.3)):
        sound = rng.normal(scale=loudness, size=30 * settings.samples(16)).astype(np.float32).clip(-1, 1)
        soundfile.write(night / f"{number}.wav", sound, settings.rate_hz)
    report = convert(converter, model, night, tmp_path / "out.tflite", "log_mel")
    assert report["data"]["rows"] == 60
    assert report["snr_db"]["snore"] > 20

    rows = read_recordings(night, "log_mel", {"log_mel": (16, settings.mels)}).inputs["log_mel"]
    assert input_range(tmp_path / "out.tflite") == pytest.approx((min(rows.min(), 0), rows.max()), rel=0.05)


def test_pictures_calibrate_a_graph_as_the_camera_shows_them(own, converter, tmp_path):
    import cv2

    model, _ = own.write(tmp_path, "viewer", viewer())
    rng, album = np.random.default_rng(0), tmp_path / "album"
    album.mkdir()
    for number in range(50):
        dark = rng.integers(0, 90, (40, 60, 3), dtype=np.uint8)
        cv2.imwrite(str(album / f"{number}.png"), dark)
    report = convert(converter, model, album, tmp_path / "out.tflite", "image")
    assert report["data"]["rows"] == 50
    assert report["snr_db"]["closed"] > 20
    low, high = input_range(tmp_path / "out.tflite")
    assert low == pytest.approx(0, abs=0.01)
    assert 0.9 < high <= 1.01  # levelled: a dark picture is stretched to the whole range, as on the device


def input_range(path):
    """Smallest and largest value that the only input of an int8 graph can hold."""
    from converters.graphs.reader import read_graph

    graph = read_graph(path.read_bytes())
    tensor = graph.tensors[graph.inputs[0]]
    return tuple(tensor.scales[0] * (limit - tensor.zero_points[0]) for limit in (-128, 127))


def test_a_person_at_a_terminal_sees_each_step_and_a_pipe_gets_nothing_but_the_report(own, tmp_path):
    model, data = own.write(tmp_path, "plain", own.sequential())
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "converters.cli", "quantize", model, "--representative", data, "--json"]
    child = subprocess.Popen(
        [str(word) for word in [*command, "--runtime", "ai_edge_litert"]], stdout=subprocess.PIPE, stderr=theirs
    )
    os.close(theirs)
    seen = read_all(ours)
    report = json.loads(child.stdout.read())
    assert child.wait() == 0
    assert report["out"] == str(tmp_path / "plain.tflite")
    places = [
        seen.index(step) for step in ("loading TensorFlow", "converting plain.keras", "calibrating: ", "trying in ")
    ]
    assert places == sorted(places)
    assert " of 60 " in seen


def read_all(terminal):
    parts = []
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # how a terminal says that nobody writes any more
            part = b""
        if not part:
            os.close(terminal)
            return b"".join(parts).decode()
        parts.append(part)
