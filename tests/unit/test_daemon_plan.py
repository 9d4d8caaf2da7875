"""From configuration to sources: what may stand side by side, and when a file in real time gives its samples."""

import threading
import time
from pathlib import Path

import pytest
from recordings import bursts

from edge_mm.cli import main
from edge_mm.daemon.config import Config, load_config
from edge_mm.daemon.plan import plan_sources
from edge_mm.errors import ConfigError

HEAD = 'version = 1\ndevice_id = "d"\n'


def config_of(folder: Path, *realtime: bool) -> Config:
    """One sound file, watched as many times as there are words."""
    bursts(folder / "s.wav", count=1)
    text = HEAD
    for i, word in enumerate(realtime):
        text += f'[[source]]\nname = "s{i}"\nkind = "audio"\ndevice = "s.wav"\nrealtime = {str(word).lower()}\n'
    (folder / "edge-mm.toml").write_text(text)
    return load_config(folder / "edge-mm.toml")


@pytest.mark.parametrize("realtime", [True, False])
def test_files_of_one_sort_go_together(realtime, tmp_path):
    assert [one.waits for one in plan_sources(config_of(tmp_path, realtime, realtime))] == [not realtime] * 2


def test_a_file_as_fast_as_possible_beside_one_in_real_time_is_refused_and_check_says_so_too(tmp_path, capfd):
    config = config_of(tmp_path, True, False)
    with pytest.raises(ConfigError, match=r"'s1': realtime = false beside 's0' in real time"):
        plan_sources(config)
    assert main(["check", "-c", str(tmp_path / "edge-mm.toml")]) == 78
    assert "realtime = false beside" in capfd.readouterr().out


def test_a_file_in_real_time_is_on_time_however_late_it_is_opened(tmp_path):
    stop = threading.Event()
    began = time.monotonic_ns() - 3_000_000_000  # three seconds passed between planning and opening
    (planned,) = plan_sources(config_of(tmp_path, True), stop=stop, start_ns=began)
    planned.source.open()
    stop.set()  # whoever would wait now gets the end instead
    ends = []
    while (sample := planned.source.read()) is not None:
        ends.append(sample.t_ns + round(len(sample.data) * 1e9 / sample.rate_hz) - began)
    planned.source.close()
    assert ends[-1] == pytest.approx(3_000_000_000, abs=1_000_000_000)
