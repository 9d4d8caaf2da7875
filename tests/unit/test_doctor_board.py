"""What `edge-mm doctor` makes of a board's own words."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from simulated_board import board_in

from edge_mm.daemon import doctor_board
from edge_mm.daemon.doctor_broker import judged
from edge_mm.daemon.remark import Remark
from edge_mm.delivery.echo import Echo
from edge_mm.delivery.settings import MqttSettings
from edge_mm.models.profile import load_profile

PI = load_profile("raspberry-pi-4")
POLICY = "sys/devices/system/cpu/cpufreq/policy0/"


def put(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def said(remarks: Iterator[Remark]) -> list[tuple[str, str]]:
    """Level and text; whatever is not well says what to do."""
    kept = list(remarks)
    assert all(remark.do for remark in kept if remark.level != "ok")
    assert all((remark.status != 0) == (remark.level == "error") for remark in kept)
    return [(remark.level, remark.found) for remark in kept]


def test_under_voltage_now_is_an_error_and_what_was_is_a_warning(tmp_path):
    board_in(tmp_path, throttled="50001")
    assert said(doctor_board.power(tmp_path)) == [
        ("error", "the supply is under voltage now (get_throttled)"),
        ("warning", "at least once since the board was switched on: the processor is throttled (get_throttled)"),
    ]


def test_a_board_with_a_good_supply_is_told_so(tmp_path):
    board_in(tmp_path, throttled="0")
    ((level, text),) = said(doctor_board.power(tmp_path))
    assert level == "ok"
    assert "no under-voltage and no throttling since" in text


@pytest.mark.parametrize(
    ("degrees", "level", "text"),
    [(48.0, "ok", "slows down from 80"), (77.0, "warning", "will soon"), (83.5, "warning", "83.5 °C: it slows down")],
)
def test_heat_is_judged_by_the_boards_profile(degrees, level, text, tmp_path):
    board_in(tmp_path, zones={"cpu-thermal": degrees})
    ((found, words),) = said(doctor_board.temperature(PI, tmp_path))
    assert found == level
    assert text in words


@pytest.mark.parametrize(
    ("now", "limit", "governor", "expected"),
    [
        ("1800000", "1800000", "ondemand", ("ok", "")),
        ("1200000", "1200000", "ondemand", ("warning", "scaling_max_freq")),
        ("600000", "1800000", "powersave", ("warning", "governor")),
        ("600000", "1800000", "ondemand", ("warning", "supply")),
    ],
)
def test_the_clock_rate_of_a_busy_core_is_compared_with_its_maximum(now, limit, governor, expected, tmp_path):
    level, cure = expected
    names = ("scaling_cur_freq", "scaling_max_freq", "cpuinfo_max_freq", "scaling_governor")
    values = (now, limit, "1800000", governor)
    put(tmp_path, **{POLICY + name: value for name, value in zip(names, values, strict=True)})
    (remark,) = doctor_board.frequency(tmp_path)
    assert (remark.level, f"of 1800 MHz when busy ({governor})" in remark.found) == (level, True)
    assert cure in remark.do


YEAR_NS = int(365.25 * 86400 * 1e9)


@pytest.mark.parametrize(
    ("wall_ns", "synced", "level"),
    [(57 * YEAR_NS, True, "ok"), (57 * YEAR_NS, False, "warning"), (30 * YEAR_NS, True, "error"), (0, False, "error")],
)
def test_a_clock_that_nobody_set_is_told_apart_from_one_that_is_absurd(wall_ns, synced, level):
    ((found, _text),) = said(doctor_board.time_of_day(wall_ns, synced=synced))
    assert found == level


@pytest.mark.parametrize(("available", "level"), [(2000, "ok"), (100, "warning")])
def test_memory_is_compared_with_what_the_profile_gives_the_daemon(available, level, tmp_path):
    board_in(tmp_path, memory_mib=4096, available_mib=available)
    ((found, text),) = said(doctor_board.memory(PI, tmp_path))
    assert found == level
    assert f"{available} of 4096 MiB" in text


def mounted(root: Path, at: Path, *, device: str, kind: str, options: str = "rw") -> Path:
    return put(root, **{"proc/self/mountinfo": f"22 1 0:1 / {at} {options} - {kind} {device} rw\n"})


def test_a_card_is_told_how_to_live_longer_and_a_write_is_timed(tmp_path):
    root = mounted(tmp_path / "board", tmp_path, device="/dev/mmcblk0p2", kind="ext4")
    room, write = doctor_board.disk(tmp_path / "o.sqlite", root)
    assert (room.level, write.level) == ("ok", "ok")
    assert "high endurance" in room.do
    assert "a synced write took" in write.found
    assert not list(tmp_path.glob("o.sqlite*"))
    assert {path.name for path in tmp_path.iterdir()} == {"board"}


@pytest.mark.parametrize(
    ("device", "kind", "options", "expected"),
    [
        ("tmpfs", "tmpfs", "rw", ("warning", "in memory")),
        ("overlay", "overlay", "rw", ("warning", "container")),
        ("server:/home", "nfs4", "rw", ("warning", "locks")),
        ("/dev/mmcblk0p2", "ext4", "ro,noatime", ("error", "read-only")),
    ],
)
def test_a_disk_that_loses_alerts_is_told(device, kind, options, expected, tmp_path):
    level, text = expected
    root = mounted(tmp_path / "board", tmp_path, device=device, kind=kind, options=options)
    assert any(found == level and text in words for found, words in said(doctor_board.disk(tmp_path / "o", root)))


def test_a_worn_emmc_is_told(tmp_path):
    root = mounted(tmp_path / "board", tmp_path, device="/dev/mmcblk1p1", kind="ext4")
    put(root, **{"sys/block/mmcblk1/device/life_time": "0x09 0x03\n"})
    assert any("90 % of its life" in text for _, text in said(doctor_board.disk(tmp_path / "o", root)))


def test_a_folder_that_is_not_made_yet_is_looked_at_through_its_parent(tmp_path):
    levels = {level for level, _ in said(doctor_board.disk(tmp_path / "a" / "b" / "o.sqlite", tmp_path))}
    assert "error" not in levels
    assert not (tmp_path / "a").exists()


TOPIC = "edge_mm/d/bridge/echo"


@pytest.mark.parametrize(
    ("found", "levels", "text"),
    [
        (Echo(TOPIC, 12.5, True, True), ["ok"], "came back after 12.5 ms"),
        (Echo(TOPIC, 2500.0, True, True), ["warning"], "2500"),
        (Echo(TOPIC, None, False, None), ["error"], "publishing is denied"),
        (Echo(TOPIC, None, True, False), ["warning"], "subscribing is denied, publishing is not"),
        (Echo(TOPIC, None, False, False), ["error", "error"], "subscribing is denied"),
        (Echo(TOPIC, None, None, None), ["error"], "one of both is denied"),
    ],
)
def test_what_a_broker_denies_is_said_with_the_topics_to_allow(found, levels, text):
    remarks = list(judged(found, MqttSettings(username="car", password="s3cret")))
    assert [remark.level for remark in remarks] == levels
    assert any(text in remark.found for remark in remarks)
    assert all("edge_mm/d/#" in remark.do for remark in remarks if remark.level == "error")
    assert "s3cret" not in repr(remarks)


def test_this_very_machine_can_be_looked_at_without_an_exception():
    for look in (doctor_board.power, doctor_board.frequency, doctor_board.time_of_day):
        assert said(look())
    assert said(doctor_board.memory(PI))
    assert said(doctor_board.disk(Path(socket.gethostname()).absolute()))
