"""Inside a guest: tell ``boot.py`` each outcome. On any other machine: the suites are not collected."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

INSIDE = os.environ.get("EDGE_MM_GUEST") == "1"
collect_ignore = [] if INSIDE else ["suites"]
_OUTCOMES = Path("/out/outcomes.jsonl")
_SETUP_S: dict[str, float] = {}


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report):
    """One line a test, and one for each set-up or clean-up that failed. A skipped test has not passed."""
    if report.when == "setup":
        _SETUP_S[report.nodeid] = report.duration
    if not INSIDE or (report.when != "call" and report.outcome == "passed"):
        return
    record = {
        "test": report.nodeid.split("::")[-1],
        "outcome": report.outcome if report.when == "call" else f"{report.outcome} in {report.when}",
        "s": report.duration + (_SETUP_S.get(report.nodeid, 0.0) if report.when == "call" else 0.0),
        "seen": [value for key, value in report.user_properties if key == "seen"],
        "text": "" if report.outcome == "passed" else f"{report.longreprtext}\n{report.capstderr}{report.capstdout}",
    }
    with _OUTCOMES.open("a") as lines:
        lines.write(json.dumps(record) + "\n")


@pytest.fixture
def seen(record_property):
    """Note for the report how long something took, beside what was promised for a board."""

    def note(fault, what, seconds, limit_s):
        record_property("seen", [fault, what, round(seconds, 1), limit_s])

    return note
