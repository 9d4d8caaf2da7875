"""No heartbeat, or an electrode that is off.

In: beats and ``sensor.quality`` of ECGs and pulses, the pulse that a belt tells. Out: ``health.asystole`` (high) or,
where another sensor feels the pulse, ``sensor.electrode/STREAM`` (technical). A good ECG that stops is judged by
what is known:

| the ECG | a pulse elsewhere | said |
|---|---|---|
| no beats, with contact (label ``no beats``) | none, or gone | asystole |
| the same, or flat or without signal | goes on | electrode |
| flat or without signal | stopped at the same time | asystole |
| flat or without signal | no other sensor | neither: ``sensor.unusable`` |

Not here: whether there is contact (``perception.physio_contact``, which says what it does not cover), the numbers.
"""

from __future__ import annotations

from collections import deque

from edge_mm.alerts.hold import SLACK_NS, ns, seconds_between
from edge_mm.alerts.numbers import Limits
from edge_mm.alerts.rules import Measured, Rule, ended
from edge_mm.alerts.sensors import NO_BEATS, QUALITY
from edge_mm.alerts.streams import Running
from edge_mm.types import Condition, Observation, PolicyInput, Reason, Status

BEAT, PULSE = "vitals.beat", "vitals.heart_rate_bpm"
_GONE = frozenset(("flat line", "no signal", NO_BEATS))
_PULSE_S = 3.0
"""A pulse that was felt so lately goes on."""
RULE = Rule(
    kind="health.asystole",
    priority="high",
    code="no_heartbeat_for",
    raised="no heartbeat for {seconds:.1f} s (limit {limit:g} s): {why}",
    cleared="the heart beats again",
    unit="s",
)


class _Stream:
    """What is known of one stream."""

    __slots__ = ("beats", "ecg", "label", "label_ns", "run", "said")

    def __init__(self, most: int) -> None:
        self.beats: deque[int] = deque(maxlen=most)
        self.run = 0
        self.said = False  # whether anything was said of its electrode; one of before a restart may be off
        self.ecg = False
        self.label = ""
        self.label_ns = 0


class Asystole:
    """A policy."""

    rule = RULE
    names = frozenset((BEAT, PULSE, QUALITY))

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._still_ns = ns(limits.asystole_s) - SLACK_NS
        self._streams: dict[str, _Stream] = {}
        self._pulses: dict[str, int] = {}
        self._running = Running()
        self._told: dict[str, str] = {}
        self._said: bool | None = None
        self._measured = Measured(0.0, limits.asystole_s, {})

    def update(self, event: PolicyInput) -> list[Condition]:
        """Take one event."""
        if isinstance(event, Status) or (isinstance(event, Observation) and event.name == QUALITY):
            self._running.take(event)
        if isinstance(event, Status):
            return self._off(event) if event.state == "off" else []
        if not isinstance(event, Observation):
            return []
        if event.name == PULSE:
            if event.stream not in self._streams and event.quality >= self._limits.min_quality:
                self._pulses[event.stream] = event.t_ns  # a belt's or an oximeter's own
            return []
        if event.name == BEAT:
            return self._beat(event)
        if event.source != "physio" or event.stream not in self._streams:
            return []
        stream = self._streams[event.stream]
        stream.label, stream.label_ns = event.label, event.t_ns
        return self._judge(event.stream, stream, event.t_ns) if stream.ecg else []

    def _beat(self, event: Observation) -> list[Condition]:
        stream = self._streams.get(event.stream)
        if stream is None:
            stream = self._streams[event.stream] = _Stream(self._limits.asystole_beats)
        stream.ecg = stream.ecg or bool(event.label)
        last = stream.beats[-1] if stream.beats else None
        near = last is not None and 0 <= event.t_ns - last < self._still_ns
        # beats found in the noise of a flat line are none: they may not end the alarm
        sure = event.quality >= self._limits.min_quality
        stream.run = 0 if not sure else stream.run + 1 if near else 1
        if event.stream in self._told and not sure:
            return []
        if last is not None and event.t_ns < last - self._still_ns:
            stream.beats.clear()
        stream.beats.append(event.t_ns)
        if not stream.ecg or stream.run < self._limits.asystole_keep_beats:
            return []
        if event.stream in self._told:
            return self._over(event.stream, event.t_ns, "the heart beats again")
        conditions: list[Condition] = []
        if not stream.said:  # an alarm of before a restart
            stream.said = True
            conditions.append(_on_again(event.stream, event.t_ns, "the electrode shows beats"))
        if self._said is None and not self._told:
            self._said = False  # the same
            conditions.append(self._asystole(event.t_ns, event.t_ns, active=False))
        return conditions

    def _judge(self, name: str, stream: _Stream, t_ns: int) -> list[Condition]:
        limits = self._limits
        last = stream.beats[-1]
        known = self._told.get(name)
        if stream.label not in _GONE or t_ns - last < self._still_ns:
            return []
        if known is None and not (
            len(stream.beats) >= limits.asystole_beats and last - stream.beats[0] <= ns(limits.asystole_window_s)
        ):
            return []
        goes_on = self._goes_on(name, last, t_ns)
        together = self._together(name, last, t_ns)
        if goes_on:
            verdict, why = "electrode", f"sensor {goes_on} feels the pulse"
        elif stream.label == NO_BEATS:
            verdict, why = "asystole", f"a flat ECG with contact (sensor {name})"
        elif together:
            verdict, why = "asystole", f"sensor {name} is flat and sensor {together} has lost the pulse with it"
        else:
            return []
        if verdict == known:
            return []
        conditions = self._over(name, t_ns, why) if known else []
        self._told[name] = verdict
        seconds = seconds_between(last, t_ns)
        if verdict == "electrode":
            text = f"sensor {name} shows no heartbeat for {seconds:.1f} s, but {why}: look at its electrodes"
            return [*conditions, _electrode(name, t_ns, last, seconds, Reason("electrode_off", {"stream": name}, text))]
        self._said = True
        params: dict[str, float | str] = {"seconds": seconds, "limit": limits.asystole_s, "why": why}
        self._measured = Measured(seconds, limits.asystole_s, params)
        return [*conditions, self._asystole(t_ns, last, active=True)]

    def _goes_on(self, name: str, last: int, t_ns: int) -> str:
        """Another sensor that felt the pulse lately, and well after this one's last beat."""
        since = max(t_ns - ns(_PULSE_S), last + ns(1.5))
        felt = {other: one.beats[-1] for other, one in self._streams.items() if other != name} | self._pulses
        return next((other for other, at in felt.items() if since <= at <= t_ns + ns(1.0)), "")

    def _together(self, name: str, last: int, t_ns: int) -> str:
        """Another sensor whose pulse ended with this one's beats."""
        near = ns(self._limits.asystole_together_s)
        for other, one in self._streams.items():
            if other == name or one.label not in _GONE or t_ns - one.label_ns > ns(_PULSE_S):
                continue
            if abs(one.beats[-1] - last) <= near and len(one.beats) >= self._limits.asystole_beats:
                return other
        return ""

    def _over(self, name: str, t_ns: int, text: str) -> list[Condition]:
        verdict = self._told.pop(name, "")
        if verdict == "electrode":
            return [_on_again(name, t_ns, text)]
        if verdict and "asystole" not in self._told.values():
            self._said = False
            return [ended(RULE, t_ns, text, self._measured)]
        return []

    def _off(self, event: Status) -> list[Condition]:
        stream = self._streams.pop(event.stream, None)
        self._pulses.pop(event.stream, None)
        text = f"no longer watched: {event.stream} has ended"
        conditions = self._over(event.stream, event.t_ns, text)
        # What may be active from before a restart ends too.
        if not conditions and (stream is None or not stream.said):
            conditions.append(_on_again(event.stream, event.t_ns, text))
        if self._said is None and self._running.ended("physio"):
            self._said = False
            conditions.append(ended(RULE, event.t_ns, text, self._measured))
        return conditions

    def _asystole(self, t_ns: int, onset_ns: int, *, active: bool) -> Condition:
        return RULE.condition(t_ns, active=active, onset_ns=onset_ns, measured=self._measured, sources=("physio",))


def _on_again(name: str, t_ns: int, text: str) -> Condition:
    return _electrode(name, t_ns, t_ns, 0.0, Reason("electrode_on", {"stream": name}, text), active=False)


def _electrode(name: str, t_ns: int, onset_ns: int, value: float, reason: Reason, *, active: bool = True) -> Condition:
    return Condition(
        t_ns=t_ns,
        kind="sensor.electrode",
        active=active,
        onset_ns=onset_ns,
        priority="medium",
        category="technical",
        reason=reason,
        value=value,
        limit=0.0,
        unit="s",
        key=f"sensor.electrode/{name}",
    )
