"""What fails, fails to the safe side: as time lines in seconds."""

from timeline import NS, beats, estimates, merged, of, play, readings, status, story, ticks

from edge_mm.alerts import Alarms, default_policies

EYES, FACE = "driver.eyes_closed", "driver.face_found"


def everything():
    return Alarms(default_policies(heads=["drowsy", "arrhythmia"]))


def policies_of(line):
    return [c for p in default_policies(modalities=["vision"]) for e in line for c in p.update(e)]


def quality(value, seconds, *, stream, label="", start_s=0.0, name="vitals"):
    rows = readings(f"{name}.q", (seconds, value), fps=1, start_s=start_s, stream=stream, label=label)
    return [type(r)(r.t_ns, "sensor.quality", r.value, "1", r.value, r.source, stream, r.label) for r in rows]


def test_thirty_seconds_drowsy_then_a_covered_camera_and_the_alert_stays():
    line = merged(
        readings(EYES, (5, 0.1), (30, 0.95), fps=10),
        readings(FACE, (35, 1.0), fps=10),
        readings(FACE, (60, 0.0), fps=10, start_s=35, quality=0.0, label="dark"),
        ticks(0, 95),
    )
    assert story(of(play(everything(), line), EYES)) == [f"{EYES} raised"]


def test_a_face_that_is_lost_right_after_the_eyes_closed_raises_and_latches():
    line = merged(
        readings(EYES, (5, 0.1), (1.0, 0.95), fps=10),
        readings(FACE, (6, 1.0), (20, 0.0), fps=10),
    )
    said = [c for c in policies_of(line) if c.kind == EYES and c.active]
    assert [c.latch for c in said] == [True] or [c.latch for c in said] == [False, True]
    assert said[0].onset_ns == 5 * NS and said[0].t_ns / NS <= 6.7
    assert "stays until it is acknowledged" in said[-1].reason.text


def test_a_face_that_is_lost_while_the_alert_is_active_latches_it():
    line = merged(readings(EYES, (5, 0.1), (4, 0.95), fps=10), readings(FACE, (9, 1.0), (10, 0.0), fps=10))
    assert [c.latch for c in policies_of(line) if c.kind == EYES and c.active] == [False, True]


def test_a_face_that_is_lost_after_a_blink_or_for_a_frame_is_nothing():
    blink = merged(readings(EYES, (5, 0.1), (0.4, 0.95), fps=10), readings(FACE, (5.4, 1.0), (20, 0.0), fps=10))
    assert [c for c in policies_of(blink) if c.kind == EYES and c.active] == []
    missed = merged(
        readings(EYES, (5, 0.1), (1.4, 0.95), fps=10),
        readings(FACE, (6.4, 1.0), (0.1, 0.0), (5, 1.0), fps=10),
        readings(EYES, (3, 0.95), (3, 0.1), fps=10, start_s=6.5),
    )
    assert not any(c.latch for c in policies_of(missed))


def test_all_sensors_gone_is_one_high_technical_alert_until_one_works():
    line = merged(
        [status(0, "live"), status(0, "live", stream="ecg"), status(0, "live", stream="mic")],
        [status(20, "lost"), status(22, "stale", stream="ecg")],
        quality(0.0, 100, stream="mic", label="silent", start_s=10),
        quality(1.0, 10, stream="mic", start_s=110),
        ticks(0, 120),
    )
    raised, cleared = of(play(everything(), line), "device.blind")
    assert (raised.priority, raised.category, raised.t_ns // NS) == ("high", "technical", 82)
    assert raised.reason.params["sensors"] == "cam: lost, ecg: stale, mic: unusable"
    assert cleared.t_ns // NS == 112


def test_one_sensor_that_works_is_enough_and_a_speed_is_none():
    line = merged([status(0, "live"), status(0, "live", stream="ecg"), status(20, "lost")], ticks(0, 60))
    assert of(play(everything(), line), "device.blind") == []


def test_with_a_blind_camera_the_other_senses_and_what_is_fused_go_on():
    line = merged(
        readings("driver.head_yaw_deg", (60, 80.0), fps=5, quality=0.0),
        readings(FACE, (60, 0.0), fps=5, quality=0.0, label="dark"),
        readings("vitals.heart_rate_bpm", (10, 70), (50, 160), fps=1, stream="ecg"),
        readings("audio.siren", (60, 0.9), fps=4),
        estimates("arrhythmia", (60, 0.95)),
    )
    kinds = {a.kind for a in play(everything(), line) if a.state == "raised"}
    assert {"health.heart_rate_high", "sound.siren", "health.arrhythmia"} <= kinds
    assert not kinds & {"driver.looking_away", "driver.drowsy"}


def heart(last_s, *, stream="ecg", label="N"):
    return beats(label * round(last_s / 0.8), stream=stream)


def test_a_good_ecg_that_lies_flat_with_contact_is_asystole_until_beats_come_back():
    line = merged(
        heart(40),
        quality(0.0, 20, stream="ecg", label="no beats", start_s=42),
        quality(1.0, 9, stream="ecg", start_s=62),
        beats("NNNNNN", start_s=62),
    )  # fmt: skip
    alerts = play(everything(), line)
    raised, cleared = of(alerts, "health.asystole")
    assert raised.priority == "high" and 43 <= raised.t_ns / NS <= 45 and cleared.state == "cleared"
    assert not [a for a in alerts if a.kind == "sensor.unusable"]


def test_a_flat_line_without_contact_is_a_matter_of_the_sensor():
    line = merged(heart(40), quality(0.0, 20, stream="ecg", label="flat line", start_s=41), ticks(0, 61))
    kinds = {a.kind for a in play(everything(), line)}
    assert "sensor.unusable" in kinds and "health.asystole" not in kinds


def test_a_pulse_that_goes_on_makes_it_the_electrode_and_one_that_ends_with_it_the_heart():
    flat = quality(0.0, 20, stream="ecg", label="no beats", start_s=41)
    felt = play(everything(), merged(heart(40), flat, heart(60, stream="ppg", label=".")))
    assert of(felt, "health.asystole") == [] and of(felt, "sensor.electrode/ecg")[0].category == "technical"
    flat = quality(0.0, 20, stream="ecg", label="flat line", start_s=41)
    ended = quality(0.0, 20, stream="ppg", label="no signal", start_s=41)
    gone = play(everything(), merged(heart(40), flat, heart(40, stream="ppg", label="."), ended))
    assert "lost the pulse with it" in of(gone, "health.asystole")[0].reason.text


def test_what_never_was_an_ecg_does_not_stop_beating():
    line = merged(beats("NNN"), quality(0.0, 60, stream="ecg", label="no beats", start_s=5))
    assert of(play(everything(), line), "health.asystole") == []


def test_sensors_that_are_all_silent_are_told_within_seconds():
    line = merged([status(0, "live"), status(20, "stale")], ticks(0, 40))
    (raised,) = of(play(everything(), line), "device.blind")
    assert raised.t_ns // NS == 23


def test_an_electrode_that_was_off_before_a_restart_is_told_on_again():
    flat = quality(0.0, 20, stream="ecg", label="no beats", start_s=41)
    before = everything()
    alerts = play(before, merged(heart(40), flat, heart(60, stream="ppg", label=".")))
    assert story(of(alerts, "sensor.electrode/ecg")) == ["sensor.electrode/ecg raised"]
    after = everything()
    after.restore(before.snapshot(), same_clock=True)
    well = merged(beats("N" * 30, start_s=70), beats("." * 30, start_s=70, stream="ppg"), ticks(70, 100))
    assert story(of(play(after, well), "sensor.electrode/ecg")) == ["sensor.electrode/ecg cleared"]


def test_the_last_sensor_of_a_device_whose_others_have_ended_is_lost_and_nobody_is_watched():
    line = merged(
        [status(0, "lost", stream="belt"), status(0, "live", stream="mic"), status(0, "live", stream="ecg")],
        quality(1.0, 20, stream="mic", name="audio"),
        quality(1.0, 20, stream="ecg"),
        [status(20, "off", stream="mic"), status(20, "off", stream="ecg")],
        # it is tried again and again
        [
            one
            for t in range(21, 60, 2)
            for one in (status(t, "starting", stream="belt"), status(t, "lost", stream="belt"))
        ],
        ticks(0, 60),
    )
    (raised,) = of(play(everything(), line), "device.blind")
    assert raised.t_ns // NS == 23
