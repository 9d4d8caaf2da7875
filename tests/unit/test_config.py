"""edge-mm.toml: what is accepted, and that everything wrong is said at once."""

import os
from pathlib import Path

import pytest

from edge_mm.daemon.config import Config, load_config, load_parts
from edge_mm.daemon.plan import plan_sources
from edge_mm.errors import ConfigError, UsageError


def write(folder: Path, text: str) -> Path:
    path = folder / "edge-mm.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as error:
        load_config(write(folder, text))
    return error.value.problems


HEAD = 'version = 1\ndevice_id = "car-7"\n'


def test_the_smallest_file_is_accepted_with_defaults(tmp_path):
    config = load_config(write(tmp_path, HEAD))
    assert (config.bundle, config.profile, config.mqtt.port, config.source) == ("driver", "auto", 1883, ())


def test_relative_files_count_from_the_folder_of_the_configuration(tmp_path, monkeypatch):
    (tmp_path / "ecg.csv").write_text("t,ecg\n0,0\n")
    path = write(tmp_path, HEAD + '[outbox]\npath = "o.db"\n[[source]]\nname="e"\nkind="ecg"\ndevice="ecg.csv"\n')
    monkeypatch.chdir("/")
    config = load_config(path)
    assert config.outbox.path == str(tmp_path / "o.db")
    assert config.source[0].device == str(tmp_path / "ecg.csv")


def source(kind: str, device: str) -> str:
    return f'[[source]]\nname = "{kind}"\nkind = "{kind}"\ndevice = "{device}"\n'


def test_a_recording_counts_from_the_folder_whether_it_is_there_or_not(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "USB").mkdir()  # a folder of a microphone's name is no sound file
    (tmp_path / "s.wav").touch()
    text = HEAD + source("ecg", "mitdb/208") + source("video", "drive.mp4") + source("ppg", "~/ppg.csv")
    path = write(tmp_path, text + source("audio", "s.wav"))
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", "/home/me")
    devices = [one.device for one in load_config(path).source]
    assert devices == [f"{tmp_path}/mitdb/208", f"{tmp_path}/drive.mp4", "/home/me/ppg.csv", f"{tmp_path}/s.wav"]
    assert load_config(write(tmp_path, HEAD + source("audio", "USB"))).source[0].device == "USB"


def test_a_link_to_a_device_stays_a_link_because_it_may_point_elsewhere_tomorrow(tmp_path):
    (tmp_path / "ttyUSB0").touch()
    (tmp_path / "by-id").symlink_to("ttyUSB0")
    (one,) = load_config(write(tmp_path, HEAD + source("ecg", f"{tmp_path}/by-id"))).source
    assert one.device == f"{tmp_path}/by-id"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('bundle = "~nosuchuser/x.edgemm"\n', "bundle"),
        ('profile = "circle.toml"\n', "profile"),
        ('[outbox]\npath = "' + "x" * 5000 + '"\n', "outbox.path"),
        ('[outbox]\npath = "a\\u0000b"\n', "outbox.path"),
        ('[mqtt]\ntls_ca = "~nosuchuser/ca.pem"\n', "mqtt.tls_ca"),
        (source("video", "circle.toml"), "source[0].device"),
        (source("ecg", "~nosuchuser/e.csv"), "source[0].device"),
        (source("ecg", "a\\u0000b"), "source[0].device"),
    ],
)
def test_a_path_that_can_be_none_is_a_problem_of_its_key(text, key, tmp_path):
    (tmp_path / "circle.toml").symlink_to("circle.toml")
    (found,) = problems(tmp_path, HEAD + text)
    assert found.removeprefix(f"{tmp_path}/edge-mm.toml: ").startswith(f"{key}: ")


@pytest.mark.parametrize("how", ["circle", "fifo", "folder", "zero", "long", "null"])
def test_what_is_no_regular_file_is_refused_and_never_waited_for(how, tmp_path):
    path = tmp_path / "edge-mm.toml"
    if how == "circle":
        path.symlink_to(path)
    elif how == "fifo":
        os.mkfifo(path)
    elif how == "folder":
        path.mkdir()
    name = {"zero": "/dev/zero", "long": "x" * 5000, "null": "a\0b"}.get(how, str(path))
    with pytest.raises((ConfigError, UsageError)):
        load_config(name)


@pytest.mark.parametrize("key", ["col-our", '"a: b"', '"mqtt.port: x"', '""', '"\u00e9 [x]"'])
def test_an_unknown_key_hides_no_other_problem(key, tmp_path):
    path = write(tmp_path, f"{key} = 1\nprofile = 3\n" + HEAD + source("audio", "s") + source("sound", "s"))
    parts = load_parts(path)
    assert len(parts.problems) == 3
    assert {"profile", "source[1]"} <= parts.wrong.keys()
    assert [one.name for one in parts.config.source] == ["audio"]


def test_a_camera_index_and_a_url_stay_as_they_are(tmp_path):
    text = (
        HEAD + '[[source]]\nname="a"\nkind="video"\ndevice=0\n[[source]]\nname="b"\nkind="video"\ndevice="rtsp://h/x"\n'
    )
    assert [source.device for source in load_config(write(tmp_path, text)).source] == [0, "rtsp://h/x"]


def test_every_problem_is_said_at_once_with_file_key_and_allowed_values(tmp_path):
    found = problems(
        tmp_path,
        'version = 1\ndevice_id = "car 7"\nbundel = "x"\n'
        '[[source]]\nname = "cabin"\nkind = "vidio"\n[[source]]\nname = "cabin"\nkind = "audio"\nbaud = 9600\n'
        '[mqtt]\nport = "x"\n[log]\nlevel = "loud"\n',
    )
    text = "\n".join(found)
    assert all(str(tmp_path / "edge-mm.toml") in line for line in found)
    for expected in (
        "bundel: unknown key (did you mean 'bundle'?); allowed: version, device_id",
        "device_id: 'car 7' is wrong: it must be text: 1 to 64 letters",
        "source[0].kind: 'vidio' is wrong: it must be one of 'video', 'audio', 'ecg', 'ppg'",
        "source[1].name: 'cabin' is used twice",
        "source[1].baud: means nothing for kind 'audio'",
        "mqtt.port: 'x' is wrong: it must be a whole number",
        "log.level: 'loud' is wrong: it must be one of 'debug', 'info', 'warning', 'error'",
    ):
        assert expected in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "device_id: missing"),
        ('device_id = "a"\n', "version: missing"),
        ('version = 2\ndevice_id = "a"\n', "version: 2 is not a version that this edge-mm reads; it reads 1"),
        (HEAD + "[mqtt\n", "not valid TOML"),
        (HEAD + "source = 3\n", "source: write it as [[source]]"),
        (HEAD + '[[source]]\nname="e"\nkind="ecg"\n', "source[0].device: missing"),
        (HEAD + '[mqtt]\npassword = "p"\n', "password without a user name"),
        (HEAD + '[mqtt]\npassword_file = "p"\n', "mqtt.username: missing"),
        (HEAD + "[mqtt]\nport = 0\n", "mqtt: port 0 is not between 1 and 65535"),
        (HEAD + "[rules]\neyes_closed_sec = 2\n", "[rules] eyes_closed_sec: unknown key; did you mean eyes_closed_s"),
        (HEAD + '[mqtt]\ntls_ca = "none.pem"\n', "mqtt.tls_ca"),
        (HEAD + '[mqtt]\nbase_topic = "a/#"\n', "base topic"),
        (HEAD + '[mqtt]\nusername = "u"\npassword = "${EDGE_MM_TEST_UNSET}"\n', "EDGE_MM_TEST_UNSET is not set"),
        (HEAD + "rules = 3\n", "rules"),
    ],
)
def test_bad_input_is_one_sentence_that_names_the_key(tmp_path, text, expected):
    assert any(expected in line for line in problems(tmp_path, text))


def test_a_file_of_the_broker_that_is_not_there_hides_no_other_problem(tmp_path):
    (tmp_path / "c.pem").write_text("x")
    table = '[mqtt]\ntls_ca = "ca.pem"\ntls_server_name = "b"\ntls_cert = "c.pem"\ntls_key = "k.pem"\n'
    first, second = problems(tmp_path, HEAD + table)
    assert first.endswith(f"mqtt.tls_ca: {tmp_path / 'ca.pem'}: no such file")
    assert second.endswith(f"mqtt.tls_key: {tmp_path / 'k.pem'}: no such file")


def test_a_password_in_a_file_that_mqtt_cannot_send_is_a_problem_of_its_table_alone(tmp_path):
    (tmp_path / "pw").write_bytes(b"s3cret\x01\n")
    (tmp_path / "pw").chmod(0o600)
    path = write(tmp_path, HEAD + '[mqtt]\nusername = "u"\npassword_file = "pw"\n')
    (found,) = load_parts(path).wrong["mqtt"]
    assert found == f"{path}: mqtt: password has a control character or is no UTF-8"


def test_a_file_that_is_not_text_is_a_configuration_error(tmp_path):
    path = tmp_path / "edge-mm.toml"
    path.write_bytes(b"\xff\xfe\x00version")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(path)


def test_a_missing_file_is_a_usage_error_that_names_init(tmp_path):
    with pytest.raises(UsageError, match="edge-mm init"):
        load_config(tmp_path / "none.toml")


def test_the_password_comes_from_environment_or_file_and_is_never_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGE_MM_TEST_PASSWORD", "s3cret-A")
    (tmp_path / "pw").write_text("s3cret-B\nnot this\n")
    (tmp_path / "pw").chmod(0o644)
    with pytest.raises(ConfigError, match=r"others may read it \(644\); chmod 600 it"):
        load_config(write(tmp_path, HEAD + '[mqtt]\nusername="u"\npassword_file="pw"\n'))
    (tmp_path / "pw").chmod(0o600)
    by_env = load_config(write(tmp_path, HEAD + '[mqtt]\nusername="u"\npassword="${EDGE_MM_TEST_PASSWORD}"\n'))
    by_file = load_config(write(tmp_path, HEAD + '[mqtt]\nusername="u"\npassword_file="pw"\n'))
    assert (by_env.mqtt.password, by_file.mqtt.password) == ("s3cret-A", "s3cret-B")
    assert "s3cret" not in repr(by_env) + repr(by_file)
    wrong = problems(tmp_path, HEAD + "[mqtt]\nusername='u'\npassword=123456\n")
    assert "123456" not in "\n".join(wrong)


@pytest.mark.parametrize("host", ["mqtt://me:s3cret@broker:1883", "me:s3cret@broker"])
def test_an_address_in_the_place_of_the_broker_is_refused_and_its_password_is_not_shown(host, tmp_path):
    (found,) = problems(tmp_path, HEAD + f'[mqtt]\nhost = "{host}"\n')
    assert "host is more than the broker's name" in found
    assert "s3cret" not in found


def test_a_config_is_frozen(tmp_path):
    config = load_config(write(tmp_path, HEAD))
    assert isinstance(config, Config)
    with pytest.raises(AttributeError):
        config.device_id = "other"


@pytest.mark.parametrize("word", ["picamera2:0", "gst:videotestsrc ! appsink", "0", "rtsp://host/x"])
def test_a_camera_that_is_no_path_stays_as_it_is_written(tmp_path, word):
    path = tmp_path / "edge-mm.toml"
    path.write_text(f'version = 1\ndevice_id = "d"\n[[source]]\nname = "cam"\nkind = "video"\ndevice = "{word}"\n')
    config = load_config(path)
    assert config.source[0].device == word
    (planned,) = plan_sources(config)
    assert planned.source.live


def test_home_assistants_prefix_cannot_be_the_topic_of_the_alerts(tmp_path):
    text = 'version = 1\ndevice_id = "d"\n[mqtt]\nbase_topic = "homeassistant"\n[home_assistant]\n'
    (tmp_path / "edge-mm.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"home_assistant\.prefix: 'homeassistant' is mqtt\.base_topic too"):
        load_config(tmp_path / "edge-mm.toml")


@pytest.mark.parametrize(
    ("base", "prefix"),
    [("homeassistant/device", "homeassistant"), ("home", "home/assistant"), ("edge_mm", "edge_mm/ha")],
)
def test_nor_can_one_be_a_level_of_the_other(tmp_path, base, prefix):
    text = f'version = 1\ndevice_id = "d"\n[mqtt]\nbase_topic = "{base}"\n[home_assistant]\nprefix = "{prefix}"\n'
    (tmp_path / "edge-mm.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"home_assistant\.prefix: .* is below .*; give one of them another"):
        load_config(tmp_path / "edge-mm.toml")


def test_names_that_only_begin_alike_can_be_prefix_and_topic(tmp_path):
    text = 'version = 1\ndevice_id = "d"\n[mqtt]\nbase_topic = "home"\n[home_assistant]\nprefix = "homeassistant"\n'
    (tmp_path / "edge-mm.toml").write_text(text)
    assert load_config(tmp_path / "edge-mm.toml").home_assistant.prefix == "homeassistant"
