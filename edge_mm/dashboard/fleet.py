"""The fleet as it is known here, made of messages alone.

In: messages in the order they came, each with the moment; how the connection to the broker is. Out: devices, counts of
what was passed over, and news of urgent alarms. Pure: no clock, no network, no page. Not here: one device (``device``).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from edge_mm.dashboard.bounds import MAX_DEVICES, MAX_SENSORS_IN_ALL, SETTLE_S
from edge_mm.dashboard.device import Device, Happened
from edge_mm.dashboard.heard import FusionState, Gone, Message, SensorState, Waveform, understood
from edge_mm.delivery.bridge_payloads import Availability, BridgeInfo, BridgeState
from edge_mm.delivery.payloads import AlertEvent
from edge_mm.delivery.present import AlertState
from edge_mm.delivery.requests import Response
from edge_mm.delivery.seen import Seen


@dataclass(slots=True)
class Link:
    """The connection to the broker."""

    state: Literal["connecting", "connected", "gone", "refused"] = "connecting"
    text: str = ""
    """Why it is not there, one sentence."""
    since_s: float = 0.0
    asked_s: float = 0.0
    """When this connection was begun: what came earlier came over another one."""


@dataclass(slots=True, frozen=True)
class Urgent:
    """An alarm of high priority has come up, or came up again."""

    number: int
    device: str
    kind: str
    reason: str
    escalation: int


@dataclass(slots=True)
class Counts:
    """What was passed over, and why."""

    heard: int = 0
    not_understood: int = 0
    """Too long, no JSON, not of the contract, a name that no device has."""
    no_room: int = 0
    dropped: int = 0
    """Came faster than they could be looked at."""


@dataclass(slots=True)
class Fleet:
    """All devices below one prefix."""

    base: str
    link: Link = field(default_factory=Link)
    devices: dict[str, Device] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    urgent: deque[Urgent] = field(default_factory=lambda: deque(maxlen=32))
    version: int = 0
    _asked_s: float | None = None
    _again: bool = False
    """Whether a connection was lost: what came up before the next is news."""
    _left_out: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _sensors: int = 0
    _numbers: int = 0
    _seen: Seen = field(default_factory=Seen)

    def linked(self, link: Link) -> None:
        """The connection to the broker is so now."""
        if "connected" not in (link.state, self.link.state):
            link.since_s = self.link.since_s  # it is gone since then, however often it was tried
        if link.state == "connected":
            self._asked_s = link.asked_s
        elif self._asked_s is not None:
            self._again = True
        self.link = link
        self.version += 1

    def settle(self, now_s: float) -> None:
        """After a new connection: what the broker has not told again does not hold any more.

        A device that it does not know of may stand as it did or not (it forgot it when it was started anew): what was
        known of it is kept as old. An alarm that a device does not stand by any more is gone.
        """
        asked_s = self._asked_s
        if asked_s is None or self.link.state != "connected" or now_s < self.link.since_s + SETTLE_S:
            return
        for device in self.devices.values():
            unsaid = [level for level, one in device.alarms.items() if one.heard_s < asked_s]
            if device.state is not None and device.state_s < asked_s:
                device.state = None
            elif unsaid and device.online and now_s >= device.state_s + SETTLE_S:
                for level in unsaid:
                    del device.alarms[level]
            else:
                continue
            device.version += 1
            self.version += 1

    def hear(self, topic: str, payload: bytes, *, retained: bool, now_s: float) -> Message | None:
        """Take a message in; what it says, None where it is nothing we know.

        Args:
            topic: full topic.
            payload: as it came.
            retained: whether the broker had kept it from before.
            now_s: monotonic seconds.
        """
        self.counts.heard += 1
        message = understood(self.base, topic, payload)
        if message is None:
            self.counts.not_understood += 1
            return None
        if isinstance(message.said, Response):
            return message
        device = self._device(message.device)
        if device is None or not self._taken(device, message, retained=retained, now_s=now_s):
            self.counts.no_room += 1
            return None
        device.version += 1
        if not retained:
            device.heard_s = now_s
        self.version += 1
        return message

    @property
    def left_out(self) -> int:
        """How many devices there was no room for (counted up to 1000)."""
        return len(self._left_out)

    def by_urgency(self) -> Sequence[Device]:
        """The devices, those with the worst alarms first."""
        return sorted(self.devices.values(), key=lambda one: one.urgency)

    def history(self, device: str | None = None, *, most: int = 100) -> Sequence[Happened]:
        """What happened since the start, newest first.

        Args:
            device: of this one only.
            most: no more than so many.
        """
        some = self.devices.values() if device is None else filter(None, [self.devices.get(device)])
        return sorted((one for d in some for one in d.events), key=lambda one: -one.number)[:most]

    def _device(self, name: str) -> Device | None:
        found = self.devices.get(name)
        if found is None:
            if len(self.devices) >= MAX_DEVICES:
                if len(self._left_out) < 1000:
                    self._left_out[name] = None
                return None
            found = self.devices[name] = Device(name)
        return found

    def _taken(self, device: Device, message: Message, *, retained: bool, now_s: float) -> bool:
        match message.said:
            case BridgeState() as said:
                device.state, device.state_s = said, now_s
            case BridgeInfo() as said:
                device.info = said
            case FusionState() as said:
                return device.fused(said, now_s)
            case AlertState() as said:
                return self._alarm(device, message.name, said, retained=retained, now_s=now_s)
            case Gone():
                device.alarms.pop(message.name, None)
            case AlertEvent() as said:
                self._event(device, said)
            case Availability() | SensorState() | Waveform():
                return self._sensor(device, message, now_s)
        return True

    def _sensor(self, device: Device, message: Message, now_s: float) -> bool:
        before = len(device.sensors)
        sensor = device.sensor(message.name, room=self._sensors < MAX_SENSORS_IN_ALL)
        self._sensors += len(device.sensors) - before
        if sensor is None:
            return False
        match message.said:
            case Availability() as said:
                sensor.availability = said
            case SensorState() as said:
                device.read(sensor, said, now_s)
            case Waveform() as said:
                return device.draw(sensor, said, now_s)
        return True

    def _alarm(self, device: Device, level: str, said: AlertState, *, retained: bool, now_s: float) -> bool:
        before = device.alarms.get(level)
        if not device.alarm(level, said, now_s):
            return False
        came_up = said.state == "active" and said.priority == "high" and (self._again or not retained)
        same = before is not None and before.state.state == "active" and (
            (before.state.incident_id, before.state.escalation) == (said.incident_id, said.escalation)
        )  # fmt: skip
        if came_up and not same:
            self._numbers += 1
            self.urgent.append(Urgent(self._numbers, device.name, said.kind, said.reason, said.escalation))
        return True

    def _event(self, device: Device, said: AlertEvent) -> None:
        if not self._seen.add(device.name, said.data.seq, said.id):
            return
        self._numbers += 1
        device.events.append(Happened(self._numbers, device.name, said))
