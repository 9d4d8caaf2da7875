"""Faults of real parts, seen at a subscriber; how fast is measured by ``make faults``."""

import pytest
from faults import camera_faults, everything_at_once, serial_faults, sound_faults
from installation import broker

pytestmark = pytest.mark.devices


@pytest.mark.parametrize("fault", [camera_faults, serial_faults, sound_faults, everything_at_once])
def test_it_is_told_while_it_lasts_and_over_when_it_is_over(fault, tmp_path):
    with broker() as local:
        rows = fault(tmp_path, local)
    print(*rows, sep="\n")
    assert len(rows) >= 3
