"""The dashboard in a real browser against a real broker."""

import pytest
from dashboard_page import chromium, served
from simulated_fleet import SimulatedFleet, some_alarms

from edge_mm.dashboard.accounts import add_account
from edge_mm.delivery.bridge_payloads import Availability, BridgeState
from edge_mm.types import Reason

pytestmark = pytest.mark.devices
NASTY = '<script>window.hit=1</script><img src=x onerror="window.hit=1">`${window.hit=1}`</script>{{window.hit=1}}'


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser):
    """A page that notes what it asks for outside of this machine, and what goes wrong in it."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.outside, opened.wrong = [], []
    opened.on("request", lambda one: "//127.0.0.1:" in one.url or opened.outside.append(one.url))
    opened.on("pageerror", lambda error: opened.wrong.append(str(error)))
    yield opened
    assert not opened.outside
    assert not opened.wrong
    opened.close()


def test_an_alarm_is_acknowledged_with_the_keyboard_alone_and_the_answer_is_shown(page):
    with served() as (mosquitto, url, _), SimulatedFleet(mosquitto.settings.port, ["bed-1", "bed-2"]) as fleet:
        page.goto(url)
        page.wait_for_selector("text=2 of 2 online")
        incident = fleet.alarm("bed-2")
        page.wait_for_selector(".alarm.high")
        page.wait_for_selector("[aria-live=assertive]:has-text('bed-2: eyes closed for 2.1 s')", state="attached")
        for _ in range(20):
            page.keyboard.press("Tab")
            label = page.evaluate("document.activeElement.getAttribute('aria-label')")
            if label == "Acknowledge bed-2: Eyes closed":
                break
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        page.wait_for_selector(".note:has-text('bed-2: Eyes closed acknowledged')")
        page.wait_for_selector(".alarm.answered:has-text('Acknowledged by')")
        device, verb, asked = fleet.requests[-1]
        assert (device, verb, asked["incident_id"]) == ("bed-2", "acknowledge", incident)
        assert page.evaluate("document.documentElement.lang") == "en-US"
        assert page.locator("main").count() == page.locator("header").count() == 1


def test_what_anyone_publishes_is_text_and_never_runs(page):
    with served() as (mosquitto, url, _), SimulatedFleet(mosquitto.settings.port, ["bed-1"]) as fleet:
        fleet.say(NASTY.replace("/", "|")[:60], "bridge/state", {"state": "online"}, retain=True)
        fleet.alarm("bed-1", reason=Reason("x", {}, NASTY), key=f"driver.x/{NASTY}", quality={NASTY: 0.5})
        fleet.say("bed-1", "sensor/ecg/state", {"readings": {NASTY: {"value": 1.0, "unit": NASTY, "label": NASTY}}})
        for path in ("", "device/bed-1"):
            page.goto(url + path)  # in the page as it is served, and as it is updated
            page.wait_for_selector(".reason:has-text('window.hit=1')")
            fleet.alarm("bed-1", reason=Reason("x", {}, f"again {NASTY}"), key=f"driver.x/{NASTY}")
            page.wait_for_selector(".reason:has-text('Again <script>window.hit=1')")
            assert page.evaluate("window.hit") is None
        page.wait_for_selector("footer:has-text('1 were not understood')")


def test_an_opened_device_asks_for_waveforms_and_draws_them(page):
    with served() as (mosquitto, url, _), SimulatedFleet(mosquitto.settings.port, ["bed-1"]) as fleet:
        fleet.second("bed-1", 10)
        page.goto(f"{url}device/bed-1")
        with fleet.asked:
            assert fleet.asked.wait_for(lambda: fleet.requests, 20)
        assert fleet.requests[0][1] == "waveforms"
        fleet.waves(1)
        page.wait_for_selector(".wave path.trace", state="attached")
        page.wait_for_selector(".reading:has-text('Heart rate')")
        page.wait_for_selector("[role=img][aria-label^='Eyes closed: no']")


def test_a_broker_that_is_gone_is_said_and_old_values_are_grey_until_it_is_back(page):
    with served() as (mosquitto, url, _):
        with SimulatedFleet(mosquitto.settings.port, ["bed-1"]) as fleet:
            fleet.second("bed-1", 1)
            page.goto(url)
            page.wait_for_selector(".tile:not(.old):has-text('Heart rate')")
        mosquitto.kill()
        page.wait_for_selector(".banner:has-text('No connection to the broker')")
        page.wait_for_selector(".tile.old:has-text('values of')")
        mosquitto.start()
        page.wait_for_selector(".link:has-text('● connected')")


def test_fifty_devices_fit_a_phone_and_the_worst_is_first(page):
    names = [f"bed-{i:02}" for i in range(50)]
    with served() as (mosquitto, url, _), SimulatedFleet(mosquitto.settings.port, names) as fleet:
        some_alarms(fleet)
        page.set_viewport_size({"width": 360, "height": 740})
        page.goto(url)
        page.wait_for_selector("text=50 of 50 online")
        page.wait_for_selector(".tiles > li:first-child:has-text('bed-03')")
        page.wait_for_selector(".tiles > li:nth-child(2):has-text('bed-11')")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.click(".tiles a >> nth=0")
        page.wait_for_selector("section.technical .alarm:has-text('Sensor lost: cabin')")
        assert page.locator("section.person .alarm").count() == 2
        assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_with_a_login_nothing_is_seen_before_it_and_its_name_goes_with_the_answer(page, tmp_path):
    add_account(tmp_path / "logins", "anna", "a long enough word")
    with (
        served("--password-file", str(tmp_path / "logins")) as (mosquitto, url, _),
        SimulatedFleet(mosquitto.settings.port, ["bed-1"]) as fleet,
    ):
        fleet.alarm("bed-1")
        page.goto(url)
        assert page.url == f"{url}login"
        page.fill("#name", "anna")
        page.fill("#password", "a long enough word")
        page.keyboard.press("Enter")
        page.wait_for_selector(".alarm")
        page.click("text=Silence 2 min")
        page.wait_for_selector(".alarm:has-text('by anna')")
        page.click("text=Log out")
        page.wait_for_url(f"{url}login")


def test_a_value_of_a_sensor_that_is_silent_is_no_value_of_now_and_a_sensor_of_a_lost_device_is_not_online(page):
    with served() as (mosquitto, url, _), SimulatedFleet(mosquitto.settings.port, ["bed-1"]) as fleet:
        fleet.second("bed-1", 1)
        fleet.say("bed-1", "sensor/ecg/availability", Availability("offline", "lost", "no cable"), retain=True)
        page.goto(url)
        page.wait_for_selector(".tile .age", state="attached")
        fleet.second("bed-1", 11)
        page.wait_for_selector(".tile:not(.old) .led b.old:has-text('/min')")
        page.wait_for_selector(".tile .age:has-text('Heart rate of')")
        page.wait_for_selector(".tile .led b:not(.old):has-text('5 %')")
        page.goto(f"{url}device/bed-1")
        page.wait_for_selector(".sensors li:has-text('cabin'):has-text('● online')")
        fleet.say("bed-1", "bridge/state", BridgeState("offline", "connection lost"), retain=True)
        page.wait_for_selector(".sensors li:has-text('cabin'):has-text('? unknown')")


def test_numbers_that_nobody_measures_and_names_that_nothing_has_leave_the_page_as_it_is(page):
    with served() as (mosquitto, url, _), SimulatedFleet(mosquitto.settings.port, ["bed-1"]) as fleet:
        huge = {"value": -1e300, "unit": "bpm"}
        fleet.say("bed-1", "sensor/ecg/state", {"readings": {"vitals_heart_rate_bpm": huge}})
        fleet.alarm("bed-1")
        page.set_viewport_size({"width": 360, "height": 740})
        page.goto(f"{url}device/bed-1")
        page.wait_for_selector(".reading:has-text('-1.0e+300')")
        page.goto(url)
        page.wait_for_selector("td:has-text('Eyes closed raised')")
        page.fill("#past-device", "bed-2")
        page.wait_for_selector(".past .nothing:has-text('No device whose name has that')")


def test_a_browser_in_a_zone_that_is_none_gets_times_of_utc(browser, tmp_path):
    with (tmp_path / "err").open("w+") as err:
        with served(stderr=err) as (mosquitto, url, _), SimulatedFleet(mosquitto.settings.port, ["bed-1"]) as fleet:
            fleet.alarm("bed-1")
            opened = browser.new_page()
            opened.add_init_script(
                "Intl.DateTimeFormat.prototype.resolvedOptions = () => "
                "{ window.asked = true; return {timeZone: 'Etc/Unknown'}; }"
            )
            opened.goto(url)
            opened.wait_for_function("window.asked")
            opened.click("button.seen")  # goes the way that the zone went, after it
            opened.wait_for_selector(".note:has-text('acknowledged')")
            opened.wait_for_selector("footer:has-text('Times are of UTC')")
            opened.close()
        err.seek(0)
        assert "Traceback" not in err.read()
