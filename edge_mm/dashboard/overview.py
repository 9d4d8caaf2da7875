"""The fleet at a glance: alarms of all devices, a small tile for each device, what happened.

In: the fleet. Out: a view that follows it. Not here: one device in full (``detail``).
"""

from __future__ import annotations

from edge_mm.dashboard.alarm_list import AlarmList, arrange
from edge_mm.dashboard.device import Device
from edge_mm.dashboard.elements import Words, box, look
from edge_mm.dashboard.past import Past
from edge_mm.dashboard.viewer import Viewer
from edge_mm.dashboard.wording import LEADING, SIGN, age, alarm_named, named, unit_of, valued

_LED = 3


class Overview:
    """All devices."""

    every_s = 0.5
    """Readings come once a second; each update makes the browser look at the whole page. Alarms do not wait for it."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer, self._seen = viewer, -1
        self._tiles: dict[str, _Tile] = {}
        with box("section", "standing-alarms", aria_labelledby="alarms-title"):
            Words("h2", "Active alerts", id="alarms-title")
            self._alarms = AlarmList(viewer, "No active alerts.", full=False, most=24)
        with box("section", "fleet", aria_labelledby="fleet-title"):
            self._title = Words("h2", "Devices", id="fleet-title")
            self._none = Words("p", "No device has been heard of yet.", "nothing")
            self._grid = box("ul", "tiles")
        self._past = Past(viewer, None)
        self.refresh(0.0, second=True)

    def refresh(self, now_s: float, *, second: bool) -> None:
        """Show what changed.

        Args:
            now_s: monotonic seconds.
            second: a second has passed: ages are to be looked at too.
        """
        fleet = self._viewer.fleet
        if fleet.version == self._seen and not second:
            return
        self._seen = fleet.version
        devices = fleet.by_urgency()
        for device in devices:
            if device.name not in self._tiles:
                with self._grid:
                    self._tiles[device.name] = _Tile(device)
            self._tiles[device.name].show(device, now_s, second=second, linked=fleet.link.state == "connected")
        arrange(self._grid, [self._tiles[one.name].root for one in devices])
        self._none.set_visibility(not devices)
        online = f"{sum(one.online for one in devices)} of {len(devices)} online"
        self._title.say(f"Devices ({online if fleet.link.state == 'connected' else 'not connected'})")
        rows = [(device, alarm) for device in devices for alarm in device.standing()]
        self._alarms.show(sorted(rows, key=lambda row: row[1].order))
        self._past.show()


class _Tile:
    """One device, small: a link to all of it."""

    def __init__(self, device: Device) -> None:
        self._version = -1
        self.root = box("li")
        with self.root:
            self._tile = box("div", "tile")
            with self._tile:
                with box("div", "tile-head"):
                    with box("h3"):
                        Words("a", device.name, "whole", href=f"/device/{device.name}")  # the style makes it all of it
                    self._there = Words("span", "", "there")
                self._worst = Words("p", "", "worst")
                with box("div", "led"):
                    self._led = [(Words("b"), Words("span")) for _ in range(_LED)]
                self._age = Words("p", "", "age")

    def show(self, device: Device, now_s: float, *, second: bool, linked: bool) -> None:
        """It is so now."""
        if device.version == self._version and not second:
            return
        self._version = device.version
        standing = device.standing()
        worst = standing[0] if standing else None
        fresh = [one for one in device.sensors.values() if not one.stale(now_s)]
        old = not linked or not device.online or (bool(device.sensors) and not fresh)
        kind = "calm" if worst is None else worst.state.priority + (" answered" if worst.answered else "")
        look(self._tile, f"tile {kind}{' old' if old else ''}")
        self._there.say(there(device) if linked else "? not connected")
        more = f" (+{len(standing) - 1})" if len(standing) > 1 else ""
        self._worst.say(
            "No alerts" if worst is None else f"{SIGN[worst.state.priority]} {alarm_named(worst.state)}{more}"
        )
        rows = device.leading(now_s)
        led = [name for name in LEADING if name in rows][:_LED] or list(rows)[:_LED]
        aged: list[str] = []
        for i, (value, words) in enumerate(self._led):
            sensor, reading = rows[led[i]] if i < len(led) else (None, None)
            value.say("" if reading is None else f"{valued(reading)} {unit_of(reading)}".strip())
            words.say("" if reading is None else named(led[i]))
            stale = sensor is not None and sensor.stale(now_s)
            value.look("old" if stale else "")
            if sensor is not None and stale and sensor.heard_s is not None:
                aged.append(f"{named(led[i])} of {age(now_s - sensor.heard_s)} ago")
        heard = max((one.heard_s for one in device.sensors.values() if one.heard_s is not None), default=None)
        if old:
            aged = [] if heard is None else [f"values of {age(now_s - heard)} ago"]
        self._age.say(", ".join(aged))


def there(device: Device) -> str:
    """Whether it is there, in words with a sign."""
    if device.state is None:
        return "? unknown"
    if device.state.state == "online":
        return "● online"
    return (
        "◌ stopping"
        if device.state.state == "stopping"
        else f"○ offline{': ' + device.state.reason if device.state.reason else ''}"
    )
