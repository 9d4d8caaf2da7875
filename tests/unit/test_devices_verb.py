"""`edge-mm devices`: lines that can be pasted, and what is said where a package or a radio is missing."""

import json
import os
import pty
import sys
import tomllib

import pytest

from edge_mm.cli import main
from edge_mm.daemon.config import parse_config
from edge_mm.daemon.verb_devices import source_lines
from edge_mm.errors import SourceError
from edge_mm.sources import discover_ble
from edge_mm.sources.discovery import i2c_parts


@pytest.mark.parametrize(
    ("kind", "device"),
    [
        ("video", '/dev/v4l/by-id/usb-A "quoted" camera-video-index0'),
        ("audio", "USB Audio: - (hw:1,0)"),
        ("ecg", "/dev/serial/by-id/usb-Arduino"),
        ("ppg", "i2c:1"),
        ("heart_rate", "ble:C0:11:22:33:44:55"),
    ],
)
def test_the_lines_of_a_device_are_a_configuration_that_is_accepted(kind, device, tmp_path):
    lines = [*source_lines(kind, device, number=1), *source_lines(kind, device, number=2, others="another")]
    text = "\n".join(['version = 1\ndevice_id = "d"', *lines])
    config = parse_config(tomllib.loads(text), file="c.toml", folder=tmp_path)
    assert [(one.kind, one.device) for one in config.source] == [(kind, device)] * 2


def test_a_node_that_is_no_i2c_bus_and_a_folder_without_one_give_nothing(tmp_path):
    assert i2c_parts(tmp_path) == []
    (tmp_path / "i2c-7").write_bytes(b"no bus")
    far, near = pty.openpty()
    (tmp_path / "i2c-8").symlink_to(os.ttyname(near))
    assert i2c_parts(tmp_path) == []
    os.close(far)
    os.close(near)


def test_a_package_that_is_missing_is_named_with_its_extra_and_is_no_failure(monkeypatch, capsys):
    for module in ("smbus2", "bleak", "pyaudio"):
        monkeypatch.setitem(sys.modules, module, None)
    assert main(["devices", "--scan", "--json"]) == 0
    missing = json.loads(capsys.readouterr().out)["not_looked_for"]
    assert "edge-mm[i2c]" in missing["i2c_parts"]
    assert "edge-mm[ble]" in missing["bluetooth"]
    assert "edge-mm[mic]" in missing["microphones"]
    assert main(["devices"]) == 0
    out = capsys.readouterr().out
    assert "i2c parts: not looked for: needs smbus2: pip install 'edge-mm[i2c]'" in out
    assert "bluetooth: not looked for: takes seconds: edge-mm devices --scan" in out


def test_bluetooth_without_a_bus_is_a_sentence_that_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'no-bus'}")
    with pytest.raises(SourceError, match=r"edge-mm\[ble\]|apt install dbus bluez"):
        discover_ble(0.1)


def test_every_kind_says_whether_it_ever_ran_on_a_real_part(capsys):
    assert main(["devices", "--json"]) == 0
    assert all("only" in text for text in json.loads(capsys.readouterr().out)["ran_on"].values())
