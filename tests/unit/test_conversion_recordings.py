"""Recordings become rows as the device makes them, to the bit; what cannot be read is named."""

import cv2
import numpy as np
import pytest
import soundfile

from converters.recordings import read_recordings
from edge_mm.errors import ConvertError
from edge_mm.perception.audio_mel import LogMel, MelSettings, encoder_input
from edge_mm.perception.vision_geometry import levelled

SETTINGS = MelSettings()
SOUND = {"log_mel": (16, SETTINGS.mels)}
GREY, COLOUR = {"crop": (16, 24, 1)}, {"crop": (16, 24, 3)}


def noise(windows, *, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(scale=0.1, size=int(windows * SETTINGS.samples(16))).astype(np.float32)


def write_sound(path, sound, rate=SETTINGS.rate_hz):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, rate, subtype=None if path.suffix == ".flac" else "FLOAT")


def test_sounds_are_cut_into_windows_as_the_microphones_front_end_makes_them(tmp_path):
    sound = noise(2.5)
    write_sound(tmp_path / "night" / "a.wav", sound)
    write_sound(tmp_path / "b.wav", noise(1, seed=1))
    data = read_recordings(tmp_path, "log_mel", SOUND)
    size = SETTINGS.samples(16)
    expected = [encoder_input(LogMel(SETTINGS)(noise(1, seed=1))[None])[0]]
    expected += [encoder_input(LogMel(SETTINGS)(sound[i * size : (i + 1) * size])[None])[0] for i in range(2)]
    order = np.argsort(data.groups, kind="stable")
    found = data.inputs["log_mel"][order]
    assert found.shape == (3, 16, SETTINGS.mels)
    assert sorted(data.groups.tolist()) in ([0, 0, 1], [0, 1, 1])  # each file is a group
    assert all(any(np.array_equal(row, one.reshape(row.shape)) for one in expected) for row in found)


def test_two_channels_are_heard_as_their_mean(tmp_path):
    sound = noise(1)
    write_sound(tmp_path / "mono" / "a.wav", sound)
    write_sound(tmp_path / "both" / "a.wav", np.stack([2 * sound, np.zeros_like(sound)], axis=1))
    mono, both = (read_recordings(tmp_path / name, "log_mel", SOUND).inputs["log_mel"] for name in ("mono", "both"))
    assert both == pytest.approx(mono, abs=1e-5)


def test_a_picture_is_levelled_as_the_devices_crops_are(tmp_path):
    picture = np.random.default_rng(0).integers(0, 90, (16, 24), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    (row,) = read_recordings(tmp_path, "image", GREY).inputs["crop"]
    assert np.array_equal(row[..., 0], levelled(picture).astype(np.float32) / np.float32(255))


def test_colours_keep_the_order_of_the_devices_cameras(tmp_path):
    blue = np.zeros((32, 48, 3), np.uint8)
    blue[..., 0] = 255
    cv2.imwrite(str(tmp_path / "a.PNG"), blue)
    (row,) = read_recordings(tmp_path, "image", COLOUR).inputs["crop"]
    assert row.shape == (16, 24, 3)
    assert row[0, 0].tolist() == [1.0, 0.0, 0.0]


def refused(folder, kind, inputs):
    with pytest.raises(ConvertError) as error:
        read_recordings(folder, kind, inputs)
    return str(error.value)


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "noise.wav").write_bytes(b"RIFF, or not")
    assert "noise.wav: cannot be read as sound" in refused(tmp_path, "log_mel", SOUND)
    (tmp_path / "half.png").write_bytes(b"\x89PNG")
    assert "half.png: cannot be read as a picture" in refused(tmp_path, "image", GREY)


def test_what_does_not_fit_the_model_or_the_front_end_is_said(tmp_path):
    write_sound(tmp_path / "a.wav", noise(1))
    assert "log_mel gives (frames, " in refused(tmp_path, "log_mel", {"log_mel": (16, 7)})
    assert "image gives (height, width, 1 or 3)" in refused_picture(tmp_path, {"crop": (16, 24, 2)})
    assert "feeds one input, the model has a, b" in refused(tmp_path, "log_mel", {"a": (16, 64), "b": (2,)})
    assert "no front end 'smell': one of log_mel, image" in refused(tmp_path, "smell", SOUND)


def refused_picture(folder, inputs):
    cv2.imwrite(str(folder / "a.png"), np.zeros((4, 4), np.uint8))
    return refused(folder, "image", inputs)


def test_a_folder_without_recordings_and_recordings_too_short_are_told_apart(tmp_path):
    (tmp_path / "none").mkdir()
    assert "no such folder" in refused(tmp_path / "nowhere", "log_mel", SOUND)
    assert "no .wav, .flac, .ogg files" in refused(tmp_path / "none", "log_mel", SOUND)
    write_sound(tmp_path / "short" / "a.wav", noise(0.9))
    assert "shorter than one window of 16 frames" in refused(tmp_path / "short", "log_mel", SOUND)


def test_another_rate_is_refused_not_resampled(tmp_path):
    write_sound(tmp_path / "a.wav", noise(3), rate=44100)
    assert f"a.wav: 44100 samples a second, the front end takes {SETTINGS.rate_hz}" in refused(
        tmp_path, "log_mel", SOUND
    )
