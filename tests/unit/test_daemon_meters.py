"""Counters and percentiles."""

import logging
import sys
import threading
from typing import get_args

from edge_mm.daemon.logs import Once
from edge_mm.daemon.meters import KEPT, Meters, peak_rss_mib, rss_mib
from edge_mm.daemon.summary import summarize
from edge_mm.kinds import Transition


def test_percentiles_are_of_the_newest_runs_and_n_counts_all():
    meters = Meters()
    for _ in range(10):
        meters.took("fusion", 9.0)
    for i in range(KEPT):
        meters.took("fusion", (i % 100) / 1000)
    stage = meters.stages()["fusion"]
    assert stage["n"] == KEPT + 10
    assert 49 <= stage["p50_ms"] <= 51
    assert 94 <= stage["p95_ms"] <= 96
    assert stage["max_ms"] == 99


def test_counts_are_kept_per_group_and_name():
    meters = Meters()
    meters.count("samples", "cam")
    meters.count("samples", "cam", 2)
    assert meters.counts("samples") == {"cam": 3}
    assert meters.counts("none") == {}


def test_memory_is_read_from_the_system():
    assert 5 < rss_mib() <= peak_rss_mib()


def test_a_repeated_log_line_is_written_once():
    once = Once()
    record = logging.LogRecord("edge_mm", logging.WARNING, "f", 1, "broker refused", None, None)
    other = logging.LogRecord("edge_mm", logging.WARNING, "f", 1, "camera lost", None, None)
    assert [once.filter(record), once.filter(record), once.filter(other)] == [True, False, True]


def test_a_log_line_may_come_from_several_threads_at_once():
    once, failures = Once(), []

    def talk(name: str) -> None:
        try:
            for i in range(5000):
                once.filter(logging.LogRecord("edge_mm", logging.WARNING, "f", 1, f"{name} {i}", None, None))
        except Exception as error:
            failures.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=talk, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert failures == []


def test_a_summary_counts_whatever_happened_to_alarms():
    meters = Meters()
    for transition in get_args(Transition):
        meters.count(transition, "driver.sleep")
    found = summarize(meters, windows=0, drops={})
    assert (found.alerts, found.transitions) == (1, len(get_args(Transition)))
