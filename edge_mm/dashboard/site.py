"""The page around the views: header, what is wrong with the connection, what is read aloud; one look every 0.1 s,
and at once when an alarm changes.

In: fleet and viewer. Out: NiceGUI's pages. Not here: the server (``server``), the views (``overview``, ``detail``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nicegui import ui

from edge_mm.dashboard.bounds import LONGEST_WORD, MAX_DEVICES, clean
from edge_mm.dashboard.detail import Detail
from edge_mm.dashboard.elements import Words, attribute, box
from edge_mm.dashboard.overview import Overview
from edge_mm.dashboard.viewer import Viewer
from edge_mm.dashboard.wording import SIGN, age

LOOK_EVERY_S = 0.1
_SAID_S = 12.0
_LINK = {"gone": "not connected", "refused": "login refused"}
_STYLE, _FOCUS = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("style.css", "focus.js"))
_HEAD = (
    """<meta name="referrer" content="same-origin">
<script>try { document.documentElement.dataset.theme = localStorage.getItem("edge-mm-theme") || "dark"
} catch {}</script>
"""
    f"<script>{_FOCUS}</script><style>{_STYLE}</style>"
)
_TURN_LIGHT = """(() => { const root = document.documentElement;
root.dataset.theme = root.dataset.theme === "light" ? "dark" : "light";
try { localStorage.setItem("edge-mm-theme", root.dataset.theme) } catch {} })"""


class Site:
    """One page of one viewer; to be made inside a NiceGUI page.

    Args:
        viewer: who looks.
        still_in: whether the login still holds.
        login: whether there is one to leave.
    """

    def __init__(self, viewer: Viewer, *, still_in: Callable[[], bool], login: bool) -> None:
        self._viewer, self._still_in = viewer, still_in
        self._urgent = viewer.fleet.urgent[-1].number if viewer.fleet.urgent else 0
        self._second, self._said_until, self._viewed_s = 0, 0.0, 0.0
        self._view: Overview | Detail | None = None
        viewer.said = self._say
        ui.add_head_html(_HEAD)
        self._client = ui.context.client
        frame = self._client.layout  # around <main>, where header and footer belong
        with frame:
            self._header(login, frame)
        self._banner = Words("div", "", "banner", role="status")
        self._note = Words("div", "", "note", role="status")
        self._aloud = Words("div", "", "unseen", role="alert", aria_live="assertive")
        with box("div", id="main", tabindex=-1):  # Quasar's page around it is <main>
            ui.sub_pages({"/": self._fleet, "/device/{name}": self._device}).classes("view")
        with frame, box("footer"):
            self._counts = Words("p", "")
            Words("p", "Camera pictures are never shown: devices do not publish any. Not a medical device.")
        self._look()
        ui.timer(LOOK_EVERY_S, self._look)

    async def zone(self) -> None:
        """Ask the browser where it is, for the times on the page."""
        with suppress(TimeoutError, OSError, ValueError, ZoneInfoNotFoundError):  # a browser may not know, nor may we
            name = await ui.run_javascript("Intl.DateTimeFormat().resolvedOptions().timeZone", timeout=5.0)
            self._viewer.zone = ZoneInfo(str(name)[:LONGEST_WORD])

    def _header(self, login: bool, frame: ui.element) -> None:
        with box("header") as header:
            skip = ui.element("a").classes("skip")
            skip.props["href"] = "#main"
            with skip:
                Words("span", "Skip to the content")
            Words("h1", "edge-mm")
            self._link = Words("span", "", "link")
            with box("div", "totals"):
                self._totals = {priority: Words("span", "", f"chip {priority}") for priority in SIGN}
            with box("div", "tools"):
                light = Words("button", "Light / dark", "button", type="button")
                light.on("click", js_handler=_TURN_LIGHT)
                if login:
                    Words("span", self._viewer.who, "who")
                    with box("form", method="post", action="/logout"):
                        Words("button", "Log out", "button", type="submit")
        header.move(frame, 0)

    def _fleet(self) -> None:
        ui.page_title("edge-mm")
        self._view = Overview(self._viewer)

    def _device(self, name: str) -> None:
        ui.page_title(f"{clean(name, LONGEST_WORD)} · edge-mm")
        self._view = Detail(self._viewer, name[:LONGEST_WORD])

    def _say(self, done: bool, text: str) -> None:
        self._note.look("note" if done else "note wrong")
        attribute(self._note, "role", "status" if done else "alert")
        self._note.say(("✓ " if done else "✗ ") + text)
        self._said_until = time.monotonic() + _SAID_S

    def look_now(self) -> None:
        """Something came that should not wait for the next look."""
        if self._client.has_socket_connection:
            with self._client:
                self._look(soon=True)

    def _look(self, *, soon: bool = False) -> None:
        if not self._still_in():
            ui.navigate.to("/login")
            return
        now_s = time.monotonic()
        second = int(now_s) != self._second
        self._second = int(now_s)
        fleet = self._viewer.fleet
        if second:
            self._around(now_s)
        urgent = [one for one in fleet.urgent if one.number > self._urgent]
        if urgent:
            self._urgent = urgent[-1].number
            said = (
                f"{'Again: ' if one.escalation else ''}high alert, {one.device}: {one.reason}" for one in urgent[-3:]
            )
            self._aloud.say("; ".join(said))
        if self._note.text and now_s > self._said_until:
            self._note.say("")
        if self._view is not None and (soon or second or now_s - self._viewed_s >= self._view.every_s):
            self._viewed_s = now_s
            self._view.refresh(now_s, second=second)

    def _around(self, now_s: float) -> None:
        """What stands around the view."""
        fleet = self._viewer.fleet
        link = fleet.link
        self._link.say("● connected" if link.state == "connected" else f"○ {_LINK.get(link.state, link.state)}")
        waits = f"Trying again; values on this page are {age(now_s - link.since_s)} old or older."
        problems: list[str] = []
        if link.state != "connected":
            why = (link.text or "connecting").removeprefix("broker ").rstrip(".")
            problems.append(f"No connection to the broker: {why} · {waits}")
        if fleet.left_out:
            problems.append(f"{fleet.left_out} more devices are not shown: at most {MAX_DEVICES} are.")
        self._banner.say(" ".join(problems))
        self._banner.look("banner" + (" wrong" if problems else ""))
        standing: list[str] = [one.state.priority for device in fleet.devices.values() for one in device.standing()]
        for priority, words in self._totals.items():
            count = standing.count(priority)
            words.say(f"{SIGN[priority]} {count} {priority}")
            words.look(f"chip {priority}{'' if count else ' none'}")
        counts = fleet.counts
        passed = counts.not_understood + counts.no_room + counts.dropped
        zone = getattr(self._viewer.zone, "key", "UTC")
        self._counts.say(
            f"Times are of {zone}. {counts.heard} messages" + (
                f", of which {counts.not_understood} were not understood, {counts.no_room} had no room, "
                f"{counts.dropped} came too fast." if passed else "."
            )
        )  # fmt: skip
