"""The soak's own parts: a schedule that a seed repeats, and a verdict that sees what is wrong."""

from dataclasses import replace
from itertools import pairwise

import pytest
from delivery_samples import alert
from soak.process import Reading
from soak.rack import Outcome
from soak.schedule import BUDGET_S, STREAMS, Fault, schedule
from soak.verdict import Allowed, growth, judge, unexpected

from edge_mm.delivery.clock import Anchor
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.payloads import alert_event

ANCHOR = Anchor(wall_ns=1_790_000_000 * 10**9, mono_ns=0, boot_id="boot", synced=True)
STAMP = "2026-11-28 10:00:00,000"
FAILED = [f"{STAMP} ERROR    edge_mm.source: mic: its thread failed", "Traceback (most recent call last):"]


def reading(at_s: float, **changes: float) -> Reading:
    return replace(Reading(at_s, 90.0, 50.0, 9, 9, 1, 60.0), **changes)


@pytest.fixture
def outcome(tmp_path) -> Outcome:
    """One with which all is well."""
    states = ("raised", "cleared") * 5
    with Outbox(tmp_path / "o.sqlite", device="d") as outbox:
        records = outbox.commit([alert(n, state, incident=n) for n, state in enumerate(states, 1)], b"", anchor=ANCHOR)
    return Outcome(
        1, 8.0, "nats-server", [Fault(0, 3.0, "stall", "mic", 1.0)],
        readings=[reading(float(n)) for n in range(300)],
        events=[alert_event(record, source="s", anchor=ANCHOR, now=ANCHOR) for record in records],
        live_s={0: 0.5}, lines=[f"{STAMP} INFO     edge_mm.run: mic: live"], status=0, last_seq=10,
    )  # fmt: skip


def failing(outcome: Outcome) -> list[str]:
    return [one.name for one in judge(outcome, Allowed(warm_up_s=60.0)) if not one.holds]


def test_nothing_is_said_of_a_soak_in_which_all_was_well(outcome):
    assert failing(outcome) == []


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        (
            {"rss_mib": 97.0},
            ["RSS growth, line through all readings", "RSS growth, medians of the first and last 60 s"],
        ),
        ({"threads": 10}, ["no more threads"]),
        ({"descriptors": 12}, ["no more descriptors"]),
        ({"children": 2}, ["no more children"]),
    ],
)
def test_more_at_the_end_than_at_the_beginning_is_seen(outcome, changes, names):
    outcome.readings = [reading(one.at_s, **changes) if one.at_s > 150 else one for one in outcome.readings]
    assert failing(outcome) == names


def test_growth_is_measured_after_the_warm_up_in_two_ways():
    readings = [reading(float(n), rss_mib=50.0 if n < 60 else 90.0 + n / 100) for n in range(660)]
    line, medians, part_s = growth(readings, 60.0)
    assert (line, medians, part_s) == (pytest.approx(5.99), pytest.approx(5.4, abs=0.02), 60.0)


@pytest.mark.parametrize(
    ("spoil", "also"),
    [
        (lambda events: events[:-1], []),
        (lambda events: events[:2] + events[4:], []),
        (lambda events: [*events[:3], events[2], *events[3:]], ["each alarm is raised and cleared in turn"]),
        (lambda events: [events[1], events[0], *events[2:]], ["each alarm is raised and cleared in turn"]),
    ],
    ids=["the last is missing", "two are missing", "one comes twice", "two change places"],
)
def test_a_transition_that_is_lost_doubled_or_out_of_order_is_seen(outcome, spoil, also):
    outcome.events = spoil(outcome.events)
    assert failing(outcome) == ["every transition once and in order", *also]


def test_a_fault_and_an_alarm_that_are_not_over_a_process_that_is_left_and_an_early_end_are_seen(outcome):
    outcome.live_s, outcome.left, outcome.ended_early, outcome.troubled = {0: 31.0}, [4711], True, ["sensor.lost/mic"]
    assert len(failing(outcome)) == 4
    outcome.live_s = {}
    assert len(failing(outcome)) == 4


def test_the_traceback_of_a_thread_that_was_ended_on_purpose_is_expected_and_no_other():
    assert unexpected([*FAILED, "SystemExit: tests/soak/mic"]) == []
    assert unexpected([*FAILED, "KeyError: 'mic'"]) == [FAILED[1], "KeyError: 'mic'"]
    assert unexpected([FAILED[1], "SystemExit: tests/soak/mic"]) != []
    assert unexpected(["Segmentation fault"]) == ["Segmentation fault"]


@pytest.mark.parametrize("words", ["WARNING  py.warnings: overflow", "ERROR    edge_mm.run: sink Own: KeyError: 'a'"])
def test_a_warning_of_python_and_an_error_that_no_fault_explains_are_unexpected(words):
    assert unexpected([f"{STAMP} {words}"]) == [f"{STAMP} {words}"]


def test_a_seed_gives_the_same_faults_again_and_another_one_gives_others():
    same = [schedule(5, length_s=900, pause_s=(1.0, 4.0)) for _ in range(2)]
    assert same[0] == same[1] != schedule(6, length_s=900, pause_s=(1.0, 4.0))


@pytest.mark.parametrize("seed", range(5))
def test_faults_stay_within_the_products_budgets_and_never_meet_at_one_place(seed):
    faults = schedule(seed, length_s=3600, pause_s=(1.0, 4.0))
    assert len(faults) > 1000
    for place in (*STREAMS, "broker", "graphs", "disk"):
        mine = [fault for fault in faults if fault.what == place]
        assert mine
        assert all(b.at_s > a.at_s + a.seconds for a, b in pairwise(mine))
        rationed = [one.at_s for one in mine if one.kind == "thread ends" or place == "graphs"]
        most = 2 if place == "graphs" else 4
        assert all(sum(at_s - BUDGET_S <= s <= at_s for s in rationed) <= most for at_s in rationed)
