"""The standard error while C libraries are kept quiet: whose it is, what is passed on, and that it comes back."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge_mm.models.bundle import load_bundle
from edge_mm.perception.litert import load_graph
from edge_mm.quiet import quiet_stderr

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def not_debugging(monkeypatch):
    monkeypatch.delenv("EDGE_MM_DEBUG", raising=False)


def same_file(a, b):
    return (os.fstat(a).st_dev, os.fstat(a).st_ino) == b


@pytest.fixture
def stderr_was():
    stat = os.fstat(2)
    return stat.st_dev, stat.st_ino


def test_noise_is_kept_back_and_the_rest_is_passed_on(capfd):
    with quiet_stderr():
        os.write(2, b"ALSA lib pcm.c:1: (snd_pcm_open) Unknown PCM\n\nwhat somebody has to read\n")
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nJackShmReadWritePtr::~JackShm\n")
        os.write(2, b"I0000 00:00:1795718734.370597 8752 port.cc:153] oneDNN custom operations are on.\n")
        os.write(2, b"E0000 00:00:1795718734.370597 8752 saver.cc:153] out of memory\n")
        assert capfd.readouterr().err == ""
    shown = capfd.readouterr().err.splitlines()
    assert shown == ["what somebody has to read", "E0000 00:00:1795718734.370597 8752 saver.cc:153] out of memory"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first out first", "last out first"])
def test_blocks_that_cross_leave_the_standard_error_as_it_was(capfd, stderr_was, order):
    blocks = quiet_stderr(), quiet_stderr()
    for block in blocks:
        block.__enter__()
    for i in order:
        os.write(2, b"ALSA lib\nread this\n")
        blocks[i].__exit__(None, None, None)
    assert same_file(2, stderr_was)
    assert capfd.readouterr().err == "read this\nread this\n"


def test_a_graph_that_loads_while_the_sound_system_opens_neither_waits_nor_takes_the_standard_error(capfd, stderr_was):
    bundle, opened, loaded = load_bundle("driver"), threading.Event(), threading.Event()

    def microphone():
        with quiet_stderr():
            opened.set()
            assert loaded.wait(60)

    thread = threading.Thread(target=microphone)
    thread.start()
    assert opened.wait(60)
    load_graph(bundle, "fusion")
    loaded.set()
    thread.join()
    assert same_file(2, stderr_was)
    assert capfd.readouterr().err == ""


def test_an_error_in_the_block_gives_the_standard_error_back(stderr_was):
    with pytest.raises(KeyError), quiet_stderr():
        raise KeyError
    assert same_file(2, stderr_was)


@pytest.mark.parametrize(
    ("shell", "first"),
    [('exec "$@" 2>&-', ""), ('exec "$@"', "os.close(2)")],
    ids=["begun without", "closed since"],
)
def test_where_there_is_no_standard_error_nothing_is_quieted_and_nothing_breaks(shell, first):
    code = (
        f"import os\n{first}\n"
        "from edge_mm.quiet import quiet_stderr\n"
        "with quiet_stderr():\n"
        "    print('inside')\n"
        "try:\n    os.fstat(2)\nexcept OSError:\n    print('none')\n"
    )
    ran = subprocess.run(
        ["sh", "-c", shell, "sh", sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert (ran.returncode, ran.stdout) == (0, "inside\nnone\n")
