"""What a command does when its output is full, closed, or nobody reads it any more."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from installation import ROOT, environment
from recordings import ANY_SOUND, bundle_name, bursts

from edge_mm.cli import main

COMMAND = [sys.executable, "-m", "edge_mm.cli"]
ENV = environment()


@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("words", [["bundle", "inspect"], ["--help"]])
def test_an_output_that_is_full_is_one_sentence_with_status_1(words, unbuffered):
    words = [*words, bundle_name()] if words[0] == "bundle" else words
    env = {**ENV, "PYTHONUNBUFFERED": "1" if unbuffered else ""}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *words], check=False, stdout=full, stderr=subprocess.PIPE, text=True, env=env, timeout=60
        )
    assert done.returncode == 1
    assert done.stderr == "edge-mm: the output cannot be written: No space left on device\n"


def test_an_output_that_is_closed_is_one_sentence_with_status_1(tmp_path):
    sound = bursts(tmp_path / "s.wav", count=1)
    words = ["replay", "--json", "--bundle", bundle_name(), "--audio", str(sound)]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, *words],
        check=False, stderr=subprocess.PIPE, text=True, env=ENV, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "edge-mm: the output is closed: there is nowhere to print to\n"


def test_a_reader_that_goes_away_ends_the_replay_quietly(tmp_path):
    sound = bursts(tmp_path / "s.wav", count=12)
    config = tmp_path / "c.toml"
    config.write_text(f'version = 1\ndevice_id = "d"\nbundle = "{bundle_name()}"\n[rules]\n{ANY_SOUND}')
    with subprocess.Popen(
        [*COMMAND, "replay", "--json", "--config", str(config), "--audio", str(sound)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENV,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read().decode()
        assert process.wait(60) == 141
    assert "Traceback" not in err
    assert "Error" not in err


def redirected(redirection: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, started by a shell that redirects its streams."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *COMMAND, *words],
        check=False, capture_output=True, text=True, env=ENV, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-", "<&- 2>&-"])
def test_a_standard_error_that_is_full_or_closed_does_not_change_the_exit_status(redirection, tmp_path):
    (tmp_path / "edge-mm.toml").write_text("version = 1\ncolour = 3\n")
    for words, status in (
        (["run", "-c", str(tmp_path / "edge-mm.toml")], 78),
        (["bundle", "verify", bundle_name()], 0),
    ):
        assert redirected(redirection, *words).returncode == status


def test_with_a_closed_standard_error_a_recording_is_replayed_all_the_same(tmp_path):
    sound = bursts(tmp_path / "s.wav", count=1)
    done = redirected("2>&-", "replay", "--json", "--bundle", bundle_name(), "--audio", str(sound))
    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[-1])["samples"] == {"audio": 50}


def test_an_error_of_something_else_is_not_blamed_on_the_output(monkeypatch, capsys):
    from edge_mm.daemon import verb_devices

    def broken(_args):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(verb_devices, "main", broken)
    assert main(["devices"]) == 1
    assert "unexpected OSError: [Errno 5] Input/output error" in capsys.readouterr().err
