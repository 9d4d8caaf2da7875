"""``edge-mm dashboard`` as a command: what it says when it cannot serve, how it ends, https."""

import shutil
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request

import pytest
from dashboard_page import served

from edge_mm.cli import main

pytestmark = pytest.mark.devices


def test_without_its_extra_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "nicegui", None)  # as Python marks a module that is not to be had
    assert main(["dashboard", "--broker", "127.0.0.1"]) == 78
    assert "pip install 'edge-mm[dashboard]'" in capsys.readouterr().err


def test_a_port_that_is_taken_is_one_sentence(capsys):
    pytest.importorskip("nicegui", reason="not here: the extra [dashboard]")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["dashboard", "--broker", "127.0.0.1", "--http-port", str(port)]) == 1
    err = capsys.readouterr().err
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another with --http-port" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--https-cert", "c.pem"], "--https-cert and --https-key go together"),
        (["--https-cert", "c.pem", "--https-key", "k.pem"], "c.pem: no such file"),
        (["--add-user", "anna"], "--add-user needs --password-file FILE"),
    ],
)
def test_options_that_cannot_be_are_one_sentence(words, said, tmp_path, monkeypatch, capsys):
    pytest.importorskip("nicegui", reason="not here: the extra [dashboard]")
    monkeypatch.chdir(tmp_path)
    assert main(["dashboard", "--broker", "127.0.0.1", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_quietly_when_it_is_told_to(number, tmp_path):
    with (tmp_path / "err").open("w+") as err:
        with served(stderr=err) as (_, url, process):
            with urllib.request.urlopen(url, timeout=20) as answer:
                assert answer.status == 200
            process.send_signal(number)
            assert process.wait(20) in (0, 128 + number)
        err.seek(0)
        assert err.read() == ""


def test_it_serves_https_with_a_certificate_of_ours(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: apt install openssl")
    cert, key = tmp_path / "c.pem", tmp_path / "k.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=False, capture_output=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    with served("--https-cert", str(cert), "--https-key", str(key)) as (_, url, _):
        assert url.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(cert))
        with urllib.request.urlopen(url, timeout=20, context=trusting) as answer:
            assert b"edge-mm" in answer.read()


def test_a_certificate_that_is_none_is_one_sentence(tmp_path, capsys):
    pytest.importorskip("nicegui", reason="not here: the extra [dashboard]")
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).write_text("not a certificate\n")
    words = ["--https-cert", str(tmp_path / "c.pem"), "--https-key", str(tmp_path / "k.pem"), "--http-port", "0"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        words[-1] = str(probe.getsockname()[1])
    assert main(["dashboard", "--broker", "127.0.0.1", *words]) == 78
    assert "no certificate with its key" in capsys.readouterr().err
