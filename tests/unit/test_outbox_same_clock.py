"""Whether what was acknowledged and silenced goes on after a restart: in the same boot, and not long after."""

import time

import pytest
from delivery_samples import alert

from edge_mm.delivery import clock
from edge_mm.delivery.clock import Anchor
from edge_mm.delivery.outbox import ABSENT_S, Outbox


def opened(tmp_path):
    return Outbox(tmp_path / "o.sqlite", device="car-7")


def at(seconds_ago, boot=None):
    return Anchor(time.time_ns(), time.monotonic_ns() - round(seconds_ago * 1e9), boot or clock.boot_id(), synced=False)


@pytest.mark.parametrize(
    ("seconds_ago", "boot", "goes_on"),
    [(1, None, True), (ABSENT_S - 60, None, True), (ABSENT_S + 1, None, False), (1, "the-boot-before", False)],
)
def test_a_device_goes_on_in_its_boot_and_soon(tmp_path, seconds_ago, boot, goes_on):
    with opened(tmp_path) as outbox:
        outbox.commit([alert()], b"s", anchor=at(seconds_ago, boot))
    with opened(tmp_path) as outbox:
        assert outbox.same_clock is goes_on


def test_a_sign_of_life_is_one_without_an_alert_too(tmp_path):
    with opened(tmp_path) as outbox:
        outbox.commit([alert()], b"s", anchor=at(ABSENT_S + 500))
        outbox.anchor(at(5))
    with opened(tmp_path) as outbox:
        assert outbox.same_clock


def test_a_new_outbox_has_nothing_to_go_on_from(tmp_path):
    with opened(tmp_path) as outbox:
        assert not outbox.same_clock
