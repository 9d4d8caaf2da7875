"""Sound files and sound tracks: any rate, any channels, 16 kHz mono out, clear refusals."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from recordings import all_of

from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources import AudioFile

soundfile = pytest.importorskip("soundfile")


def tone(hz, rate, seconds):
    return np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
@pytest.mark.parametrize(
    ("rate", "channels"), [(8_000, 1), (11_025, 2), (16_000, 1), (22_050, 3), (44_100, 2), (96_000, 1)]
)
def test_any_rate_and_channel_count_becomes_16_khz_mono(tmp_path, suffix, rate, channels):
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, np.repeat(tone(500, rate, 1.5)[:, None] * 0.5, channels, axis=1), rate)
    spec, samples = all_of(AudioFile(path, name="cabin"))
    sound = np.concatenate([sample.data for sample in samples])
    assert (spec.name, spec.kind, spec.rate_hz, spec.unit) == ("cabin", "audio", 16_000, "full scale")
    assert sound.dtype == np.float32
    assert sound.shape == pytest.approx((24_000,), abs=1)
    np.testing.assert_allclose(
        sound[800:23000], 0.5 * tone(500, 16_000, 1.5)[800:23000], atol=0.05 if suffix == "ogg" else 1e-3
    )


def test_channels_are_averaged_so_that_opposite_ones_cancel(tmp_path):
    path = tmp_path / "opposite.wav"
    left = tone(500, 16_000, 0.5)
    soundfile.write(path, np.stack([left, -left], axis=1), 16_000)
    _, samples = all_of(AudioFile(path))
    assert np.abs(np.concatenate([sample.data for sample in samples])).max() < 1e-4


def test_block_times_count_samples_from_the_start_without_drift(tmp_path):
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(11_025 * 7), 11_025)
    _, samples = all_of(AudioFile(path, start_ns=5_000_000_000, block_s=0.033))
    given = 0
    for sample in samples:
        assert sample.t_ns == 5_000_000_000 + given * 62_500
        given += len(sample.data)
    assert given == 7 * 16_000


def test_a_file_can_be_opened_again_after_its_end(tmp_path):
    path = tmp_path / "twice.wav"
    soundfile.write(path, tone(300, 44_100, 0.4), 44_100)
    source = AudioFile(path)
    first, second = all_of(source)[1], all_of(source)[1]
    assert [sample.t_ns for sample in first] == [sample.t_ns for sample in second]
    np.testing.assert_array_equal(first[-1].data, second[-1].data)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "no such sound file"),
        (lambda path: path.write_bytes(b""), "neither a sound nor a video|not a sound file"),
        (lambda path: path.write_bytes(b"this is no sound" * 100), "neither a sound nor a video|not a sound file"),
        (lambda path: soundfile.write(path, np.zeros(0), 16_000, format="WAV"), "no sound in this file"),
    ],
)
def test_a_file_without_sound_is_refused_in_one_sentence_that_names_it(tmp_path, make, said):
    path = tmp_path / "bad.wav"
    make(path)
    with pytest.raises(SourceError, match=said) as refused:
        AudioFile(path).open()
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_without_pyav_a_video_names_the_extra_that_reads_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    path = tmp_path / "drive.mp4"
    path.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(64))
    with pytest.raises(SourceError, match=r"pip install 'edge-mm\[media\]'"):
        AudioFile(path).open()


def write_video(path, *, sound_rate=None, sound_after_s=0.0, pictures_after_s=0.0, parts_s=(0.0,)):
    """A second of pictures, and where a rate is given a second of a 500 Hz tone for each time in ``parts_s``."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        track = None
        if sound_rate:
            track = container.add_stream("pcm_s16le", rate=sound_rate, layout="stereo")
        for index in range(25):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index * 9, np.uint8), format="bgr24")
            picture.pts = index + round(pictures_after_s * 25)
            container.mux(pictures.encode(picture))
        container.mux(pictures.encode(None))
        if track is not None:
            pcm = np.repeat((tone(500, sound_rate, 1.0) * 16_000).astype(np.int16), 2)[None, :]
            for part_s in parts_s:
                sound = av.AudioFrame.from_ndarray(pcm, format="s16", layout="stereo")
                sound.sample_rate, sound.pts = sound_rate, round((sound_after_s + part_s) * sound_rate)
                container.mux(track.encode(sound))
            container.mux(track.encode(None))


def test_the_sound_track_of_a_video_is_read_and_resampled(tmp_path):
    path = tmp_path / "drive.mkv"
    write_video(path, sound_rate=44_100)
    _, samples = all_of(AudioFile(path))
    sound = np.concatenate([sample.data for sample in samples])
    assert samples[0].t_ns == 0
    assert len(sound) == 16_000
    np.testing.assert_allclose(sound[800:15000], tone(500, 16_000, 1.0)[800:15000] * 16_000 / 32_768, atol=2e-3)


def test_a_sound_track_that_begins_later_keeps_its_distance_to_the_pictures(tmp_path):
    path = tmp_path / "late.mkv"
    write_video(path, sound_rate=16_000, sound_after_s=0.5)
    _, samples = all_of(AudioFile(path, start_ns=1_000_000_000))
    assert samples[0].t_ns == pytest.approx(1_500_000_000, abs=2_000_000)


def test_sound_of_before_the_first_picture_is_left_out(tmp_path):
    path = tmp_path / "early.mkv"
    write_video(path, sound_rate=16_000, pictures_after_s=0.48)
    _, samples = all_of(AudioFile(path, start_ns=1_000_000_000, block_s=0.1))
    sound = np.concatenate([sample.data for sample in samples])
    assert samples[0].t_ns == 1_000_000_000
    np.testing.assert_allclose(sound, tone(500, 16_000, 1.0)[7_680:] * 16_000 / 32_768, atol=2e-3)


@pytest.mark.parametrize("block_s", [0.1, 1.5])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_sound_after_a_gap_in_the_track_has_its_own_time_and_nothing_is_made_up(tmp_path, rate, block_s):
    path = tmp_path / "gap.mkv"
    write_video(path, sound_rate=rate, sound_after_s=0.5, parts_s=(0.0, 6.0, 7.0, 9.5))
    _, samples = all_of(AudioFile(path, block_s=block_s))
    times = np.concatenate([s.t_ns / 1e9 + np.arange(len(s.data)) / 16_000 for s in samples])
    assert len(times) == 4 * 16_000
    begins = np.flatnonzero(np.diff(times, prepend=-9.0) > 0.01)
    assert times[begins] == pytest.approx([0.5, 6.5, 10.0], abs=2e-3)
    assert times[begins - 1][1:] == pytest.approx([1.5, 8.5], abs=2e-3)


def test_a_stamp_beyond_the_length_of_the_file_is_not_believed(tmp_path):
    path = tmp_path / "leap.mkv"
    write_video(path, sound_rate=16_000, parts_s=(0.0, 6.0))
    content = path.read_bytes()
    at = content.index(b"\x44\x89\x88")  # Matroska's Duration, a float64 of milliseconds
    path.write_bytes(content[: at + 3] + np.array(2_000.0, ">f8").tobytes() + content[at + 11 :])
    _, samples = all_of(AudioFile(path))
    assert samples[-1].t_ns < 2_000_000_000


def test_a_track_in_an_unknown_code_is_refused(tmp_path):
    path = tmp_path / "unknown.mkv"
    write_video(path, sound_rate=16_000)
    path.write_bytes(path.read_bytes().replace(b"A_PCM/INT/LIT", b"A_XXM/INT/LIT"))
    with pytest.raises(SourceError, match="nothing here decodes its sound track"):
        AudioFile(path).open()


def test_a_video_without_sound_says_so(tmp_path):
    path = tmp_path / "silent.mkv"
    write_video(path)
    with pytest.raises(SourceError, match="no sound track"):
        AudioFile(path).open()


@pytest.mark.parametrize("suffix", ["mp3", "flac"])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_a_truncated_file_gives_what_is_left_and_then_says_how_much_is_missing(tmp_path, capfd, suffix, rate):
    if suffix.upper() not in soundfile.available_formats():
        pytest.skip(f"not here: this libsndfile does not write {suffix}")
    noise = np.random.default_rng(0).normal(size=6 * rate) * 0.1
    whole, cut = tmp_path / f"whole.{suffix}", tmp_path / f"cut.{suffix}"
    soundfile.write(whole, noise, rate)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 5])
    source = AudioFile(cut)
    source.open()
    samples = []
    with pytest.raises(SourceLost, match=r"cut\.\w+: the sound ends after \d\.\d s of 6\.\d s: truncated") as lost:
        while (sample := source.read()) is not None:
            samples.append(sample)
    assert "\n" not in str(lost.value)
    assert 0.5 < sum(len(sample.data) for sample in samples) / 16_000 < 1.5
    assert "Xing" not in capfd.readouterr().err


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_a_whole_file_is_never_said_to_be_truncated(tmp_path, suffix):
    if suffix.upper() not in soundfile.available_formats():
        pytest.skip(f"not here: this libsndfile does not write {suffix}")
    path = tmp_path / f"tone.{suffix}"
    for seconds in (0.05, 0.4, 3.0):
        soundfile.write(path, tone(500, 44_100, seconds) * 0.5, 44_100)
        assert sum(len(sample.data) for sample in all_of(AudioFile(path))[1]) > 0


def test_a_second_that_is_missing_is_noticed(tmp_path):
    if "MP3" not in soundfile.available_formats():
        pytest.skip("not here: this libsndfile does not write mp3")
    whole, cut = tmp_path / "whole.mp3", tmp_path / "cut.mp3"
    soundfile.write(whole, np.random.default_rng(0).normal(size=6 * 16_000) * 0.1, 16_000)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 5 // 6])
    with pytest.raises(SourceLost, match=r"ends after (4\.9|5\.0) s of 6\.\d s"):
        all_of(AudioFile(cut))


def test_a_damaged_mp3_is_read_without_its_decoder_writing_to_the_standard_error(tmp_path, capfd):
    if "MP3" not in soundfile.available_formats():
        pytest.skip("not here: this libsndfile does not write mp3")
    path = tmp_path / "damaged.mp3"
    soundfile.write(path, np.random.default_rng(0).normal(size=6 * 16_000) * 0.1, 16_000)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 600] = bytes(range(200)) * 3
    path.write_bytes(content)
    all_of(AudioFile(path))
    assert capfd.readouterr().err == ""


def test_values_that_are_no_numbers_become_silence(tmp_path):
    path = tmp_path / "nan.wav"
    sound = np.full(4_800, 0.25, np.float32)
    sound[1_000:1_003] = np.nan, np.inf, -np.inf
    for rate in (16_000, 48_000):
        soundfile.write(path, sound, rate, subtype="FLOAT")
        heard = np.concatenate([sample.data for sample in all_of(AudioFile(path))[1]])
        assert np.isfinite(heard).all()
        assert heard[200] == pytest.approx(0.25, abs=1e-3)


def test_a_file_whose_name_says_raw_is_refused_like_any_other(tmp_path):
    path = tmp_path / "x.raw"
    path.write_bytes(b"RIFF" * 250)
    with pytest.raises(SourceError, match=r"no sound track|not a sound file"):
        AudioFile(path).open()


def test_a_refused_rate_leaves_no_file_open(tmp_path):
    path = tmp_path / "odd.wav"
    soundfile.write(path, np.zeros(1000), 15_999)
    source = AudioFile(path)
    with pytest.raises(SourceError, match=r"odd\.wav: 15999 Hz cannot be brought to 16000 Hz"):
        source.open()
    handles = [handle.resolve() for handle in Path("/proc/self/fd").iterdir()]
    assert path.resolve() not in handles


def test_a_process_without_a_standard_error_reads_sound(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(1000), 16_000)
    code = (
        f"import os; os.close(2)\nfrom edge_mm.sources import AudioFile\nprint(AudioFile({str(path)!r}).open().rate_hz)"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "16000.0\n"


def test_a_header_with_an_absurd_rate_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(1000), 16_000)
    content = bytearray(path.read_bytes())
    content[24:28] = (2_000_000_000).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(SourceError, match="its header is damaged"):
        AudioFile(path).open()
