import pytest
from timeline import NS, merged, play, readings, story, ticks

from edge_mm.alerts import Alarms, default_policies
from edge_mm.alerts.sound import SOUNDS


def ears():
    return Alarms(default_policies(modalities=["audio"]))


def heard(sound, *parts, **options):
    return readings(f"audio.{sound}", *parts, fps=2, unit="probability", **options)


@pytest.mark.parametrize("sound", SOUNDS)
def test_each_class_gives_one_alert_per_event(sound):
    alerts = play(ears(), heard(sound, (5, 0.0), (1, 0.9), (1.5, 0.1), (1, 0.9), (10, 0.0)))
    assert story(alerts) == [f"sound.{sound} raised", f"sound.{sound} cleared"]
    raised, cleared = alerts
    assert raised.priority == SOUNDS[sound][0]
    assert raised.sources == ("audio",)
    assert (raised.onset_ns, raised.t_ns, cleared.t_ns) == (5 * NS, round(5.5 * NS), round(12.5 * NS))


def test_one_reading_alone_does_not_alert():
    assert play(ears(), heard("cough", *[(5, 0.0), (0.5, 0.99)] * 10)) == []


def test_speech_snoring_and_other_sounds_do_not_alert():
    lines = [heard(name, (30, 0.99)) for name in ("speech", "other", "snore", "glass")]
    assert play(ears(), merged(*lines)) == []


def test_a_quiet_room_ends_a_sound_and_a_dead_microphone_does_not():
    siren = heard("siren", (5, 0.9))
    dead = heard("siren", (20, 0.0), start_s=5, quality=0.0)
    quiet = heard("siren", (20, 0.0), start_s=5, quality=0.1)
    assert story(play(ears(), merged(siren, dead))) == ["sound.siren raised"]
    assert story(play(ears(), merged(siren, quiet))) == ["sound.siren raised", "sound.siren cleared"]


def test_a_stamp_from_the_future_does_not_keep_a_sound_up():
    line = [*heard("dog", (2, 0.9)), *heard("dog", (0.5, 0.9), start_s=1e6), *ticks(3, 20)]
    assert story(play(ears(), line)) == ["sound.dog raised", "sound.dog cleared"]
