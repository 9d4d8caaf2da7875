"""Devices that say what real ones say, through the product's own payloads, and answer requests; for the dashboard.

In: a broker. Out: births, sensors once a second, alarms on demand, waveforms once asked for. As a program it publishes
until it is ended: ``python tests/simulated_fleet.py PORT COUNT``.
"""

from __future__ import annotations

import json
import math
import sys
import threading
import time

import msgspec
from delivery_samples import alert
from paho.mqtt.client import CallbackAPIVersion, Client

from edge_mm.delivery import clock
from edge_mm.delivery.bridge_payloads import (
    Availability,
    BridgeInfo,
    BridgeState,
    StreamInfo,
    encode,
    fusion_state,
    sensor_state,
)
from edge_mm.delivery.payloads import alert_event
from edge_mm.delivery.present import alert_state
from edge_mm.delivery.record import Record
from edge_mm.delivery.requests import REQUESTS, Response
from edge_mm.delivery.topics import level
from edge_mm.types import NS_PER_S, Estimate, Observation, Reason

STREAMS = (StreamInfo("cabin", "video", 15.0, "bgr8"), StreamInfo("ecg", "ecg", 250.0, "mV"))


class SimulatedFleet:
    """A context manager; ``names`` are the devices."""

    def __init__(self, port: int, names: list[str]) -> None:
        self.names = names
        self.requests: list[tuple[str, str, dict]] = []
        self.asked = threading.Condition()
        self.alarms: dict[tuple[str, str], object] = {}
        self._wave_until: dict[str, float] = {}
        self._seq = 0
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._request
        self._client.on_connect = lambda *_: self._client.subscribe("edge_mm/+/bridge/request/+", 1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.max_queued_messages_set(0)
        self._port = port

    def __enter__(self) -> SimulatedFleet:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        assert self._ready.wait(20)
        for name in self.names:
            self.say(name, "bridge/state", BridgeState("online"), retain=True)
            self.say(name, "bridge/info", BridgeInfo("0.1.0", name, "ai-edge-litert", None, STREAMS), retain=True)
            for stream in STREAMS:
                self.say(name, f"sensor/{stream.name}/availability", Availability("online"), retain=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, device: str, path: str, payload, *, retain: bool = False, qos: int = 1) -> None:
        raw = payload if isinstance(payload, bytes) else encode(payload)
        self._client.publish(f"edge_mm/{device}/{path}", raw, qos, retain)

    def second(self, device: str, tick: int, *, heart_bpm: float | None = None) -> None:
        """What a device says in a second."""
        now, phase = clock.now(), self.names.index(device)
        t_ns = now.mono_ns

        def read(name, value, unit, modality, stream):
            return Observation(t_ns, name, value, unit, 0.9, modality, stream, "")

        closed = 0.9 if (tick + phase * 7) % 40 < 4 else 0.05
        yaw = 35.0 * math.sin((tick + phase) / 9)
        cabin = [
            read("sensor.quality", 0.93, "1", "vision", "cabin"),
            read("driver.face_found", 0.98, "probability", "vision", "cabin"),
            read("driver.eyes_closed", closed, "probability", "vision", "cabin"),
            read("driver.yawning", 0.8 if (tick + phase) % 70 < 3 else 0.02, "probability", "vision", "cabin"),
            read("driver.head_yaw_deg", yaw, "deg", "vision", "cabin"),
            read("driver.head_pitch_deg", 4.0, "deg", "vision", "cabin"),
        ]
        rate = heart_bpm or 68 + 8 * math.sin(tick / 11 + phase)
        ecg = [
            read("sensor.quality", 0.88, "1", "physio", "ecg"),
            read("vitals.heart_rate_bpm", rate, "bpm", "physio", "ecg"),
            read("vitals.respiration_rate_bpm", 14 + math.sin(tick / 7), "bpm", "physio", "ecg"),
            read("vitals.hrv_rmssd_ms", 31.0, "ms", "physio", "ecg"),
        ]
        self.say(device, "sensor/cabin/state", sensor_state(cabin, anchor=now), qos=0)
        self.say(device, "sensor/ecg/state", sensor_state(ecg, anchor=now), qos=0)
        estimate = Estimate(
            t_ns=t_ns, start_ns=t_ns - 4 * NS_PER_S, scores={"drowsy": 0.3 + 0.2 * math.sin(tick / 5), "stressed": 0.1},
            weights={"vision": 0.7, "physio": 0.3}, quality={"vision": 0.93, "physio": 0.88},
            coverage={"vision": 1.0, "physio": 1.0}, contributions={},
        )  # fmt: skip
        self.say(device, "fusion/state", fusion_state(estimate, anchor=now), qos=0)

    def alarm(self, device: str, kind: str = "driver.eyes_closed", state: str = "raised", **changes) -> str:
        """An alarm goes into a state; its incident."""
        self._seq += 1
        now = clock.now()
        said = alert(now.mono_ns / NS_PER_S, state, kind=kind, **changes)
        incident = f"{device}-{level(said.key)}"
        record = Record(
            seq=self._seq, id=f"id-{device}-{self._seq}-{time.time_ns()}", incident_id=incident,
            boot_id=now.boot_id, alert=said, bundle=None,
        )  # fmt: skip
        self.alarms[device, incident] = (kind, changes)
        self.say(device, f"alert/{level(said.key)}/state", alert_state(record, anchor=now), retain=True)
        self.say(device, "alert/event", alert_event(record, source=f"edge_mm/{device}", anchor=now, now=now))
        return incident

    def waves(self, tick: int) -> None:
        """A quarter of a second of every waveform that somebody has asked for."""
        for device, until in self._wave_until.items():
            if time.monotonic() < until:
                t = [(tick * 31 + i) / 125 for i in range(31)]
                values = [round(math.exp(-(((x % 0.85) - 0.3) ** 2) / 0.0004) + 0.1 * math.sin(7 * x), 4) for x in t]
                piece = {"time": clock.iso(time.time_ns()), "rate_hz": 125.0, "unit": "mV", "values": values}
                self.say(device, "sensor/ecg/waveform", piece, qos=0)

    def _request(self, _client, _data, message) -> None:
        _, device, _, _, verb = message.topic.split("/")
        if device not in self.names:
            return
        asked = msgspec.json.decode(message.payload, type=REQUESTS[verb])
        error = ""
        if verb in ("acknowledge", "silence"):
            known = self.alarms.get((device, asked.incident_id))
            if known is None:
                error = f"no alarm {asked.incident_id} <b>stands</b>"
            else:
                kind, changes = known
                became = {"acknowledge": "acknowledged", "silence": "silenced"}[verb]
                until = {"silent_until_ns": clock.now().mono_ns + 120 * NS_PER_S} if verb == "silence" else {}
                self.alarm(device, kind, became, **changes | {"by": asked.by} | until)
        elif verb == "waveforms":
            self._wave_until[device] = time.monotonic() + asked.seconds
        answer = Response(status="error" if error else "ok", transaction=asked.transaction, error=error)
        self.say(device, f"bridge/response/{verb}", answer)
        with self.asked:
            self.requests.append((device, verb, json.loads(message.payload)))
            self.asked.notify_all()


def some_alarms(fleet: SimulatedFleet) -> None:
    """What a bad day looks like."""
    fast = Reason("heart_rate_high", {}, "heart rate 132 /min (limit 120)")
    lost = Reason("sensor_lost", {}, "the camera cabin does not answer: no frame for 3.2 s")
    fleet.alarm(fleet.names[3])
    fleet.alarm(
        fleet.names[3], "health.heart_rate_high", priority="medium", reason=fast, value=132.0, limit=120.0, unit="bpm",
        sources=("physio",), attention={"vision": 0.2, "physio": 0.8}, contribution={"physio": 0.7, "vision": 0.1},
        quality={"physio": 0.88, "vision": 0.93, "audio": 0.4},
    )  # fmt: skip
    fleet.alarm(
        fleet.names[3], "sensor.lost", key="sensor.lost/cabin", category="technical", priority="medium", reason=lost,
        attention={}, contribution={}, sources=(), quality={},
    )  # fmt: skip
    for i in (7, 21, 30):
        if i < len(fleet.names):
            fleet.alarm(fleet.names[i], "driver.yawning", priority="low", reason=Reason("y", {}, "yawning for 2 s"))
    if len(fleet.names) > 11:
        fleet.alarm(fleet.names[11], "driver.drowsy", "acknowledged", by="anna", escalation=1)


def main() -> None:
    port, count = int(sys.argv[1]), int(sys.argv[2])
    with SimulatedFleet(port, [f"bed-{i:02}" for i in range(count)]) as fleet:
        some_alarms(fleet)
        tick = 0
        while True:  # each device once a second, one after the other
            if tick % 4 == 0:
                for i, name in enumerate(fleet.names):
                    fleet.second(name, tick // 4 + i)
            fleet.waves(tick)
            tick += 1
            time.sleep(0.25)


if __name__ == "__main__":
    main()
