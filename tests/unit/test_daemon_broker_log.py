"""Warnings as ``bridge/logging``: few, without the password, and never because of themselves."""

import logging

import pytest

from edge_mm.daemon.broker_log import BURST, BrokerLog
from edge_mm.daemon.masking import without


@pytest.fixture
def logged():
    """Attaches handlers to a logger of its own."""
    log, handlers = logging.getLogger("edge_mm.test_broker_log"), []
    log.propagate, log.level = False, logging.DEBUG

    def attach(publish, **more):
        handlers.append(BrokerLog(publish, **more))
        log.addHandler(handlers[-1])
        return log

    yield attach
    for one in handlers:
        log.removeHandler(one)


def test_a_warning_is_a_line_with_its_level_time_and_source_and_news_is_none(logged):
    lines = []
    log = logged(lines.append)
    log.info("nothing to worry about")
    log.warning("the camera %s is gone", "cabin")
    log.critical("x" * 5000)
    assert [(one.level, one.message[:24], one.source) for one in lines] == [
        ("warning", "the camera cabin is gone", "edge_mm.test_broker_log"),
        ("critical", "x" * 24, "edge_mm.test_broker_log"),
    ]
    assert lines[0].time.endswith("Z")
    assert len(lines[1].message) == 1000


def test_what_is_logged_while_a_line_is_published_does_not_come_back_for_ever(logged):
    lines = []

    def publish(line):
        lines.append(line.message)
        logging.getLogger("edge_mm.test_broker_log").warning("the broker does not take %s", line.message)

    logged(publish).warning("first")
    assert lines == ["first"]


def test_who_cannot_publish_ends_nobody_who_logs_and_the_next_line_says_that_one_is_missing(logged):
    lines, away = [], [True]

    def publish(line):
        if away:
            raise OSError(away.pop())
        lines.append(line.message)

    log = logged(publish)
    log.warning("lost")
    log.warning("heard")
    assert lines == ["heard (1 lines before it were held back)"]


def test_the_password_is_in_no_line(logged):
    lines = []
    log = logged(lines.append, hide=without(["hunter22"]))
    log.error("login with %s failed", "hunter22")
    log.error("argument hunter22 in the text")
    assert [one.message for one in lines] == ["login with *** failed", "argument *** in the text"]


def test_of_a_flood_the_first_are_published_then_one_a_second_with_how_many_were_not(logged):
    lines, now_s = [], [0.0]
    log = logged(lines.append, clock_s=lambda: now_s[0])
    for number in range(BURST + 10):
        log.error("%d", number)
    assert [one.message for one in lines] == [str(number) for number in range(BURST)]
    now_s[0] = 1.0
    log.error("a second later")
    log.error("and one too many")
    assert [one.message for one in lines[BURST:]] == ["a second later (10 lines before it were held back)"]
