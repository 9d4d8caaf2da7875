"""The sketch for a microcontroller, compiled for this machine and read back through a pseudo terminal."""

import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

from edge_mm.sources import board_source
from edge_mm.sources.wanted import Wanted

pytestmark = pytest.mark.devices
HERE = Path(__file__).resolve().parents[1] / "arduino"
SKETCH = Path(__file__).resolve().parents[2] / "examples" / "arduino" / "edge_mm_sensor"
WANTED = [Wanted("heart", "ecg"), Wanted("finger", "ppg"), Wanted("skin", "eda")]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Compiles a program of ours and gives what it writes."""
    if shutil.which("g++") is None:
        pytest.skip("not here: no g++")
    folder = tmp_path_factory.mktemp("sketch")

    def run(name, *words, binary=True):
        program = folder / f"{Path(name).stem}-{binary}"
        flags = [
            "-std=c++11",
            "-Wall",
            "-Wextra",
            "-Werror",
            f"-DEDGE_MM_BINARY={int(binary)}",
            f"-I{HERE}",
            f"-I{SKETCH}",
        ]
        subprocess.run(["g++", *flags, "-o", program, HERE / name], check=True, timeout=120)
        return subprocess.run([program, *words], check=True, capture_output=True, timeout=60).stdout

    return run


def read_back(sensor, said, protocol, counts, wanted=WANTED):
    """What a board gives that says this; the port is opened on its first description."""
    board = board_source(sensor.path, wanted, protocol=protocol)
    head = said[: 8 + said[3]] if protocol == "binary" else said[: said.index(b"\n") + 1]
    with sensor.repeating(head):
        specs = (board.open(), *board.specs)[1:]
    writer = threading.Thread(target=lambda: [sensor.says(said[at : at + 512]) for at in range(0, len(said), 512)])
    writer.start()
    got = {name: [] for name in board.streams}
    while any(len(got[name]) < count for name, count in counts.items()):
        sample = board.read()
        got[sample.stream] += sample.data.tolist()
    writer.join()
    board.close()
    return specs, {name: np.array(values) for name, values in got.items()}, board.counters


@pytest.mark.parametrize("protocol", ["lines", "binary"])
def test_what_the_sketch_measures_is_what_is_read(sensor, compiled, protocol):
    said = compiled("main.cpp", binary=protocol == "binary")
    specs, got, counters = read_back(sensor, said, protocol, dict.fromkeys(("heart", "finger", "skin"), 995))
    assert [(spec.kind, spec.rate_hz, spec.unit) for spec in specs] == [
        ("ecg", 250, "mV"),
        ("ppg", 250, "a.u."),
        ("eda", 250, "uS"),
    ]
    ramp = np.arange(995) % 100 * 5000 / 1024 / 1100
    ramp[99::100] = np.nan  # an electrode was off
    tolerance = 1e-3 if protocol == "lines" else 1e-6  # thousandths, cut off
    assert got["heart"][:995] == pytest.approx(ramp, abs=tolerance, nan_ok=True)
    assert set(got["finger"]) == {700}
    assert set(got["skin"].round(3)) == {16.666}  # (512 - 256) * 1e5 / (1024 + 512) nS
    assert counters["bad_lines" if protocol == "lines" else "bad_packets"] == 0


def test_the_sketch_describes_itself_every_second_and_never_sends_more_at_once_than_an_uno_can(compiled):
    said = compiled("main.cpp")
    assert said.count(b"\xed\x4d\x10") == 5
    assert max(len(part) + 2 for part in said.split(b"\xed\x4d")) <= 63
    lines = compiled("main.cpp", binary=False).splitlines(keepends=True)
    assert sum(line.startswith(b"#edge-mm columns=ecg:mV,ppg,eda:uS rate_hz=250*") for line in lines) == 5
    assert max(map(len, lines)) <= 63


def test_the_ends_of_every_format_come_back_and_what_does_not_fit_is_missing(sensor, compiled):
    wanted = [*WANTED, Wanted("car", "speed")]
    said = compiled("wire.cpp", "packets")
    _, got, counters = read_back(sensor, said, "binary", {"heart": 10, "car": 1}, wanted)
    nan = float("nan")
    small = [0, 1, -1, 32767, -32767, nan, nan, nan, nan, nan]
    middle = [0, 1, -1, 32767, -32767, 32768, 8388607, nan, nan, nan]
    assert got["heart"] == pytest.approx(np.array(small) * 0.5 + 1.0, nan_ok=True)
    assert got["finger"] == pytest.approx(middle, nan_ok=True)
    assert got["skin"] == pytest.approx([*middle[:7], 8388608, 2**31 - 1, nan], nan_ok=True, rel=1e-6)
    assert got["car"] == pytest.approx([123.4])
    assert counters == {"bad_packets": 0, "lost_packets": 0, "filled_samples": 0}


def test_lines_are_written_with_three_decimals_and_a_check_sum(sensor, compiled):
    said = compiled("wire.cpp", "lines")
    assert said.startswith(b"0.000,7.000*")
    wanted = [Wanted("heart", "ecg", column=0, rate_hz=250, unit="mV"), Wanted("finger", "ppg", column=1)]
    _, got, counters = read_back(sensor, b"\n" + said, "lines", {"heart": 7}, wanted)
    values = [0, 0.005, -0.005, 1.5, -123.456, 2147483.647, np.nan]
    assert got["heart"] == pytest.approx(values, nan_ok=True)
    assert counters == {"bad_lines": 0}
