"""The dashboard for those who have no mouse or do not see it: focus, landmarks, what axe says."""

import pytest
from axe import violations
from dashboard_page import chromium, served
from simulated_fleet import SimulatedFleet, some_alarms

from edge_mm.dashboard.accounts import add_account

pytestmark = pytest.mark.devices


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser):
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    yield opened
    opened.close()


def focused(page, wanted):
    """Wait until the focus is on what CSS calls so."""
    page.wait_for_function("wanted => document.activeElement.matches(wanted)", arg=wanted)


def test_the_first_tab_offers_to_skip_the_header(page):
    with served() as (mosquitto, url, _), SimulatedFleet(mosquitto.settings.port, ["bed-1", "bed-2"]):
        page.goto(url)
        page.wait_for_selector("text=2 of 2 online")
        page.keyboard.press("Tab")
        focused(page, "a.skip")
        page.keyboard.press("Enter")
        focused(page, "#main")
        for _ in range(4):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.matches('.whole')"):
                break
        focused(page, ".whole[href='/device/bed-1']")


def test_the_heading_has_the_focus_after_a_change_of_the_view(page):
    with served() as (mosquitto, url, _), SimulatedFleet(mosquitto.settings.port, ["bed-1", "bed-2"]):
        page.goto(url)
        page.wait_for_selector("text=2 of 2 online")
        page.focus(".whole[href='/device/bed-2']")
        page.keyboard.press("Enter")
        focused(page, "h2.device-name")
        assert page.title() == "bed-2 · edge-mm"
        page.focus(".back")
        page.keyboard.press("Enter")
        focused(page, "h2#alarms-title")
        assert page.title() == "edge-mm"


def test_the_focus_stays_on_an_alarms_button_until_that_alarm_is_gone(page):
    with served() as (mosquitto, url, _), SimulatedFleet(mosquitto.settings.port, ["bed-1", "bed-2"]) as fleet:
        page.goto(url)
        for name in fleet.names:
            fleet.alarm(name, "driver.yawning", priority="medium")
        mine = "[aria-label='Acknowledge bed-1: Yawning']"
        page.wait_for_selector(".alarm:nth-child(2):has-text('bed-2')")
        page.focus(mine)
        page.keyboard.press("Enter")  # answered alarms go behind the others
        page.wait_for_selector(".alarm:nth-child(2):has-text('bed-1'):has-text('Acknowledged by')")
        focused(page, mine)
        asked = len(fleet.requests)
        page.keyboard.press("Enter")
        fleet.alarm("bed-2")  # a more urgent one pushes in
        page.wait_for_selector(".alarm.high:nth-child(1):has-text('bed-2')")
        focused(page, mine)
        fleet.alarm("bed-1", "driver.yawning", "cleared", priority="medium")
        focused(page, "h2#alarms-title")
        assert len(fleet.requests) == asked, "what is acknowledged is not asked for again"


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_on_any_page(page, tmp_path, theme):
    add_account(tmp_path / "logins", "anna", "a long enough word")
    words = ("--password-file", str(tmp_path / "logins"))
    names = [f"bed-{i}" for i in range(12)]
    with served(*words) as (mosquitto, url, _), SimulatedFleet(mosquitto.settings.port, names) as fleet:
        page.goto(url)
        assert violations(page) == []
        page.fill("#name", "anna")
        page.fill("#password", "a long enough word")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=12 of 12 online")
        assert violations(page) == []
        if theme == "light":
            page.click("text=Light / dark")
        some_alarms(fleet)
        for name in fleet.names:
            fleet.second(name, 3)
        page.wait_for_selector(".alarm.high")
        page.wait_for_selector(".tile:not(.old):has-text('Heart rate')")
        assert violations(page) == []
        page.click(".tile >> nth=0")
        page.wait_for_selector(".sensors li")
        page.wait_for_selector(".bars.fusion svg", state="attached")
        assert violations(page) == []
        mosquitto.kill()
        page.wait_for_selector(".banner.wrong")
        page.wait_for_selector(".reading.old")
        assert violations(page) == []
        page.set_viewport_size({"width": 360, "height": 740})
        page.click(".back")
        page.wait_for_selector(".tile.old:has-text('values of')")
        assert violations(page) == []
