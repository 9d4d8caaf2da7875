"""What `edge-mm check` says of a board: from the files of its /proc and /sys, silent where there are none."""

import pytest
from simulated_board import board_in

from edge_mm.models.board import Board
from edge_mm.models.fit import installed_runtimes, misfits, plugged_in
from edge_mm.models.profile import load_profile

PI_4 = load_profile("raspberry-pi-4")
RUNTIMES = {"ai_edge_litert": "2.3.0"}


def said(board: Board, profile=PI_4, **runtimes: str) -> str:
    return "\n".join(misfits(profile, board, runtimes=runtimes or RUNTIMES))


def test_a_machine_that_tells_nothing_is_not_judged(tmp_path):
    board = Board(tmp_path, machine="aarch64", bits=64)
    assert (board.model, board.compatible, board.cores, board.memory_mib, board.usb) == ("", (), 0, 0, frozenset())
    assert board.temperature_c() is None
    assert said(board) == ""


def test_a_board_that_fits_its_profile_is_not_spoken_of(tmp_path):
    board = board_in(tmp_path, zones={"cpu-thermal": 55.0}, throttled="0")
    assert (board.cores, board.memory_mib, board.available_mib) == (4, 4096, 2048)
    assert said(board) == ""


def test_cores_that_are_off_line_are_counted(tmp_path):
    assert board_in(tmp_path, cores="0,2-3").cores == 3
    assert "2 of the 4 CPU cores" in said(board_in(tmp_path, cores="0-1"))


def test_memory_is_judged_first_by_what_there_is_then_by_what_is_free(tmp_path):
    assert "128 MiB of memory is less than the 256 MiB" in said(board_in(tmp_path, memory_mib=128, available_mib=90))
    assert "100 MiB of memory is free now" in said(board_in(tmp_path, available_mib=100))


@pytest.mark.parametrize(("machine", "bits"), [("armv7l", 32), ("aarch64", 32)])
def test_a_32_bit_system_hears_of_it_also_on_a_64_bit_kernel(machine, bits, tmp_path):
    text = said(board_in(tmp_path, machine=machine, bits=bits, model="Raspberry Pi 4 Model B Rev 1.4"))
    assert "32-bit system" in text
    assert "edge-mm[tflite]" in text


def test_a_profile_for_another_machine_says_so(tmp_path):
    assert "for aarch64, this machine is x86_64" in said(board_in(tmp_path, machine="x86_64"))


def test_the_runtime_is_judged_by_its_version(tmp_path):
    board = board_in(tmp_path)
    assert (
        said(board, ai_edge_litert="2.0.2")
        == said(board, ai_edge_litert="")
        == said(board, tflite_runtime="2.14.0")
        == ""
    )
    assert "ai-edge-litert 3.0.0" in said(board, ai_edge_litert="3.0.0")
    assert "pip install 'ai-edge-litert>=2.0.2,<3'" in said(board, ai_edge_litert="2.0.1rc1")
    assert "tflite-runtime 2.11.0" in said(board, ai_edge_litert="2.3.0", tflite_runtime="2.11.0")
    assert "ai-edge-litert or tflite-runtime, which this Python does not have" in said(board, something="1")


def test_this_python_has_the_runtime_that_the_tests_run_on():
    versions = installed_runtimes()
    assert versions
    assert all(version[:1].isdecimal() for version in versions.values())


@pytest.mark.parametrize(
    ("degrees", "text"),
    [(74.9, ""), (75.0, "at 75.0 °C and it will soon lower its clock (from 80 °C)"), (81.3, "it lowers its clock")],
)
def test_heat_is_spoken_of_from_five_degrees_below_throttling(degrees, text, tmp_path):
    found = said(board_in(tmp_path, zones={"nvme": 99.0, "cpu-thermal": degrees}))
    assert text in found
    assert bool(found) == bool(text)


def test_without_a_named_zone_the_hottest_counts_and_a_sensor_that_tells_nonsense_does_not(tmp_path):
    board = board_in(tmp_path, zones={"a": 40.0, "b": 60.5})
    (tmp_path / "sys/class/thermal/thermal_zone0/temp").write_text("asleep\n")
    assert board.temperature_c() == 60.5
    assert board.temperature_c("a") is None


@pytest.mark.parametrize(
    ("flags", "texts"),
    [
        ("0", []),
        ("50005", ["says that its supply is under voltage", "says that it is throttled"]),
        ("50000", ["at least once that its supply is under voltage", "at least once that it is throttled"]),
        ("8", ["says that it is at its soft temperature limit"]),
        ("none", []),
    ],
)
def test_the_flags_of_a_raspberry_pi_are_put_into_words(flags, texts, tmp_path):
    found = misfits(PI_4, board_in(tmp_path, throttled=flags), runtimes=RUNTIMES)
    assert len(found) == len(texts)
    assert all(text in line for text, line in zip(texts, found, strict=True))


def test_an_accelerator_is_mentioned_but_on_its_own_profile(tmp_path):
    board = board_in(tmp_path, usb=["1d6b:0002", "1a6e:089a"])
    (text,) = plugged_in(board, profile=PI_4)
    assert "Coral USB Accelerator is plugged in (1a6e:089a)" in text
    assert "profile = 'coral-usb'" in text
    coral = load_profile("coral-usb")
    assert plugged_in(board, profile=coral) == []
    assert said(board, coral) == ""
    assert "is not plugged in" in said(board_in(tmp_path / "bare"), coral)
