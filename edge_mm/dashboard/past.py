"""What happened since the dashboard was started, newest first.

In: the fleet's history. Out: a table. Not here: what stands now.
"""

from __future__ import annotations

from nicegui import ui

from edge_mm.dashboard.alarm_list import arrange
from edge_mm.dashboard.bounds import LONGEST_WORD
from edge_mm.dashboard.device import Happened
from edge_mm.dashboard.elements import Words, box
from edge_mm.dashboard.viewer import Viewer
from edge_mm.dashboard.wording import SIGN, alarm_named, clock_time, sentence

_ROWS = 30
_NOTHING = "Nothing has happened since this page's server was started."


class Past:
    """A table that can be narrowed to one device.

    Args:
        viewer: whose page it is.
        device: only this one's; None lets people choose.
    """

    def __init__(self, viewer: Viewer, device: str | None) -> None:
        self._viewer, self._device, self._shown = viewer, device, None if device is None else object()
        self._rows: dict[int, ui.element] = {}
        self._wanted = ""
        self._zone = viewer.zone
        with box("section", "past", aria_labelledby="past-title"):
            Words("h2", "History", id="past-title")
            if device is None:
                Words("label", "Only devices whose name has", for_="past-device")
                field = box("input", "field", id="past-device", type="search", maxlength=64, autocomplete="off")
                field.on("input", lambda event: self._narrow(event.args), js_handler="(e) => emit(e.target.value)")
            self._none = Words("p", _NOTHING, "nothing")
            self._table = box("div", "wide", tabindex=0, role="group", aria_labelledby="past-title")
            with self._table, box("table"):
                with box("thead"), box("tr"):
                    for title in ("Time", "Device", "What", "Why"):
                        Words("th", title, scope="col")
                self._body = box("tbody")
        self._table.set_visibility(False)

    def show(self) -> None:
        """Show what is new."""
        rows = self._viewer.fleet.history(self._device, most=1000 if self._wanted else _ROWS)
        rows = [one for one in rows if self._wanted in one.device.lower()][:_ROWS]
        numbers = ([one.number for one in rows], self._viewer.zone)
        if numbers == self._shown:
            return
        self._shown = numbers
        self._none.set_visibility(not rows)
        self._none.say("No device whose name has that has told of anything." if self._wanted else _NOTHING)
        self._table.set_visibility(bool(rows))
        if self._zone is not self._viewer.zone:
            self._zone = self._viewer.zone
            self._rows = {}
            self._body.clear()
        wanted = {one.number for one in rows}
        for number in [number for number in self._rows if number not in wanted]:
            self._rows.pop(number).delete()
        with self._body:
            for one in rows:
                if one.number not in self._rows:
                    self._rows[one.number] = self._row(one)
        arrange(self._body, [self._rows[one.number] for one in rows])

    def _row(self, one: Happened) -> ui.element:
        data = one.event.data
        with box("tr", data.priority) as row:
            Words("td", clock_time(one.event.time, self._viewer.zone) + (" (late)" if data.late else ""))
            Words("td", one.device)
            by = f" by {data.by}" if data.by else ""
            Words("td", f"{SIGN[data.priority]} {alarm_named(data)} {data.transition}{by}")
            Words("td", sentence(data.reason.text))
        return row

    def _narrow(self, wanted: object) -> None:
        self._wanted = str(wanted)[:LONGEST_WORD].lower()
        self.show()
