"""The systemd unit: systemd's own tools accept it, and installing says what it does."""

import grp
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from other_user import BECOME_NOBODY, opened

from edge_mm.cli import main
from edge_mm.daemon import verb_service
from edge_mm.daemon.service import GROUPS, STATE, Service, known_groups, unit, writable_folders
from edge_mm.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is absent: apt install systemd")
ODD = "edge mm 100% $HOME 'q' \"d\" b\\s"
"""All that systemd's syntax knows."""


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(ANALYZE), *words], check=False, capture_output=True, text=True, timeout=120)


def program(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "edge-mm"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def written(folder: Path, **changes: object) -> Path:
    parts = {
        "command": (str(program(folder / "bin")),),
        "config": folder / "edge-mm.toml",
        "user": "edge-mm",
        "groups": known_groups(GROUPS),
    }
    path = folder / "edge-mm.service"
    path.write_text(unit(Service(**{**parts, **changes})))
    return path


@needs_systemd
def test_systemd_reads_the_unit_without_a_word(tmp_path):
    done = analyze("verify", written(tmp_path))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
def test_the_unit_is_exposed_to_at_most_3_of_10(tmp_path):
    done = analyze("security", "--offline=true", "--threshold=30", written(tmp_path))
    assert done.returncode == 0, done.stdout
    assert "Overall exposure level for edge-mm.service: 2." in done.stdout


@needs_systemd
def test_systemd_finds_a_program_whose_path_has_every_odd_letter_and_complains_about_one_that_is_not_there(tmp_path):
    odd = program(tmp_path / "edge mm 100% $HOME; x")
    config = tmp_path / ODD / "c.toml"
    done = analyze("verify", written(tmp_path, command=(str(odd),), writable=(config.parent,), config=config))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    done = analyze("verify", written(tmp_path, command=(str(odd.parent / "other"),)))
    assert "other is not executable" in done.stderr


@needs_systemd
def test_the_call_that_tells_whether_the_clock_is_synchronised_is_allowed(tmp_path):
    # With it denied every clock would look synchronised; @system-service alone denies it.
    assert "adjtime" not in analyze("syscall-filter", "@system-service").stdout
    lines = written(tmp_path).read_text().splitlines()
    filters = [line.removeprefix("SystemCallFilter=") for line in lines if line.startswith("SystemCallFilter=")]
    assert {"adjtimex", "clock_adjtime"} <= set(filters[-1].split())
    assert not any(line.startswith("ProtectClock=") for line in lines)


def test_only_groups_that_exist_here_are_named_or_systemd_would_not_start_it():
    there = {entry.gr_name for entry in grp.getgrall()}
    assert set(known_groups(GROUPS)) == set(GROUPS) & there
    assert known_groups(["no-such-group-here", "video"]) == (("video",) if "video" in there else ())


def test_an_outbox_elsewhere_is_writable_and_a_home_is_read_only_but_there(tmp_path):
    assert writable_folders(STATE / "outbox.sqlite") == writable_folders(STATE / "o", STATE / "recordings") == ()
    assert writable_folders(STATE / "outbox.sqlite", Path("/home/pi/kept")) == (Path("/home/pi"),)
    assert writable_folders(STATE / "outbox.sqlite", tmp_path) == (tmp_path,)
    text = written(
        tmp_path, config=Path("/home/pi/edge-mm.toml"), user="pi", writable=writable_folders(Path("/home/pi/o.sqlite"))
    ).read_text()
    assert "ReadWritePaths=-/home/pi\n" in text
    assert "ProtectHome=read-only\n" in text
    assert "EnvironmentFile=-/home/pi/edge-mm.env\n" in text
    assert "ProtectHome=yes\n" in written(tmp_path, config=Path("/etc/edge-mm/edge-mm.toml")).read_text()


@pytest.mark.parametrize(
    "changes",
    [
        {"config": Path("/etc/a\nExecStart=/bin/sh")},
        {"config": Path("relative.toml")},
        {"user": "edge mm"},
        {"user": "x\nUser=root"},
        {"command": ("/opt/\x01/edge-mm",)},
        {"command": ('/opt/"quoted"/edge-mm',)},
    ],
)
def test_what_would_become_another_line_of_the_unit_is_refused(changes, tmp_path):
    with pytest.raises(UsageError):
        written(tmp_path, **changes)


def verb(*words: str, as_nobody: bool = False) -> subprocess.CompletedProcess[str]:
    code = (
        "import os, sys, edge_mm.cli, edge_mm.daemon.verb_service, edge_mm.sources.files;"
        f"{BECOME_NOBODY if as_nobody and os.geteuid() == 0 else ''}"
        "sys.exit(edge_mm.cli.main(['install-service', *sys.argv[1:]]))"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *words], check=False, capture_output=True, text=True, timeout=60, cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@needs_systemd
def test_anybody_may_print_the_unit(tmp_path):
    done = verb("--print", as_nobody=True)
    assert done.returncode == 0, done.stderr
    for line in ("Type=notify", "WatchdogSec=30", "RestartPreventExitStatus=2 78", "User=edge-mm"):
        assert f"\n{line}\n" in done.stdout
    assert "run -c /etc/edge-mm/edge-mm.toml\n" in done.stdout
    (tmp_path / "edge-mm.service").write_text(done.stdout)
    assert analyze("security", "--offline=true", "--threshold=30", tmp_path / "edge-mm.service").returncode == 0


def test_who_is_not_root_is_told_so_in_a_sentence_and_nothing_is_written(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text('version = 1\ndevice_id = "d"\n')
    opened(tmp_path)
    before = Path("/etc/systemd/system/edge-mm.service").exists()
    for words in (["--config", str(config)], ["--uninstall"]):
        done = verb(*words, as_nobody=True)
        assert done.returncode == 1
        assert done.stderr.startswith("edge-mm: only root may do that")
        assert "Traceback" not in done.stderr
    assert Path("/etc/systemd/system/edge-mm.service").exists() == before


def test_it_is_written_into_an_image_and_taken_out_again(tmp_path, capfd):
    config = tmp_path / "c.toml"
    config.write_text('version = 1\ndevice_id = "d"\n[outbox]\npath = "/var/lib/edge-mm/outbox.sqlite"\n')
    words = ["install-service", "--root", str(tmp_path / "image"), "-c", str(config)]
    assert main(words) == 0
    target = tmp_path / "image/etc/systemd/system/edge-mm.service"
    assert f"written: {target}" in capfd.readouterr().out
    assert target.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in target.parent.iterdir()] == ["edge-mm.service"]
    assert "ReadWritePaths" not in target.read_text()
    assert main([*words, "--uninstall"]) == 0
    assert not target.exists()
    assert main([*words, "--uninstall"]) == 1
    assert "nothing to uninstall" in capfd.readouterr().err


def test_a_service_that_is_installed_where_systemd_does_not_run_starts_with_the_board(tmp_path, monkeypatch):
    monkeypatch.setattr(verb_service, "_systemd_runs", lambda: False)
    monkeypatch.setattr(verb_service, "_made_user", lambda _: iter(()))
    monkeypatch.setattr(verb_service, "_readable", lambda _: iter(()))
    monkeypatch.setattr(verb_service, "_write", lambda *_: None)
    enabled: list[Path] = []
    monkeypatch.setattr(verb_service, "_enable", enabled.append)
    said = list(verb_service.install(Service(("/opt/edge-mm/bin/edge-mm",), tmp_path / "c.toml", "edge-mm"), ""))
    assert said[-1].endswith("it will with the next start of the board")
    assert enabled == [Path("/")]
    monkeypatch.undo()

    verb_service._enable(tmp_path)
    folder = tmp_path / "etc/systemd/system"
    link = folder / "multi-user.target.wants/edge-mm.service"
    assert str(link.readlink()) == "/etc/systemd/system/edge-mm.service"
    (folder / "edge-mm.service").write_text("")
    assert len(list(verb_service.uninstall(tmp_path))) == 1
    assert not link.is_symlink()


@pytest.mark.parametrize(("content", "status"), [(None, 2), ("version = 99\n", 78)])
def test_a_configuration_that_is_absent_or_wrong_is_not_installed(content, status, tmp_path, capfd):
    config = tmp_path / "c.toml"
    if content is not None:
        config.write_text(content)
    assert main(["install-service", "--root", str(tmp_path / "image"), "-c", str(config)]) == status
    assert not (tmp_path / "image").exists()
    assert str(config) in capfd.readouterr().err
