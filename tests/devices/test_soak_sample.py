"""A minute of ``make soak``: every kind of fault once or more, at eight times the speed, with the same criteria."""

import pytest
from installation import broker
from soak.rack import soak
from soak.schedule import OF_A_DEVICE, OF_A_PART
from soak.verdict import Allowed, judge

pytestmark = pytest.mark.devices
SEED = 3
MINUTES = 1.1
ALLOWED = Allowed(growth_mib=4.0, warm_up_s=20.0, more=1)
"""Twice the memory of the whole soak, because so soon after the start buffers and allocators still fill; one thread or
descriptor more, because in a median of eleven seconds a connection that is just being made counts."""


def test_a_minute_of_faults_leaks_nothing_loses_no_transition_and_writes_nothing_unexpected():
    broker(kind="nats-server")  # skips where there is no program; mosquitto may lose what it has confirmed when killed
    outcome = soak(seed=SEED, minutes=MINUTES, speed=8.0, broker="nats-server", pause_s=(0.6, 2.4))
    assert {fault.kind for fault in outcome.faults} == {*OF_A_DEVICE, *OF_A_PART}
    assert [f"{one.name}: {one.seen}" for one in judge(outcome, ALLOWED) if not one.holds] == []
