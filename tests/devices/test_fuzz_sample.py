"""A little of ``make fuzz``: bad requests change nothing, and each of them is accounted for."""

import pytest
from fuzz_requests import fuzz
from installation import broker

pytestmark = pytest.mark.devices


def test_two_thousand_bad_requests_change_nothing_and_each_is_answered_or_counted(tmp_path):
    broker(kind="mosquitto")  # skips where there is none
    seen = fuzz(tmp_path, count=2000, seed=6, progress=print)
    assert seen.wrong == ()
    assert seen.read_refused + seen.read_unknown == 2000
    assert len(seen.ways) >= 11
    assert seen.counted["requests_refused"] > 20
