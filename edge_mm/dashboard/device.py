"""One device as it is known here: its sensors, its alarms, what was fused, what happened.

In: what its messages say (``heard``), with the moment they came. Out: fields to show. Every table is bounded; what has
no room is left out and counted. Not here: which devices there are (``fleet``), drawing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from edge_mm.dashboard.bounds import (
    MAX_ALARMS,
    MAX_DRAWN_SENSORS,
    MAX_EVENTS,
    MAX_PERSONS,
    MAX_SENSORS,
    STALE_S,
)
from edge_mm.dashboard.heard import FusionState, Reading, SensorState, Waveform
from edge_mm.dashboard.lines import TimeLine, Wave
from edge_mm.delivery.bridge_payloads import Availability, BridgeInfo, BridgeState, StreamInfo
from edge_mm.delivery.payloads import AlertEvent
from edge_mm.delivery.present import AlertState
from edge_mm.kinds import RANK, Category

FACE = "driver_face_found"
EYES = "driver_eyes_closed"
YAWN = "driver_yawning"
AWAY = "looking_away"
DRAWN = (FACE, EYES, AWAY, YAWN)
"""Which time lines there are; 0.5 and more is yes."""
_YAW, _PITCH = "driver_head_yaw_deg", "driver_head_pitch_deg"
AWAY_YAW_DEG, AWAY_PITCH_DEG = 23.0, 18.0
"""Beyond these the head counts as turned away here; the device's own rule may be set otherwise."""


@dataclass(slots=True)
class Sensor:
    """One stream."""

    name: str
    availability: Availability | None = None
    readings: dict[str, Reading] = field(default_factory=dict)
    heard_s: float | None = None
    """When readings came last."""
    lines: dict[str, TimeLine] = field(default_factory=dict)
    wave: Wave | None = None

    def stale(self, now_s: float) -> bool:
        """Whether its values are of the past."""
        off = self.availability is not None and self.availability.state != "online"
        return off or self.heard_s is None or now_s - self.heard_s > STALE_S

    @property
    def quality(self) -> float | None:
        """How good its signal is, 0..1."""
        reading = self.readings.get("sensor_quality")
        return None if reading is None else reading.value


@dataclass(slots=True)
class Alarm:
    """One alarm, as its device last said."""

    level: str
    """Its name in topics; stays over incidents."""
    state: AlertState
    heard_s: float

    @property
    def stands(self) -> bool:
        """Whether it is to be shown."""
        return self.state.state not in ("inactive", "pending")

    @property
    def answered(self) -> bool:
        """Whether somebody has acknowledged or silenced it."""
        return self.state.state in ("acknowledged", "silenced")

    @property
    def silences(self) -> bool:
        """Whether its device would silence it: what is acknowledged or over is silent already."""
        return self.state.state in ("active", "silenced")

    @property
    def order(self) -> tuple[int, bool, str, str]:
        """Most urgent first; what nobody has answered before the rest."""
        return -RANK[self.state.priority], self.answered, self.state.onset or "", self.level


@dataclass(slots=True, frozen=True)
class Happened:
    """One line of the history."""

    number: int
    device: str
    event: AlertEvent


@dataclass(slots=True)
class Device:
    """One installation."""

    name: str
    state: BridgeState | None = None
    state_s: float = 0.0
    """When it last said whether it is there."""
    info: BridgeInfo | None = None
    sensors: dict[str, Sensor] = field(default_factory=dict)
    alarms: dict[str, Alarm] = field(default_factory=dict)
    fusion: dict[str, tuple[float, FusionState]] = field(default_factory=dict)
    """Person (empty where there is one) -> when, what."""
    events: deque[Happened] = field(default_factory=lambda: deque(maxlen=MAX_EVENTS))
    heard_s: float = 0.0
    version: int = 0
    """Grows with each message."""

    @property
    def online(self) -> bool:
        """Whether it says that it is there."""
        return self.state is not None and self.state.state == "online"

    @property
    def lost(self) -> bool:
        """Whether it went without being stopped."""
        return self.state is not None and self.state.state == "offline" and self.state.reason != "stopped"

    def standing(self, category: Category | None = None) -> Sequence[Alarm]:
        """Alarms that stand, most urgent first."""
        wanted = (one for one in self.alarms.values() if one.stands and category in (None, one.state.category))
        return sorted(wanted, key=lambda one: one.order)

    @property
    def urgency(self) -> tuple[float, bool, str]:
        """Sorts a fleet: the worst alarm first; a connection that was lost comes after medium ones."""
        standing = self.standing()
        worst: float = -RANK[standing[0].state.priority] if standing else 9
        if self.lost:
            worst = min(worst, -0.5)
        return worst, not standing or standing[0].answered, self.name

    def stream(self, sensor: str) -> StreamInfo | None:
        """What the device says a sensor is."""
        streams = () if self.info is None else self.info.streams
        return next((one for one in streams if one.name == sensor), None)

    def vitals(self) -> Iterator[tuple[Sensor, str, Reading]]:
        """Readings that people look at: of each sensor in turn, without places in pixels and the like."""
        for sensor in self.sensors.values():
            for name, reading in sensor.readings.items():
                if name != "sensor_quality" and reading.unit != "px":
                    yield sensor, name, reading

    def leading(self, now_s: float) -> dict[str, tuple[Sensor, Reading]]:
        """Each of these by name; where several sensors tell it, of one that tells it now."""
        found: dict[str, tuple[Sensor, Reading]] = {}
        for sensor, name, reading in self.vitals():
            if name not in found or not sensor.stale(now_s) or found[name][0].stale(now_s):
                found[name] = sensor, reading
        return found

    # -- what its messages say; each tells whether there was room for it

    def sensor(self, name: str, *, room: bool) -> Sensor | None:
        """The sensor of this name, made where there is room."""
        found = self.sensors.get(name)
        if found is None and room and len(self.sensors) < MAX_SENSORS:
            found = self.sensors[name] = Sensor(name)
        return found

    def read(self, sensor: Sensor, said: SensorState, now_s: float) -> None:
        """Readings came."""
        sensor.readings, sensor.heard_s = said.readings, now_s
        rows = {name: said.readings[name] for name in (FACE, EYES, YAWN) if name in said.readings}
        turned = _turned(said)
        if turned is not None:
            rows[AWAY] = turned
        drawn = sum(1 for one in self.sensors.values() if one.lines or one.wave is not None)
        if rows and (sensor.lines or drawn < MAX_DRAWN_SENSORS):
            for name, reading in rows.items():
                if reading.value is not None:
                    line = sensor.lines.setdefault(name, TimeLine())
                    line.add(now_s, reading.value, 1.0 if reading.quality is None else reading.quality)

    def draw(self, sensor: Sensor, said: Waveform, now_s: float) -> bool:
        """A piece of a waveform came."""
        if sensor.wave is None:
            if sum(1 for one in self.sensors.values() if one.lines or one.wave is not None) >= MAX_DRAWN_SENSORS:
                return False
            sensor.wave = Wave()
        sensor.wave.add(now_s, said.values, rate_hz=said.rate_hz, unit=said.unit)
        return True

    def alarm(self, level: str, said: AlertState, now_s: float) -> bool:
        """An alarm stands so now. Where there is no room, one that is over makes it."""
        if level not in self.alarms and len(self.alarms) >= MAX_ALARMS:
            over = next((name for name, one in self.alarms.items() if not one.stands), None)
            if over is None:
                return False
            del self.alarms[over]
        self.alarms[level] = Alarm(level, said, now_s)
        return True

    def fused(self, said: FusionState, now_s: float) -> bool:
        """An estimate came."""
        if said.person not in self.fusion and len(self.fusion) >= MAX_PERSONS:
            return False
        self.fusion[said.person] = (now_s, said)
        return True


def _turned(said: SensorState) -> Reading | None:
    """How far the head is turned: 0.5 at the limit, as for a probability."""
    yaw, pitch = said.readings.get(_YAW), said.readings.get(_PITCH)
    if yaw is None or pitch is None or yaw.value is None or pitch.value is None:
        return None
    value = 0.5 * max(abs(yaw.value) / AWAY_YAW_DEG, abs(pitch.value) / AWAY_PITCH_DEG)
    return Reading(min(1.0, value), "1", yaw.quality)
