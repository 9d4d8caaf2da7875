"""What sources need: nodes that this user may open, packages, a Coral that answers."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from other_user import BECOME_NOBODY, opened
from simulated_board import board_in

from edge_mm.daemon import doctor_access, doctor_parts
from edge_mm.daemon.config_source import SourceConfig
from edge_mm.models.profile import load_profile

CORAL, PI = load_profile("coral-usb"), load_profile("raspberry-pi-4")


def node(root: Path, name: str, mode: int = 0o660) -> Path:
    path = root / "dev" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.chmod(mode)
    return path


def camera(device: str | int, name: str = "cabin") -> SourceConfig:
    return SourceConfig(name=name, kind="video", device=device)


def test_a_camera_that_is_not_there_names_those_that_are(tmp_path):
    node(tmp_path, "video2")
    found = list(doctor_access.access([camera(0)], tmp_path))
    assert (found[0].level, found[0].status) == ("error", 69)
    assert found[0].found == "/dev/video0 is not there"
    assert "/dev/video2" in found[0].do


def test_an_i2c_bus_that_is_not_there_says_how_it_is_switched_on(tmp_path):
    source = SourceConfig(name="finger", kind="ppg", device="i2c:1")
    (found,) = doctor_access.access([source], tmp_path)
    assert "do_i2c 0" in found.do


def test_a_camera_by_address_needs_no_node(tmp_path):
    assert not list(doctor_access.access([camera("rtsp://me:s3cret@host/1")], tmp_path))


def test_a_microphone_without_a_card_and_without_a_sound_server_is_an_error(tmp_path, monkeypatch):
    monkeypatch.delenv("PULSE_SERVER", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    source = SourceConfig(name="mic", kind="audio")
    (found,) = doctor_access.access([source], tmp_path)
    assert (found.level, "no sound card" in found.found) == ("error", True)
    node(tmp_path, "snd/pcmC1D0c")
    (found,) = doctor_access.access([source], tmp_path)
    assert found.level == "ok"


def test_bluetooth_that_is_switched_off_says_how_to_switch_it_on(tmp_path):
    source = SourceConfig(name="strap", kind="rr", device="ble:Polar H10")
    assert "no Bluetooth adapter" in next(doctor_access.access([source], tmp_path)).found
    (tmp_path / "sys/class/bluetooth/hci0").mkdir(parents=True)
    switch = tmp_path / "sys/class/rfkill/rfkill0"
    switch.mkdir(parents=True)
    for name, text in {"type": "bluetooth\n", "soft": "1\n", "hard": "0\n"}.items():
        (switch / name).write_text(text)
    assert "rfkill unblock bluetooth" in next(doctor_access.access([source], tmp_path)).do


AS_NOBODY = """
import json, os, sys
from pathlib import Path
import msgspec
from edge_mm.daemon.config_source import SourceConfig
from edge_mm.daemon.doctor_access import access
BECOME_NOBODY
sources = [SourceConfig(name="cabin", kind="video", device=0)]
print(json.dumps([msgspec.to_builtins(one) for one in access(sources, Path(sys.argv[1]))]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="not here: only root can become another user")
def test_another_user_is_told_which_group_or_rule_lets_him_in(tmp_path):
    root = tmp_path / "board"
    # Groups of Debian that are there everywhere: video 44, dialout 20.
    os.chown(node(root, "video0"), 0, 44)
    os.chown(node(root, "ttyUSB0"), 0, 20)
    node(root, "i2c-1", 0o600)
    node(root, "video1", 0o666)
    opened(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY.replace("BECOME_NOBODY", BECOME_NOBODY), str(root)],
        check=True, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    found = {(one["part"], one["level"]): one for one in json.loads(done.stdout)}
    denied = found["source cabin", "error"]
    assert "/dev/video0: this user may not open it (-rw-rw---- root:video)" in denied["found"]
    assert denied["do"] == "sudo usermod -aG video nobody, then log out and in"
    assert "dialout nobody" in found["serial port", "warning"]["do"]
    assert 'SUBSYSTEM=="i2c-dev", GROUP="i2c"' in found["i2c", "warning"]["do"]
    assert found["camera", "ok"]["found"].startswith("/dev/video1")


def test_a_package_that_is_missing_names_its_extra():
    sources = [
        SourceConfig(name="a", kind="ecg", device="lsl:polar"),
        SourceConfig(name="b", kind="audio", device="drive.mp4"),
        SourceConfig(name="c", kind="ecg", device="/dev/ttyUSB0"),
        camera(0),
    ]
    found = {remark.part: remark for remark in doctor_parts.packages(sources, live={"a", "c", "cabin"})}
    assert set(found) == {"source a", "source b"}
    lsl = found["source a"]
    assert lsl.level == "ok" or (lsl.status, lsl.do) == (78, "pip install 'edge-mm[lsl]'")


def test_the_runtime_is_loaded_in_a_process_of_its_own(monkeypatch):
    (found,) = doctor_parts.runtime()
    assert found.level == "ok"
    monkeypatch.setenv("EDGE_MM_BACKEND", "abacus")
    (found,) = doctor_parts.runtime()
    assert (found.level, found.status) == ("error", 78)
    assert "EDGE_MM_BACKEND=abacus" in found.found


def test_nothing_is_loaded_where_no_coral_is_plugged_in_or_named(tmp_path):
    board_in(tmp_path, usb=["046d:0825"])
    assert not list(doctor_parts.coral(PI, tmp_path))
    (found,) = doctor_parts.coral(CORAL, tmp_path)
    assert "none is plugged in (1a6e:089a or 18d1:9302)" in found.found


@pytest.mark.parametrize(("usb", "state"), [("1a6e:089a", "before its firmware"), ("18d1:9302", "with its firmware")])
def test_a_coral_that_is_plugged_in_is_told_by_its_number_and_its_port(usb, state, tmp_path):
    board_in(tmp_path, usb=[usb])
    device = tmp_path / "sys/bus/usb/devices/1-0"
    for name, text in {"speed": "480\n", "busnum": "1\n", "devnum": "7\n"}.items():
        (device / name).write_text(text)
    path = node(tmp_path, "bus/usb/001/007")
    first, slow, library = doctor_parts.coral(PI, tmp_path, library="libno-such-tpu.so.1")
    assert usb in first.found and state in first.found
    assert "USB 2" in slow.found
    assert (library.level, "not installed" in library.found) == ("warning", True)
    assert "libedgetpu1-std" in library.do
    assert doctor_parts.coral_nodes(tmp_path) == [path]


REFUSES = """
#include <stddef.h>
typedef const char *const *words;
void *tflite_plugin_create_delegate(words keys, words values, size_t count, void (*report)(const char *)) {
  report("no device answers");
  return NULL;
}
void tflite_plugin_destroy_delegate(void *d) {}
"""
HANGS = "#include <unistd.h>\n__attribute__((constructor)) static void wait(void) { pause(); }\n"
CRASHES = "__attribute__((constructor)) static void fall(void) { *(volatile int *)0 = 1; }\n"


def library(folder: Path, source: str) -> str:
    """A real shared library, compiled here."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    (folder / "l.c").write_text(source)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / "libtpu.so", folder / "l.c"], check=True)
    return str(folder / "libtpu.so")


@pytest.mark.parametrize(
    ("source", "text"), [(REFUSES, "does not load"), (HANGS, "no answer within 5 s"), (CRASHES, "SIGSEGV")]
)
def test_an_accelerator_that_refuses_hangs_or_crashes_takes_only_its_child_with_it(source, text, tmp_path):
    found = doctor_parts.handshake(library(tmp_path, source), deadline_s=5)
    assert found.level == "warning"
    assert text in found.found
    assert "CPU" in found.do
