"""Daemon and broker are killed at random moments; the subscriber must not notice more than a pause."""

import pytest
from kills import kill_often

pytestmark = pytest.mark.devices


def test_no_transition_is_lost_or_doubled_whenever_daemon_and_broker_are_killed(tmp_path):
    found = kill_often(tmp_path, 20, seed=20)
    assert found.whole, found
    assert found.transitions > 10
    assert found.daemon > 5
    assert found.broker > 2
