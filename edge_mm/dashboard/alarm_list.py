"""Alarms that stand, most urgent first, as a list of cards that follows them.

In: devices. Out: a list. Cards keep their element while their incident lasts, so a keyboard's focus stays where it is.
Not here: one card, where the focus goes when its card is gone (``focus.js``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from edge_mm.dashboard.alarm_card import AlarmCard
from edge_mm.dashboard.device import Alarm, Device
from edge_mm.dashboard.elements import Words, box
from edge_mm.dashboard.viewer import Viewer

Row = tuple[Device, Alarm]


class AlarmList:
    """A list.

    Args:
        viewer: whose page it is.
        nothing: what is said when none stands.
        full: cards with the senses' shares.
        most: no more cards than so many.
    """

    def __init__(self, viewer: Viewer, nothing: str, *, full: bool, most: int) -> None:
        self._viewer, self._full, self._most = viewer, full, most
        self._nothing = Words("p", nothing, "nothing")
        self._list = box("ul", "alarms")
        self._more = Words("p", "", "nothing")
        self._cards: dict[tuple[str, str, str], AlarmCard] = {}

    def show(self, rows: Sequence[Row]) -> None:
        """These stand now, in this order."""
        self._nothing.set_visibility(not rows)
        wall_s = time.time()
        self._more.say(f"{len(rows) - self._most} more: open their devices" if len(rows) > self._most else "")
        shown = {(d.name, a.level, f"{a.state.incident_id} {a.state.priority}"): (d, a) for d, a in rows[: self._most]}
        for key in [key for key in self._cards if key not in shown]:
            self._cards.pop(key).root.delete()
        for key, (device, alarm) in shown.items():
            if key not in self._cards:
                with self._list:
                    self._cards[key] = AlarmCard(self._viewer, device.name, alarm, full=self._full)
            linked = self._viewer.fleet.link.state == "connected"
            self._cards[key].show(alarm, online=device.online and linked, wall_s=wall_s)
        arrange(self._list, [self._cards[key].root for key in shown])


def arrange(parent: object, wanted: Sequence[object]) -> None:
    """Put an element's children into this order, where they are not."""
    children = parent.default_slot.children  # type: ignore[attr-defined]
    if children != list(wanted):
        children[:] = wanted
        parent.update()  # type: ignore[attr-defined]
