"""The wall clock leaps by hours and years while we watch: no alert is raised, lost or mistimed by it."""

from pathlib import Path

import pytest
from installation import broker, check_whole, configured, sound_source
from recordings import bundle_name, bursts
from watched_daemon import WatchedDaemon

from edge_mm.alerts.limits import limits_from
from edge_mm.daemon.config import load_config
from edge_mm.daemon.replay import replay
from edge_mm.types import NS_PER_S, Alert

pytestmark = pytest.mark.devices
LIBRARY = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
ALARM = "sound.siren"
LEAPS = ("+1h", "-1h", "+10y")


def test_leaps_of_the_wall_clock_change_nothing_but_dates(tmp_path):
    if LIBRARY is None:
        pytest.skip("libfaketime is not installed: apt install faketime")
    sound = bursts(tmp_path / "s.wav", count=8)
    clock = tmp_path / "clock"
    clock.write_text("+0s\n")
    with broker() as local:
        config = configured(tmp_path, port=local.settings.port, sources=sound_source(sound, realtime=True))
        more = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_TIMESTAMP_FILE": str(clock),
        }
        said = replay(bundle_name(), audio=sound, limits=limits_from(load_config(config).rules))
        raised = [one for one in said if isinstance(one, Alert) and one.state == "raised"]
        expected = times_of([(one.key, one.onset_ns / NS_PER_S) for one in raised])
        with WatchedDaemon(config, local, more=more) as daemon:
            for leap in LEAPS:
                daemon.until_active(ALARM)
                clock.write_text(f"{leap}\n")
                daemon.until_quiet(ALARM)
            daemon.until_active(ALARM)
            daemon.until_quiet(ALARM)
            assert daemon.end() == 0, daemon.log
            events = [event for _, event in daemon.events]
    check_whole(events)
    assert not [event.data.alert_id for event in events if event.data.alert_id.startswith("sensor.")]
    seen = times_of([(one.data.alert_id, one.data.onset_mono) for one in events if one.data.transition == "raised"])
    for key, times in seen.items():
        assert times == pytest.approx(expected[key][: len(times)], abs=0.3), key
    assert len(seen[ALARM]) >= 4
    years = sorted({int(event.time[:4]) for event in events})
    assert years[-1] - years[0] == 10  # the leaps were real


def times_of(rows):
    """Alarm -> when it began, seconds after the first of all."""
    times: dict[str, list[float]] = {}
    for key, at_s in rows:
        times.setdefault(key, []).append(at_s - rows[0][1])
    return times
