"""The bounded inbox: order, drops, and files that wait."""

import threading

import numpy as np

from edge_mm.daemon.inbox import BLOCKS, VIDEO_FRAMES, Inbox
from edge_mm.types import Sample, Status


def sample(stream: str, t_ms: int) -> Sample:
    return Sample(stream, t_ms * 1_000_000, np.zeros(4, np.float32), 10.0)


def taken(inbox: Inbox) -> list[tuple[str, int]]:
    got = []
    while (item := inbox.get(0)) is not None:
        got.append((item.stream, item.t_ns // 1_000_000))
    return got


def test_what_waits_comes_out_oldest_first_whatever_the_stream():
    inbox = Inbox()
    inbox.add("a", video=False, waits=False)
    inbox.add("b", video=False, waits=False)
    for t in (10, 30):
        inbox.put(sample("a", t))
    for t in (5, 20, 40):
        inbox.put(sample("b", t))
    assert taken(inbox) == [("b", 5), ("a", 10), ("b", 20), ("a", 30), ("b", 40)]


def test_a_live_camera_keeps_its_newest_frames_and_every_drop_is_counted():
    inbox = Inbox()
    inbox.add("cam", video=True, waits=False)
    for t in range(10):
        inbox.put(sample("cam", t))
    assert taken(inbox) == [("cam", t) for t in range(10 - VIDEO_FRAMES, 10)]
    assert inbox.dropped == {"cam": 10 - VIDEO_FRAMES}


def test_live_sound_keeps_its_order_and_loses_its_oldest_blocks():
    inbox = Inbox()
    inbox.add("mic", video=False, waits=False)
    for t in range(BLOCKS + 3):
        inbox.put(sample("mic", t))
    assert taken(inbox) == [("mic", t) for t in range(3, BLOCKS + 3)]
    assert inbox.dropped == {"mic": 3}


def test_a_status_is_never_dropped():
    inbox = Inbox()
    inbox.add("cam", video=True, waits=False)
    inbox.put(Status(0, "cam", "live"))
    for t in range(1, 50):
        inbox.put(sample("cam", t))
    assert isinstance(inbox.get(0), Status)


def test_files_are_merged_exactly_by_time_whichever_thread_is_faster():
    inbox = Inbox()
    times = {"slow": range(0, 4000, 7), "fast": range(0, 4000, 3)}
    for stream in times:
        inbox.add(stream, video=stream == "fast", waits=True)

    def feed(stream: str) -> None:
        for t in times[stream]:
            inbox.put(sample(stream, t))
        inbox.close(stream)

    threads = [threading.Thread(target=feed, args=(stream,)) for stream in times]
    for thread in threads:
        thread.start()
    got = []
    while not inbox.ended:
        item = inbox.get(5)
        if item is not None:
            got.append((item.t_ns // 1_000_000, item.stream))
    for thread in threads:
        thread.join(5)
    expected = sorted((t, 0 if s == "slow" else 1, s) for s, ts in times.items() for t in ts)
    assert got == [(t, s) for t, _, s in expected]
    assert not inbox.dropped


def test_a_file_that_waits_for_room_is_released_when_the_inbox_stops():
    inbox = Inbox()
    inbox.add("file", video=False, waits=True)
    results = []

    def feed() -> None:
        for t in range(BLOCKS + 1):
            results.append(inbox.put(sample("file", t)))

    thread = threading.Thread(target=feed)
    thread.start()
    inbox.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert results[-1] is False


def test_an_empty_inbox_ends_only_when_every_producer_has_closed():
    inbox = Inbox()
    inbox.add("a", video=False, waits=True)
    inbox.add("b", video=False, waits=True)
    inbox.close("a")
    assert not inbox.ended
    inbox.close("b")
    assert inbox.ended
    assert inbox.get(5) is None


def test_frames_of_a_file_that_waits_are_few_because_they_are_large():
    inbox = Inbox()
    inbox.add("drive", video=True, waits=True)
    given = []

    def feed() -> None:
        for t in range(10):
            given.append(t)
            inbox.put(sample("drive", t))
        inbox.close("drive")

    thread = threading.Thread(target=feed)
    thread.start()
    most = 0
    got = []
    while not inbox.ended:
        item = inbox.get(5)
        assert item is not None
        got.append(item.t_ns // 1_000_000)
        most = max(most, len(given) - len(got))
    thread.join(5)
    assert got == list(range(10))
    assert most <= VIDEO_FRAMES + 2  # one in the hand of the thread, one just being asked for


def test_it_says_what_waits_and_since_when():
    inbox = Inbox()
    inbox.add("a", video=False, waits=False)
    inbox.add("b", video=False, waits=False)
    assert (inbox.oldest_ns, inbox.queued) == (None, frozenset())
    inbox.put(Status(5, "a", "live"))
    inbox.put(sample("b", 1))
    assert (inbox.oldest_ns, inbox.queued) == (5, {"b"})
    taken(inbox)
    assert (inbox.oldest_ns, inbox.queued) == (None, frozenset())
