"""The dashboard with a real daemon behind it: real requests, real answers, a daemon that dies and comes back."""

import pytest
from dashboard_page import chromium, served
from installation import configured, sound_source
from recordings import ANY_SOUND, bursts, ecg_csv
from watched_daemon import WatchedDaemon

pytestmark = pytest.mark.devices
LOST = ".technical .alarm:has-text('Sensor lost: cabin')"
PATIENCE_MS = 60_000


@pytest.fixture
def page():
    with chromium() as browser:
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        opened.set_default_timeout(PATIENCE_MS)
        opened.wrong = []
        opened.on("pageerror", lambda error: opened.wrong.append(str(error)))
        yield opened
        assert not opened.wrong


def test_a_daemon_is_watched_answered_and_missed(page, tmp_path):
    sources = sound_source(bursts(tmp_path / "s.wav", count=60), realtime=True)
    ecg = ecg_csv(tmp_path / "e.csv", seconds=300)
    sources += f'[[source]]\nname = "ecg"\nkind = "ecg"\ndevice = "{ecg}"\nrealtime = true\n'
    sources += '[[source]]\nname = "cabin"\nkind = "video"\ndevice = "/dev/video63"\n'
    with served() as (mosquitto, url, _):
        impatient = f'{ANY_SOUND}\n[alarms."sensor.lost"]\nescalate_s = 5.0\n'
        config = configured(tmp_path, port=mosquitto.settings.port, sources=sources, rules=impatient)
        with WatchedDaemon(config, mosquitto) as daemon:
            page.goto(url)
            page.wait_for_selector("text=1 of 1 online")
            page.wait_for_selector(".tile:not(.old):has-text('Heart rate')")
            page.wait_for_selector(".alarm:has-text('d · Sensor lost: cabin')")

            page.click(".tile")
            page.wait_for_selector(".sensors li:has-text('cabin'):has-text('○ offline')")
            page.wait_for_selector(".reading:not(.old):has-text('Heart rate')")
            page.wait_for_selector("figure:has-text('ecg, mV, ') path.trace", state="attached")
            page.wait_for_selector(f"{LOST}:has-text('Nobody has acknowledged it')")

            page.locator(f"{LOST} >> text=Silence").focus()
            page.keyboard.press("Enter")
            page.wait_for_selector(f"{LOST}:has-text('Silenced until ')")
            by = page.locator(f"{LOST} .standing").inner_text().rpartition(" by ")[2]
            page.locator(f"{LOST} >> text=Acknowledge").focus()
            page.keyboard.press("Enter")
            page.wait_for_selector(f"{LOST}.answered:has-text('Acknowledged by {by}') .quiet[aria-disabled]")
            page.wait_for_selector(f".past tr:has-text('Sensor lost: cabin acknowledged by {by}')")
            daemon.until(lambda now: now.get("sensor.lost/cabin") == "acknowledged")
            told = {event.data.transition: event.data.by for _, event in daemon.events if event.data.by}
            assert told == {"silenced": by, "acknowledged": by}

            daemon.process.kill()
            page.wait_for_selector(".there:has-text('○ offline')")
            page.wait_for_selector(".reading.old:has-text('Heart rate'):has-text('ago')")
            page.wait_for_selector(f"{LOST}.old")
        with WatchedDaemon(config, mosquitto):
            page.wait_for_selector(".there:has-text('● online')")
            page.wait_for_selector(".reading:not(.old):has-text('Heart rate')")
            page.wait_for_selector(f"{LOST}:not(.old)")
