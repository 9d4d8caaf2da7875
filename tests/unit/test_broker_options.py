"""How the verbs that look at a broker find it: the same options, the same defaults."""

import argparse

import pytest

from edge_mm.cli import main
from edge_mm.daemon.broker_options import PASSWORD, add_broker_options, broker_settings
from edge_mm.errors import ConfigError, UsageError

VERBS = ("tail", "dashboard")


def settings(*words):
    parser = argparse.ArgumentParser()
    add_broker_options(parser)
    return broker_settings(parser.parse_args(words))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def pem(folder, name):
    (folder / name).write_text("-----BEGIN CERTIFICATE-----\n")
    return str(folder / name)


def test_without_options_and_configuration_it_is_this_machine():
    found = settings()
    assert (found.host, found.port, found.base_topic, found.uses_tls) == ("127.0.0.1", 1883, "edge_mm", False)


def test_each_option_sets_what_it_names(tmp_path, monkeypatch):
    monkeypatch.setenv(PASSWORD, "secret")
    ca, cert, key = (pem(tmp_path, name) for name in ("ca.pem", "cert.pem", "key.pem"))
    words = ["--host", "10.0.0.7", "--port", "8883", "--username", "me", "--base-topic", "ward/3", "--tls-ca", ca]
    found = settings(*words, "--tls-cert", cert, "--tls-key", key, "--tls-server-name", "broker.local")
    assert (found.where, found.username, found.password) == ("10.0.0.7:8883", "me", "secret")
    assert (found.base_topic, found.tls_server_name, found.uses_tls) == ("ward/3", "broker.local", True)
    assert (found.tls_ca, found.tls_cert, found.tls_key) == (ca, cert, key)
    assert settings("--broker", "b", "--tls").tls


@pytest.fixture
def here(tmp_path):
    text = (
        'version = 1\ndevice_id = "d"\nbundle = "driver"\n[[source]]\nname = "mic"\nkind = "audio"\ndevice = "x.wav"\n'
    )
    (tmp_path / "edge-mm.toml").write_text(text + '[mqtt]\nhost = "home"\nport = 7\nusername = "u"\npassword = "p"\n')


@pytest.mark.usefixtures("here")
def test_a_mistake_elsewhere_in_the_configuration_does_not_keep_anybody_from_the_broker(tmp_path):
    file = tmp_path / "edge-mm.toml"
    right = file.read_text()
    file.write_text(f'{right}[rules]\npresets = ["nobody"]\n[[sink]]\nkind = "led"\n[alarms]\nx = 1\n')
    assert settings().where == "home:7"
    file.write_text(right.replace("port = 7", 'port = "seven"').replace("[mqtt]", "[rules]\nx = 1\n[mqtt]"))
    with pytest.raises(ConfigError, match=r"mqtt\.port") as caught:
        settings()
    assert len(caught.value.problems) == 1


@pytest.mark.usefixtures("here")
def test_the_configuration_here_counts_unless_another_broker_is_named_whose_login_it_is_not():
    assert (settings().where, settings().password) == ("home:7", "p")
    assert settings("--port", "8").where == "home:8"
    other = settings("--host", "other")
    assert (other.where, other.username, other.password) == ("other:1883", None, None)
    assert settings("-c", "edge-mm.toml", "--host", "other").username == "u"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tls-server-name", "x"], "--tls-server-name is the name in the broker's certificate"),
        (["--tls-ca", "nowhere.pem"], "--tls-ca nowhere.pem: no such file"),
        (["--base-topic", "a/#"], "base topic 'a/#'"),
        (["--host", ""], "host is empty"),
        (["--host", "me:secret@b"], "host is more than"),
    ],
)
def test_what_cannot_be_is_one_sentence_about_the_option(words, said):
    with pytest.raises(UsageError, match=said.replace("/#", "/.")):
        settings(*words)


def test_a_certificate_without_its_key_is_said_with_the_options_names(tmp_path):
    with pytest.raises(UsageError, match="--tls-cert and --tls-key go together"):
        settings("--tls-cert", pem(tmp_path, "c.pem"))


@pytest.mark.parametrize("verb", VERBS)
def test_both_verbs_have_them(verb, capsys):
    if verb == "dashboard":
        pytest.importorskip("nicegui", reason="not here: the extra [dashboard]")
    assert main([verb, "--broker", "b", "--tls-ca", "nowhere.pem"]) == 2
    assert "--tls-ca nowhere.pem: no such file" in capsys.readouterr().err


def test_a_port_behind_the_host_is_told_where_it_belongs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["tail", "--broker", "broker.local:1884", "--seconds", "1"]) == 2
    assert (
        "--host broker.local:1884: give the port by itself, --host broker.local --port 1884" in capsys.readouterr().err
    )
