"""What ``edge-mm tail`` prints about a transition."""

import argparse

import pytest
from delivery_samples import alert

from edge_mm.cli import main
from edge_mm.daemon.verb_tail import coloured, told, wanted
from edge_mm.delivery.clock import Anchor
from edge_mm.delivery.payloads import alert_event
from edge_mm.delivery.record import Record


def event(state="raised", **changes):
    anchor = Anchor(1_790_000_000 * 10**9, 0, "boot", synced=True)
    record = Record(1, "i" * 26, "j" * 26, "boot", alert(1, state, **changes))
    return alert_event(record, source="edge_mm/car-7", anchor=anchor, now=anchor)


def test_a_line_says_when_who_what_and_why():
    line = told(event())
    assert "2026-09-21T14:13:21.000Z  edge_mm/car-7  raised     high    driver.eyes_closed: eyes closed" in line
    assert "[attention vision 0.80]" in line
    assert "\x1b" not in line


def test_who_acknowledged_is_said():
    line = told(event("acknowledged", by="ann"))
    assert "acked      high    driver.eyes_closed by ann: " in line


@pytest.mark.parametrize(("priority", "code"), [("high", "1;31"), ("medium", "33"), ("low", "36")])
def test_colours_follow_the_priority_of_what_stands(priority, code):
    assert told(event(priority=priority), colour=True).startswith(f"\x1b[{code}m")
    assert told(event("cleared", priority=priority), colour=True).startswith("\x1b[2m")


def test_no_letter_of_a_payload_moves_the_cursor():
    line = told(event(kind="driver.\x1b[2Jx\nnew", by="\x07"), colour=True)
    assert line.count("\x1b") == 2
    assert "\n" not in line


def test_colours_are_for_terminals(monkeypatch, capsys):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert (coloured("auto"), coloured("always"), coloured("never")) == (False, True, False)


@pytest.mark.parametrize(
    ("kind", "priority", "is_wanted"),
    [(None, None, True), (["driver"], None, True), (["driver.eyes_closed"], "high", True), (["driv"], None, False),
     (None, "medium", True), (["sensor"], None, False)],
)  # fmt: skip
def test_kinds_and_priorities_choose(kind, priority, is_wanted):
    assert wanted(event(), argparse.Namespace(kind=kind, priority=priority)) is is_wanted


def test_what_is_less_urgent_than_asked_for_is_left_out():
    asked = argparse.Namespace(kind=None, priority="medium")
    assert [wanted(event(priority=one), asked) for one in ("low", "medium", "high")] == [False, True, True]


def test_which_sensor_an_alarm_is_about_is_said():
    lost = event(kind="sensor.lost", key="sensor.lost/belt")
    assert "  sensor.lost/belt: " in told(lost)
    assert "  own.kind bed 4: " in told(event(kind="own.kind", key="bed 4"))


@pytest.mark.parametrize(
    ("word", "hint"),
    [("driver", None), ("sensor.lost", None), ("outbox", None), ("drivr", "did you mean driver?"),
     ("driver.eye_closed", "did you mean driver.eyes_closed?"), ("sensor.*", "did you mean sensor?"),
     ("zzz", "families are driver, sound, health, motion, device, outbox, rule, sensor")],
)  # fmt: skip
def test_a_kind_that_there_is_none_of_gets_a_hint(word, hint, capfd):
    assert main(["tail", "--host", "127.0.0.1", "--port", "1", "--kind", word]) == 69
    said = capfd.readouterr().err
    assert ("--kind" in said) == (hint is not None) and (hint or "") in said
