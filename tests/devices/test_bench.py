"""``edge-mm bench latency`` measures what it says, and leaves nothing behind."""

import json
import subprocess
import sys

import pytest
from installation import ROOT, broker, environment

pytestmark = pytest.mark.devices


def bench(*words, cwd):
    command = [sys.executable, "-m", "edge_mm.cli", "bench", "latency", *words]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=cwd, env={**environment(), "PYTHONPATH": str(ROOT)},
        timeout=120,
    )  # fmt: skip


def test_latency_is_counted_from_the_deciding_sample_and_nothing_is_left(tmp_path):
    broker()  # skips where no program is installed
    done = bench("--count", "5", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["alerts"] == 5
    assert 0 < report["p50_ms"] <= report["p95_ms"] <= report["p99_ms"] <= report["max_ms"]
    # What a subscriber sees cannot come before the disk had it.
    assert report["p50_ms"] > report["stages"]["outbox commit"]["p50_ms"] / 2
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    done = bench("--folder", str(tmp_path / "none"), cwd=tmp_path)
    assert done.returncode == 2
    assert "not a folder that this user can write" in done.stderr
    assert "Traceback" not in done.stderr
