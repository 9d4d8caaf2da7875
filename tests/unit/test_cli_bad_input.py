"""Everything that can be wrong with what people give: one sentence, the right exit status, no traceback."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from recordings import bundle_name, bursts, ecg_csv, video

from edge_mm.cli import main
from edge_mm.models.bundle import load_bundle

HEAD = 'version = 1\ndevice_id = "d"\n'


def said(capfd: pytest.CaptureFixture[str]) -> list[str]:
    """The sentences on stderr; what native libraries print of themselves is left out."""
    err = capfd.readouterr().err
    assert "Traceback" not in err
    return [line for line in err.splitlines() if line.startswith("edge-mm: ")]


def written(path: Path, content: bytes | str) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


@pytest.mark.parametrize("option", ["--video", "--audio", "--ecg", "--ppg", "--config"])
def test_a_file_that_is_not_there_is_a_usage_error_that_names_it(option, tmp_path, capfd):
    words = ["replay", option, str(tmp_path / "none.wav")]
    if option == "--config":
        words += ["--audio", str(bursts(tmp_path / "s.wav", count=1))]
    assert main(words) == 2
    (sentence,) = said(capfd)
    assert "none.wav" in sentence


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["replay"], "nothing to replay"),
        (["replay", "--signals", "x.csv"], "--signals and --map go together"),
        (["replay", "--signals", "x.csv", "--map", "eda=E"], "x.csv"),
        (["replay", "--signals", "x.csv", "--map", "edda=E"], "KEY one of eda, temp, acc_x"),
        (["replay", "--signals", "x.csv", "--map", "acc_x=X"], "acc_x, acc_y, acc_z"),
        (["replay", "--signals", "x.csv", "--map", "eda=E,eda=F"], "given twice"),
        (["replay", "--video", "/dev/null"], "/dev/null"),
        (["replay", "--ecg", "/dev/ttyUSB77"], "not a recording"),
        (["bundle", "inspect", "nobody"], "nobody"),
        (["run", "-c", "none.toml"], "edge-mm init"),
    ],
)
def test_what_does_not_exist_or_fit_together_is_a_usage_error(words, expected, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    (sentence,) = said(capfd)
    assert expected in sentence


@pytest.mark.parametrize(
    ("option", "name", "content"),
    [
        ("--video", "empty.mp4", b""),
        ("--video", "text.mp4", b"this is no video, whatever its name says\n" * 50),
        ("--audio", "empty.wav", b""),
        ("--audio", "text.wav", b"neither sound nor video\n" * 50),
        ("--ecg", "empty.csv", b""),
        ("--ecg", "words.csv", b"time,ecg\nhello,there\n"),
        ("--ecg", "bytes.csv", bytes(range(256)) * 40),
        ("--ecg", "broken.hea", b"this is no header\n"),
        ("--ecg", "broken.edf", b"0" * 300),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence_with_status_69(option, name, content, tmp_path, capfd):
    path = written(tmp_path / name, content)
    assert main(["replay", "--json", "--bundle", bundle_name(), option, path]) == 69
    (sentence,) = said(capfd)
    assert name.removesuffix(".hea") in sentence


def test_a_video_without_frames_is_one_sentence_with_status_69(tmp_path, capfd):
    path = video(tmp_path / "v.avi", frames=0)
    assert main(["replay", "--bundle", bundle_name(), "--video", str(path)]) == 69
    (sentence,) = said(capfd)
    assert "v.avi" in sentence


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (11_025, 1), (22_050, 2), (44_100, 5), (96_000, 2)])
def test_sound_of_an_odd_rate_or_channel_count_is_heard(rate_hz, channels, tmp_path, capfd):
    path = bursts(tmp_path / "s.wav", count=1, rate_hz=rate_hz, channels=channels)
    assert main(["replay", "--json", "--bundle", bundle_name(), "--audio", str(path)]) == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    heard = [line["t"] for line in lines if line.get("name", "").startswith("audio.")]
    assert heard
    assert max(heard) < 5.0


def test_sound_that_is_not_a_number_is_heard_as_silence(tmp_path, capfd):
    path = tmp_path / "s.wav"
    soundfile.write(path, np.full(32_000, np.nan, np.float32), 16_000, subtype="FLOAT")
    assert main(["replay", "--json", "--bundle", bundle_name(), "--audio", str(path)]) == 0
    assert "NaN" not in capfd.readouterr().out


@pytest.mark.parametrize("kind", ["nan", "flat"])
def test_an_ecg_with_gaps_or_a_flat_line_is_data_not_an_error(kind, tmp_path, capfd):
    name = bundle_name()
    if load_bundle(name).front_end("physio") is None:
        pytest.skip("this bundle reads no ECG")
    path = ecg_csv(tmp_path / "e.csv", kind=kind)
    assert main(["replay", "--json", "--bundle", name, "--ecg", str(path)]) == 0
    out = capfd.readouterr().out
    assert "NaN" not in out
    lines = [json.loads(line) for line in out.splitlines()]
    worst = min(line["quality"] for line in lines if line["type"] == "observation")
    assert worst < 0.25
    if kind == "flat":
        assert any(line["type"] == "alert" and line["data"]["kind"] == "sensor.unusable" for line in lines)
        assert not any(line.get("name") == "vitals.beat" for line in lines)


def altered(source: Path, target: Path) -> None:
    """The same bundle with one byte of a graph changed, its archive whole."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for info in old.infolist():
            content = bytearray(old.read(info))
            if info.filename == "fusion.tflite":
                content[len(content) // 2] ^= 0xFF
            new.writestr(info.filename, bytes(content))


@pytest.mark.parametrize("how", ["truncated", "altered", "empty", "no bundle"])
def test_a_bundle_that_is_not_whole_is_refused_with_status_78(how, tmp_path, capfd):
    whole = Path(load_bundle(bundle_name()).source)
    path = tmp_path / "b.edgemm"
    if how == "altered":
        altered(whole, path)
    else:
        content = whole.read_bytes()
        path.write_bytes({"truncated": content[: len(content) // 2], "empty": b"", "no bundle": b"PK" * 99}[how])
    sound = str(bursts(tmp_path / "s.wav", count=1))
    config = written(
        tmp_path / "c.toml", HEAD + f'bundle = "{path}"\n[[source]]\nname="a"\nkind="audio"\ndevice="s.wav"\n'
    )
    for words in (
        ["replay", "--bundle", str(path), "--audio", sound],
        ["bundle", "verify", str(path)],
        ["run", "-q", "-c", config],
    ):
        assert main(words) == 78
        (sentence,) = said(capfd)
        assert "b.edgemm" in sentence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD + "colour = 3\n", "colour: unknown key"),
        (HEAD + '[mqtt]\nport = "many"\n', "mqtt.port: 'many' is wrong"),
        (HEAD + "[rules]\neyes_closed_s = -1\n", "eyes_closed_s"),
        (HEAD + 'bundle = "nobody"\n[[source]]\nname="a"\nkind="audio"\ndevice="s.wav"\n', "nobody"),
        (HEAD + 'profile = "abacus"\n[[source]]\nname="a"\nkind="audio"\ndevice="s.wav"\n', "abacus"),
        (HEAD, "nothing to watch with"),
        ("version = ", "not valid TOML"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "check"])
def test_a_wrong_configuration_is_refused_with_status_78(verb, text, expected, tmp_path, capfd):
    if "abacus" in text and verb == "run":
        bundle_name()
        text = text.replace(HEAD, HEAD + f'bundle = "{bundle_name()}"\n')
    bursts(tmp_path / "s.wav", count=1)
    config = written(tmp_path / "edge-mm.toml", text)
    assert main([verb, "-c", config]) == 78
    captured = capfd.readouterr()
    assert "Traceback" not in captured.err
    assert expected in captured.out + captured.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tail", "--device", "a/#"], "--device 'a/#'"),
        (["tail", "--port", "99999"], "99999 is not a port"),
        (["tail", "--base-topic", "a/#"], "base topic 'a/#'"),
        (["replay", "--ecg", "x.csv", "--rate", "abc"], "abc is not a rate from 0.1 to 100000"),
        (["replay", "--ecg", "x.csv", "--rate", "1e9"], "1e9 is not a rate from 0.1 to 100000"),
        (["replay", "--ecg", "x.csv", "--rate", "nan"], "nan is not a rate"),
        (["tail", "--count", "abc"], "abc is not a whole number above 0"),
    ],
)
def test_a_value_that_cannot_be_is_a_usage_error_in_words(words, expected, capfd):
    try:
        status = main(words)
    except SystemExit as end:  # argparse
        status = end.code
    assert status == 2
    err = capfd.readouterr().err
    assert expected in err
    assert "_positive" not in err
    assert "_whole" not in err


def test_every_file_that_is_missing_is_named(tmp_path, capfd):
    words = ["replay", "--video", str(tmp_path / "one.mp4"), "--ecg", str(tmp_path / "two.csv")]
    assert main(words) == 2
    sentences = said(capfd)
    assert [("one.mp4" in line, "two.csv" in line) for line in sentences] == [(True, False), (False, True)]


def test_a_column_that_the_file_has_not_is_a_usage_error(tmp_path, capfd):
    signals = written(tmp_path / "wrist.csv", "time,EDA\n" + "".join(f"{i / 4},{i % 3}\n" for i in range(80)))
    assert main(["replay", "--bundle", bundle_name(), "--signals", signals, "--map", "eda=nope"]) == 2
    (sentence,) = said(capfd)
    assert "--map" in sentence
    assert "'nope'" in sentence


def test_a_file_that_the_bundle_cannot_use_is_named_with_status_69(tmp_path, capfd):
    name = bundle_name()
    if load_bundle(name).front_end("physio") is None:
        pytest.skip("this bundle reads no ECG")
    slow = ecg_csv(tmp_path / "slow.csv", rate_hz=20)
    assert main(["replay", "--bundle", name, "--ecg", str(slow)]) == 69
    (sentence,) = said(capfd)
    assert "slow.csv" in sentence


def test_a_broker_that_is_not_there_is_one_sentence_with_status_69(capfd):
    assert main(["tail", "--port", "1"]) == 69
    (sentence,) = said(capfd)
    assert "127.0.0.1:1" in sentence


def test_two_sources_of_one_name_are_refused(tmp_path):
    from edge_mm import UsageError, replay
    from edge_mm.sources import AudioFile

    sound = bursts(tmp_path / "s.wav", count=1)
    with pytest.raises(UsageError, match="two sources are called 'audio'"):
        list(replay(bundle_name(), AudioFile(sound, name="audio"), audio=sound))


@pytest.mark.parametrize("option", ["--video", "--audio", "--ecg", "--ppg"])
def test_an_address_is_no_recording_and_its_password_is_not_shown(option, capfd):
    assert main(["replay", "--bundle", bundle_name(), option, "rtsp://me:s3cret@camera/1"]) == 2
    (sentence,) = said(capfd)
    assert "s3cret" not in sentence


def test_check_and_run_do_not_show_the_password_of_a_camera_that_is_not_there(tmp_path, capfd):
    config = written(
        tmp_path / "c.toml",
        HEAD + '[[source]]\nname="c"\nkind="video"\ndevice="rtsp://me:s3cret@127.0.0.1:1/x"\nrate_hz=1e9\n',
    )
    for verb in ("check", "run"):
        assert main([verb, "-c", config]) == 78
        captured = capfd.readouterr()
        assert "s3cret" not in captured.out + captured.err
        assert "127.0.0.1" in captured.out + captured.err


def test_init_opens_no_file_that_somebody_put_there_and_leaves_none(tmp_path, capfd):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "c.toml.partial").symlink_to(victim)
    assert main(["init", "-q", "--output", str(folder / "c.toml")]) == 0
    assert victim.read_text() == "mine"
    assert (folder / "c.toml").stat().st_mode & 0o777 == 0o600
    (folder / "full").mkdir()
    (folder / "full" / "x").touch()
    assert main(["init", "-q", "--force", "--output", str(folder / "full")]) == 1
    assert main(["init", "-q", "--output", str(folder / ("x" * 300))]) == 2
    assert all("cannot be written" in line or "File name too long" in line for line in said(capfd))
    assert {path.name for path in folder.iterdir()} == {"c.toml", "c.toml.partial", "full"}
