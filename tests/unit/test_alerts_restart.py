from hypothesis import given, settings
from hypothesis import strategies as st
from timeline import beats, estimates, merged, play, readings, status, story

from edge_mm.alerts import Alarms, default_policies

ALL = "driver.eyes_closed"
WELL = merged(
    readings(ALL, (200, 0.0), fps=8),
    readings("driver.yawning", (200, 0.0), fps=8),
    readings("driver.head_yaw_deg", (200, 0.0), fps=8),
    readings("driver.head_pitch_deg", (200, 0.0), fps=8),
    estimates("drowsy", (200, 0.0)),
    readings("vitals.heart_rate_bpm", (200, 70), fps=1),
    readings("vitals.rhythm_irregular", (200, 0.0), fps=0.2),
    beats("N" * 250),
    *(readings(f"audio.{name}", (200, 0.0), fps=2) for name in ("siren", "baby_cry", "dog", "cough", "sneeze")),
    readings("sensor.quality", (200, 1.0), fps=1, stream="cam"),
    [status(0, "live")],
)
ILL = merged(
    readings(ALL, (60, 1.0), fps=8),
    readings("driver.yawning", (60, 1.0), fps=8),
    readings("driver.head_yaw_deg", (60, 50.0), fps=8),
    readings("driver.head_pitch_deg", (60, 0.0), fps=8),
    estimates("drowsy", (60, 1.0)),
    readings("vitals.heart_rate_bpm", (30, 150), fps=1),
    readings("vitals.heart_rate_bpm", (30, 30), fps=1, start_s=30),
    readings("vitals.rhythm_irregular", (60, 1.0), fps=0.2),
    beats("V" * 100, rr_s=0.5),
    *(readings(f"audio.{name}", (60, 0.9), fps=2) for name in ("siren", "baby_cry", "dog", "cough", "sneeze")),
    readings("sensor.quality", (50, 0.0), fps=1, stream="mic", label="silent"),
    [status(55, "lost"), status(56, "stale", stream="ecg")],
)


def built():
    return Alarms(default_policies(heads=["drowsy"]))


def test_every_alarm_of_the_built_in_rules_is_cleared_by_good_readings_after_a_restart():
    before = built()
    raised = {alert.key: alert for alert in play(before, ILL) if alert.state == "raised"}
    active = {alert.key for alert in before.active}
    # The heart was fast first and slow later, so that one is over; the rest is active.
    assert len(raised) == 19
    assert active == set(raised) - {"health.heart_rate_high"}
    after = built()
    after.restore(before.snapshot())
    good = [
        *WELL,
        *readings("sensor.quality", (9, 1.0), stream="mic", fps=1, start_s=200),
        status(210, "live", stream="ecg"),
    ]
    alerts = play(after, good)
    assert sorted(alert.key for alert in alerts) == sorted(active)
    assert all(alert.state == "cleared" for alert in alerts)
    assert all(alert.incident == raised[alert.key].incident for alert in alerts)
    assert all(alert.onset_ns <= alert.t_ns for alert in alerts)
    assert after.active == ()


def test_an_alarm_that_still_holds_after_a_restart_is_not_raised_again():
    before = built()
    play(before, ILL)
    after = built()
    after.restore(before.snapshot())
    again = [alert for alert in play(after, ILL) if alert.state == "raised"]
    # The heart is fast again before it is slow again; everything else held all the time.
    assert [alert.key for alert in again] == ["health.heart_rate_high", "health.heart_rate_low"]


@given(cut=st.integers(0, 1200), healthy=st.booleans())
@settings(max_examples=25, deadline=None)
def test_a_restart_anywhere_in_a_drive_keeps_raised_and_cleared_in_pairs(cut, healthy):
    line = merged(
        readings(ALL, (20, 0.0), (10, 1.0), (40, 0.0), fps=8, start_s=50),
        estimates("drowsy", (20, 0.1), (20, 0.9), (30, 0.1), start_s=50),
        beats("N" * 20 + "VVVV" + "N" * 60, rr_s=0.5, start_s=50),
        [status(60, "lost"), status(80, "live" if healthy else "starting")],
    )
    first, second = built(), built()
    alerts = play(first, line[:cut])
    second.restore(first.snapshot())
    alerts += play(second, line[cut:])
    for key in {alert.key for alert in alerts}:
        mine = [alert for alert in alerts if alert.key == key]
        assert [alert.state for alert in mine] == ["raised", "cleared"] * (len(mine) // 2) + ["raised"] * (
            len(mine) % 2
        )
        assert all(r.incident == c.incident for r, c in zip(mine[::2], mine[1::2], strict=False))
    incidents = [alert.incident for alert in alerts if alert.state == "raised"]
    assert incidents == sorted(set(incidents))


def test_the_well_and_the_quiet_raise_nothing():
    assert story(play(built(), WELL)) == []


def test_two_runs_give_identical_alerts():
    assert play(built(), [*ILL, *WELL]) == play(built(), [*ILL, *WELL])
