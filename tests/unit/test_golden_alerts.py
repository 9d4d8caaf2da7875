"""What the shipped bundle says about real recordings is what is checked in; a change shows as a readable difference."""

import copy

import golden_alerts
import pytest
from golden_alerts import ADVICE, OTHER, RECORDINGS, SAME, differences, digests, expected, located

from edge_mm.perception.litert import backend_name


@pytest.mark.parametrize("golden", RECORDINGS, ids=lambda golden: golden.name)
def test_a_recording_raises_the_alerts_that_are_checked_in(golden, bundle):
    files = located(golden)
    if files is None:
        pytest.skip(f"not here: {' '.join(golden.files.values())}")
    before = expected(golden)
    if before[0]["sha256"] != digests(files):
        pytest.skip("not here: another edition of this recording")
    after = golden_alerts.record(golden, files)
    changed = differences(before, after, SAME if backend_name() == "ai_edge_litert" else OTHER)
    assert not changed, "\n".join([f"{golden.name} ({golden.shows}):", *changed, ADVICE])


def _lines():
    return [line for golden in RECORDINGS for line in expected(golden) if line["type"] == "alert"]


def test_an_alert_that_is_gone_new_late_or_of_another_value_is_said():
    before = _lines()
    assert len(before) > 4 and not differences(before, copy.deepcopy(before))
    what = f"{before[1]['kind']} {before[1]['state']} {before[1]['priority']}"
    assert differences(before, before[:1] + before[2:]) == [f"disappeared: {what} at {before[1]['t']:.2f} s"]
    assert differences(before[:1] + before[2:], before) == [f"appeared: {what} at {before[1]['t']:.2f} s"]
    late = copy.deepcopy(before)
    late[1]["t"] += 0.4
    assert "moved:" in differences(before, late)[0] and "+0.40 s" in differences(before, late)[0]
    late[1]["t"] -= 0.2  # a few frames: another processor
    assert differences(before, late) == []
    late[1]["value"] = before[1]["value"] * 1.2 + 1
    assert differences(before, late)[0].startswith("value: ")


def test_readings_that_drift_are_said_although_no_alert_changes():
    before = [line for line in expected(RECORDINGS[0]) if line["type"] == "readings"]
    drifted = copy.deepcopy(before)
    drifted[0]["mean"] += 0.2 + abs(drifted[0]["mean"])
    assert differences(before, drifted)[0].startswith(f"{before[0]['name']}: mean")
    assert differences(before, before[1:]) == [f"{before[0]['name']}: no longer said"]


def test_another_engine_may_round_otherwise_but_not_say_something_else():
    before = _lines() + [line for line in expected(RECORDINGS[0]) if line["type"] == "readings"]
    other = copy.deepcopy(before)
    other[1]["t"] += 5.0
    angle, score = (next(x for x in other if x.get("name") == n) for n in ("driver.head_yaw_deg", "fused distracted"))
    angle["p10"] += 0.5
    score["mean"] += 0.1
    assert len(differences(before, other)) == 3
    assert differences(before, other, OTHER) == []
    other[1]["t"] += 1.0
    score["mean"] += 0.2
    said = differences(before, other, OTHER)
    assert [one.split(":")[0] for one in said] == ["moved", "fused distracted"]
    assert differences(before, before[1:], OTHER)
