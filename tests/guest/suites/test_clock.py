"""A board without a clock chip and, at first, without a network: it watches from the start, and dates are corrected.

systemd has started the installed service at boot, with the clock at 1970 (``boot.AT_BOOT``); these tests come later and
go on with it, in their order. The clock is the guest's own, and leaps for every program in it.
"""

import ctypes
import datetime as dt
import itertools
import time

import pytest
from installation import check_whole
from kernel import command, until
from service import ALARM, CONFIG, EVERY_S, PORT, WatchedService, running, shown, waiting

from edge_mm.delivery.local_broker import LocalBroker

TODAY = "2026-06-01 12:00:00"
LEAPS = ("1 hour", "-1 hour", "10 years")
_MAXERROR_ESTERROR_STATUS, _PLL, _TIME_ERROR = 0x1C, 0x01, 5  # linux/timex.h


@pytest.fixture(scope="module")
def broker():
    one = LocalBroker(port=PORT)
    yield one
    one.stop()


@pytest.fixture(scope="module")
def watched(broker):
    with WatchedService(CONFIG, broker) as daemon:
        yield daemon


def set_clock(words):
    command(["date", "--utc", "--set", words])


def says_that_it_is_set():
    """What a time service tells the kernel when it has set the clock; setting it by hand takes that back."""
    state = (ctypes.c_long * 64)()
    state[0] = _MAXERROR_ESTERROR_STATUS
    state[3:6] = (1000, 1000, _PLL)  # microseconds, microseconds, status without STA_UNSYNC
    assert ctypes.CDLL(None).adjtimex(state) != _TIME_ERROR


def wall_of(mono_s):
    """The date of a moment of the monotonic clock, by the clock as it is now."""
    return dt.datetime.fromtimestamp(time.time() - time.monotonic() + mono_s, dt.UTC)


def seconds_apart(text, moment):
    return abs((dt.datetime.fromisoformat(text) - moment).total_seconds())


def sirens(watched):
    return [one.data for _, one in watched.events if one.data.alert_id == ALARM and one.data.transition == "raised"]


def test_it_watches_at_once_without_a_network_and_in_1970(watched, seen):
    began = time.monotonic()
    running()
    watched.until_logged("watching with", f"{ALARM} raised", "device.lost/broker raised", timeout_s=90.0)
    watched.until_logged(f"{ALARM} cleared")
    seen("booted without a network, in 1970", "alarm raised and cleared", time.monotonic() - began, 60.0)
    assert time.gmtime().tm_year == 1970
    assert not watched.events
    assert shown("NRestarts") == "0"


def test_what_waited_is_delivered_with_the_right_dates_when_network_and_clock_have_come(watched, broker, seen):
    set_clock(TODAY)
    says_that_it_is_set()
    command(["busybox", "ip", "link", "set", "lo", "up"])
    broker.start()
    back_s = watched.until(lambda now: now.get("device.lost/broker") == "inactive", timeout_s=90.0)
    seen("network and clock have come", "all delivered", back_s, 40.0)
    watched.until(lambda _: len(sirens(watched)) >= 3)
    events = [one for _, one in watched.events]
    check_whole(events)
    for one in events:
        assert one.data.clock_synced
        assert seconds_apart(one.data.onset, wall_of(one.data.onset_mono)) < 0.5, one
        assert one.time >= one.data.onset
        assert seconds_apart(one.time, wall_of(one.data.onset_mono)) < 60.0


def test_leaps_of_an_hour_and_ten_years_raise_lose_and_misdate_nothing(watched):
    right = wall_of(0.0)
    first = len(watched.events)
    for leap in LEAPS:
        watched.until_quiet(ALARM)
        watched.until_active(ALARM)
        set_clock(f"now {leap}")
        watched.until_quiet(ALARM)
    watched.until_active(ALARM)
    watched.until_quiet(ALARM)
    assert time.gmtime().tm_year == int(TODAY[:4]) + 10
    assert shown("NRestarts") == "0"
    events = [one for _, one in watched.events]
    check_whole(events)
    assert not [one.data.alert_id for one in events if one.data.alert_id.startswith("sensor.")]
    onsets = [one.onset_mono for one in sirens(watched)]
    steps = [after - before for before, after in itertools.pairwise(onsets[1:])]  # the first has no silence before it
    assert steps == pytest.approx([EVERY_S] * len(steps), abs=0.6), "each was raised, and in its time"
    for one in events[first:]:  # a date by a clock that somebody moved says so itself
        is_right = seconds_apart(one.data.onset, right + dt.timedelta(seconds=one.data.onset_mono)) < 0.5
        assert is_right or not one.data.clock_synced, one


def test_a_clock_that_is_wrong_again_and_then_set_dates_what_comes_after(watched):
    set_clock("2020-01-01 00:00:00")
    watched.until_quiet(ALARM)
    watched.until_active(ALARM)
    set_clock(TODAY)
    says_that_it_is_set()
    until(lambda: watched.retained("bridge/health").get("clock_synced"), "the report", limit_s=60.0)
    count = len(sirens(watched))
    watched.until(lambda _: len(sirens(watched)) > count)
    last = sirens(watched)[-1]
    assert last.clock_synced
    assert seconds_apart(last.onset, wall_of(last.onset_mono)) < 0.5


def test_it_stops_with_nothing_left_in_the_outbox(watched):
    assert watched.end() == 0
    assert waiting() == 0
    check_whole([one for _, one in watched.events])
    assert "Traceback" not in watched.log
