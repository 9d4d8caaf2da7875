"""One device in full: alarms about the person and about the device, readings, waveforms, time lines, senses, sensors.

In: a device of the fleet. Out: a view that follows it. Not here: its pieces (``measured``), the fleet (``overview``).
"""

from __future__ import annotations

from nicegui import ui

from edge_mm.dashboard.alarm_list import AlarmList
from edge_mm.dashboard.elements import Words, box
from edge_mm.dashboard.measured import Fused, Lines, Readings, Section, Sensors, Waves
from edge_mm.dashboard.overview import there
from edge_mm.dashboard.past import Past
from edge_mm.dashboard.viewer import Viewer

_ASK_EVERY_S = 50.0
"""Waveforms come for 60 s after they were asked for."""


class Detail:
    """One device.

    Args:
        viewer: whose page it is.
        name: the device's; it may not have been heard of (yet).
    """

    every_s = 0.1
    """Waveforms come four times a second."""

    def __init__(self, viewer: Viewer, name: str) -> None:
        self._viewer, self._name = viewer, name
        self._seen, self._asked_s = -1, float("-inf")
        with box("div", "device-head"):
            back = ui.element("a").classes("back")
            back.props["href"] = "/"
            with back:
                Words("span", "< All devices")
            Words("h2", name, "device-name")
            self._there = Words("span", "", "there")
            self._runs = Words("span", "", "runs")
        with box("div", "columns"):
            with box("section", "person", aria_labelledby="person-title"):
                Words("h3", "Alerts about the person", id="person-title")
                self._person = AlarmList(viewer, "None.", full=True, most=40)
            with box("section", "technical", aria_labelledby="technical-title"):
                Words("h3", "Alerts about the device", id="technical-title")
                self._technical = AlarmList(viewer, "None.", full=True, most=40)
        self._parts: list[Section] = [Readings(), Waves(), Lines(), Fused(), Sensors()]
        self._past = Past(viewer, name)
        self.refresh(0.0, second=True)

    def refresh(self, now_s: float, *, second: bool) -> None:
        """Show what changed.

        Args:
            now_s: monotonic seconds.
            second: a second has passed: ages are to be looked at too.
        """
        fleet = self._viewer.fleet
        device = fleet.devices.get(self._name)
        linked = fleet.link.state == "connected"
        if device is None:
            self._there.say("Nothing has been heard of it yet.")
            return
        if linked and device.online and now_s and now_s - self._asked_s > _ASK_EVERY_S:
            self._asked_s = now_s
            self._viewer.waveforms(self._name)
        if device.version == self._seen and not second:
            return
        self._seen = device.version
        self._there.say(there(device) if linked else "? not connected")
        if device.info is not None:
            bundle = device.info.bundle
            self._runs.say(
                f"edge-mm {device.info.version}" + (f", bundle {bundle.name} {bundle.version}" if bundle else "")
            )
        self._person.show([(device, one) for one in device.standing("physiological")])
        self._technical.show([(device, one) for one in device.standing("technical")])
        for part in self._parts:
            part.show(device, now_s, linked=linked and device.online, second=second)
        self._past.show()
