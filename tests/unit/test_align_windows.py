"""Any interleaving, jitter, gap, drift or clock step gives ordered half-open windows with the right coverage."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_mm.errors import BundleError, UsageError
from edge_mm.kinds import MODALITY_OF
from edge_mm.perception.align import MAX_SILENT_WINDOWS, Aligner
from edge_mm.perception.rings import MAX_EMBEDDINGS
from edge_mm.types import Embedding, StreamSpec

S = 1_000_000_000
MODALITIES = ("vision", "audio", "physio")
KINDS = ("video", "audio", "ecg", "ppg")


def spec(name, kind, rate_hz=10.0, lateness_s=0.3):
    return StreamSpec(name=name, kind=kind, rate_hz=rate_hz, unit="1", lateness_s=lateness_s)


def aligner(*specs, window_s=10.0, hop_s=1.0, min_quality=0.25):
    return Aligner({s.name: s for s in specs}, window_s=window_s, hop_s=hop_s, modalities=MODALITIES,
                   min_quality=min_quality)  # fmt: skip


def embedding(stream, start_s, span_s=1.0, *, quality=1.0, value=0.0):
    return Embedding(t_ns=round(start_s * S), span_ns=round(span_s * S), stream=stream,
                     vector=np.array([value, 1.0], np.float32), quality=quality)  # fmt: skip


def feed(a, *events):
    """Push events one by one as the monitor does; gives the windows in order of closing."""
    windows = []
    for event in events:
        a.add(event) if isinstance(event, Embedding) else a.tick(event)
        windows += a.closed()
    return windows


def union_share(intervals, start, end):
    """Brute force: cut the line at every border and ask each piece."""
    cuts = sorted({start, end, *(min(max(x, start), end) for pair in intervals for x in pair)})
    pieces = pairwise(cuts)
    return sum(b - a for a, b in pieces if any(s <= a and b <= e for s, e in intervals)) / (end - start)


# --- the property -----------------------------------------------------------------------------------------------------


@st.composite
def timelines(draw):
    """Streams whose clocks drift, jitter, stop, step and arrive in any order; and ticks in between."""
    specs, events = [], []
    for i in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(KINDS))
        one = spec(f"s{i}", kind, lateness_s=draw(st.sampled_from([0.0, 0.3, 2.0])))
        specs.append(one)
        span = draw(st.sampled_from([S // 30, S // 4, S, 3 * S // 2, 7]))
        clock = draw(st.integers(0, 3 * S))
        ratio = 1 + draw(st.integers(-200, 200)) * 1e-6
        arrival = clock
        for _ in range(draw(st.integers(0, 40))):
            event = draw(st.sampled_from(["block", "block", "block", "gap", "step", "jump"]))
            if event == "gap":
                clock += draw(st.integers(1, 5 * S))
            elif event == "step":
                clock -= draw(st.integers(1, 3 * S))
            elif event == "jump":
                clock += draw(st.sampled_from([S // 10, 20 * S]))
            t_ns = max(0, clock + draw(st.integers(-S // 20, S // 20)))
            vector = np.array([t_ns % 1024, i], np.float32)
            quality = draw(st.sampled_from([0.0, 0.2, 0.25, 0.7, 1.0, float("nan")]))
            events.append((arrival + draw(st.integers(0, S)), Embedding(t_ns, span, one.name, vector, quality)))
            clock += round(span * ratio)
            arrival = max(arrival, clock)
    for _ in range(draw(st.integers(0, 10))):
        at = draw(st.integers(0, 60 * S))
        events.append((at, at))
    for _ in range(draw(st.integers(0, 4))):
        if specs:
            state = draw(st.sampled_from(["live", "lost", "off", "stale", "degraded"]))
            events.append((draw(st.integers(0, 60 * S)), (draw(st.sampled_from(specs)).name, state)))
    events.sort(key=lambda pair: pair[0])
    if draw(st.booleans()):
        events = draw(st.permutations(events))
    return specs, [event for _, event in events], draw(st.sampled_from([(10.0, 1.0), (3.0, 3.0), (1.0, 0.25)]))


@settings(max_examples=300, deadline=None)
@given(timelines())
def test_any_timeline_gives_ordered_half_open_windows_with_the_right_coverage(timeline):
    specs, events, (window_s, hop_s) = timeline
    a = aligner(*specs, window_s=window_s, hop_s=hop_s)
    modality = {s.name: MODALITY_OF[s.kind] for s in specs}
    origin, arrived, seen = None, [], []
    for event in events:
        if isinstance(event, Embedding):
            origin = event.t_ns if origin is None else origin
            a.add(event)
            arrived.append(event)
        elif isinstance(event, int):
            origin = event if origin is None else origin
            a.tick(event)
        else:
            a.status(*event)
        for window in a.closed():
            seen.append(window)
            k = len(seen)
            assert window.end_ns == origin + k * round(hop_s * S)  # in order, each exactly once
            assert window.end_ns - window.start_ns == round(window_s * S)
            assert set(window.coverage) == set(window.quality) == set(modality.values())
            for name in window.coverage:
                good = [
                    e for e in arrived
                    if modality[e.stream] == name and e.quality >= 0.25
                    and e.t_ns < window.end_ns and e.t_ns + e.span_ns > window.start_ns  # half-open
                ]  # fmt: skip
                spans = [(e.t_ns, e.t_ns + e.span_ns) for e in good]
                assert window.coverage[name] == pytest.approx(union_share(spans, window.start_ns, window.end_ns))
                assert 0 <= window.coverage[name] <= 1
                got = window.embeddings.get(name, np.zeros((0, 2), np.float32))
                want = sorted(good, key=lambda e: e.t_ns)
                assert sorted(map(tuple, got.tolist())) == sorted(tuple(e.vector.tolist()) for e in want)
                if good:
                    assert 0.25 <= window.quality[name] <= 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 4))
def test_delays_within_the_lateness_do_not_change_the_windows(seed, streams):
    rng = np.random.default_rng(seed)
    specs = [spec(f"s{i}", KINDS[i], lateness_s=0.6) for i in range(streams)]
    embeddings = [embedding(s.name, 0.1 * i + 0.01 * n, 0.1, value=i) for n, s in enumerate(specs) for i in range(300)]
    in_order = sorted(embeddings, key=lambda e: (e.t_ns, e.stream))
    arrival = {}
    for s in specs:  # each stream keeps its own order
        own = [e for e in in_order if e.stream == s.name]
        delayed = np.maximum.accumulate([e.t_ns + rng.integers(S // 2) for e in own])
        arrival |= {id(e): t for e, t in zip(own, delayed, strict=True)}
    shaken = sorted(in_order, key=lambda e: arrival[id(e)])
    first = aligner(*specs)
    first.tick(0)
    second = aligner(*specs)
    second.tick(0)
    one, two = feed(first, *in_order, 40 * S), feed(second, *shaken, 40 * S)
    assert second.dropped == second.late == 0
    assert len(one) == len(two) == 39
    for a, b in zip(one, two, strict=True):
        assert a.coverage == pytest.approx(b.coverage)
        for name in a.embeddings:
            assert np.array_equal(a.embeddings[name], b.embeddings[name])


# --- single sentences -------------------------------------------------------------------------------------------------


def test_a_window_closes_when_every_live_stream_has_passed_its_end():
    a = aligner(spec("cam", "video"), spec("mic", "audio"))
    a.tick(0)
    assert feed(a, embedding("cam", 0.0), embedding("cam", 1.0)) == []  # the microphone may still come
    assert [w.end_ns for w in feed(a, embedding("mic", 1.0))] == [1 * S]


def test_a_silent_stream_holds_a_window_back_for_its_lateness_only():
    a = aligner(spec("cam", "video", lateness_s=0.3), spec("mic", "audio", lateness_s=0.5))
    a.tick(0)
    assert feed(a, round(1.5 * S)) == []
    assert [w.end_ns for w in feed(a, round(1.5 * S) + 1)] == [1 * S]


@pytest.mark.parametrize("state", ["starting", "live", "degraded"])
@pytest.mark.parametrize("silent", ["lost", "stale", "off"])
def test_a_silent_stream_holds_no_window_back_until_it_runs_again(silent, state):
    a = aligner(spec("cam", "video"), spec("mic", "audio", lateness_s=60))
    a.tick(0)
    a.status("mic", silent)
    assert len(feed(a, embedding("cam", 1.0))) == 1
    a.status("mic", state)
    assert feed(a, embedding("cam", 2.0)) == []


def test_a_lost_stream_that_is_announced_again_is_waited_for_again():
    a = aligner(spec("cam", "video"), spec("mic", "audio"))
    a.tick(0)
    a.status("mic", "lost")
    assert len(feed(a, embedding("cam", 1.0))) == 1
    a.add_stream(spec("mic", "audio", lateness_s=60))
    assert feed(a, embedding("cam", 2.0)) == []
    assert len(feed(a, embedding("mic", 2.0))) == 1


def test_the_quality_of_a_window_is_the_mean_over_the_time_that_is_covered():
    a = aligner(spec("cam", "video"))
    feed(a, embedding("cam", 0.0, 6.0, quality=0.9), embedding("cam", 6.0, 2.0, quality=0.5))
    assert feed(a, 11 * S)[-1].quality["vision"] == pytest.approx((6 * 0.9 + 2 * 0.5) / 8)


def test_the_first_windows_say_by_their_coverage_that_they_are_not_full():
    a = aligner(spec("cam", "video"))
    windows = feed(a, *(embedding("cam", i) for i in range(13)))
    assert [round(w.coverage["vision"], 6) for w in windows] == [*(k / 10 for k in range(1, 11)), 1.0, 1.0]


def test_a_late_embedding_goes_into_the_next_windows_and_is_counted():
    a = aligner(spec("cam", "video"))
    feed(a, 0, 5 * S, 6 * S)
    [window] = feed(a, embedding("cam", 2.0), 7 * S)
    assert window.coverage["vision"] == pytest.approx(0.1)
    assert (a.late, a.dropped) == (1, 0)


def test_an_embedding_that_no_open_window_overlaps_is_dropped_and_counted():
    a = aligner(spec("cam", "video"))
    feed(a, 0, 30 * S)
    assert feed(a, embedding("cam", 2.0), 32 * S)[-1].embeddings == {}
    assert (a.late, a.dropped) == (1, 1)


def test_two_streams_of_one_modality_cover_time_once():
    a = aligner(spec("ecg", "ecg"), spec("ppg", "ppg"))
    a.tick(0)
    both = [embedding(s, t, 5.0, value=v) for s, t, v in (("ecg", 0.0, 1), ("ppg", 2.0, 2), ("ecg", 5.0, 3))]
    window = feed(a, *both, 11 * S)[9]
    assert window.coverage["physio"] == 1.0
    assert window.embeddings["physio"][:, 0].tolist() == [1, 2, 3]


def test_embeddings_below_the_least_quality_do_not_count():
    a = aligner(spec("cam", "video"))
    windows = feed(a, embedding("cam", 0.0, quality=0.2), embedding("cam", 1.0, quality=0.6), embedding("cam", 2.0))
    assert windows[0].embeddings == {}
    assert windows[1].coverage["vision"] == pytest.approx(0.1)
    assert windows[1].quality["vision"] == pytest.approx(0.6)


def test_a_stream_that_fusion_does_not_know_only_tells_the_time():
    a = Aligner({"cam": spec("cam", "video"), "t": spec("t", "ppg", lateness_s=100)}, window_s=10, hop_s=1,
                modalities=("vision",), min_quality=0.25)  # fmt: skip
    [window] = feed(a, 0, embedding("t", 1.4))
    assert set(window.coverage) == {"vision"}


def test_a_stream_can_be_announced_later():
    a = aligner()
    a.tick(0)
    a.add_stream(spec("cam", "video"))
    assert feed(a, embedding("cam", 0.0), embedding("cam", 1.0))[0].coverage == {"vision": 0.1}


def test_a_very_long_silence_is_skipped_and_what_comes_after_it_is_not_lost():
    a = aligner(spec("cam", "video"))
    a.tick(0)
    a.add(embedding("cam", 10_000_000.0))
    windows = feed(a, 10_000_020 * S)
    assert len(windows) < MAX_SILENT_WINDOWS + 40
    ends = [w.end_ns for w in windows]
    assert ends == sorted(set(ends))
    assert len(windows) + a.skipped == 10_000_019
    assert sum("vision" in w.embeddings for w in windows) == 10


def test_a_stream_that_floods_keeps_the_newest_and_counts_the_rest():
    a = aligner(spec("cam", "video"), spec("mic", "audio", lateness_s=500))
    a.tick(0)
    count = MAX_EMBEDDINGS + 500
    for i in range(count):
        a.add(embedding("cam", i * 0.001, 0.001, value=i))
    assert a.dropped == 500
    assert feed(a, 600 * S)[9].embeddings["vision"][-1, 0] == count - 1


def test_encoders_of_one_modality_that_disagree_are_refused():
    a = aligner(spec("ecg", "ecg"), spec("ppg", "ppg"))
    a.add(embedding("ecg", 0.0))
    with pytest.raises(BundleError, match="stream ppg"):
        a.add(Embedding(0, S, "ppg", np.zeros(3, np.float32), 1.0))


@pytest.mark.parametrize(("window_s", "hop_s"), [(10, 0), (1, 2), (10, -1)])
def test_a_hop_that_does_not_fit_the_window_is_refused(window_s, hop_s):
    with pytest.raises(UsageError, match="hop"):
        aligner(window_s=window_s, hop_s=hop_s)


def test_a_name_that_stands_for_another_sense_leaves_the_windows_of_the_first():
    a = aligner(spec("x", "video"), spec("s", "audio"))
    feed(a, embedding("x", 0.0), embedding("s", 0.0))
    a.add_stream(spec("x", "ecg"))
    (window,) = feed(a, Embedding(S // 2, S, "x", np.zeros(5, np.float32), 1.0), embedding("s", 1.0), 3 * S)[:1]
    assert window.embeddings["physio"].shape == (1, 5)  # of another length than the pictures' had
    assert "vision" not in window.embeddings
    assert window.coverage["vision"] == 0.0
    a.add_stream(spec("x", "acc"))  # a sense that the fusion does not know
    assert feed(a, embedding("s", 3.0), 9 * S)[-1].coverage["physio"] == 0.0
