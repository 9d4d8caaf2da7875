"""How things are called on the page: names, numbers, ages.

In: what devices say. Out: short text. Not here: elements.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, tzinfo

from edge_mm.dashboard.bounds import LONGEST_WORD, clean
from edge_mm.dashboard.heard import Reading
from edge_mm.delivery.payloads import AlertData
from edge_mm.delivery.present import AlertState

SIGN = {"high": "!!!", "medium": "!!", "low": "!"}
"""As IEC 60601-1-8 marks priorities, so that colour is never alone."""
UNIT = {"bpm": "/min", "degC": "°C", "deg": "°", "uS": "µS"}
_LONG = 1e9
_WHOLE = {"bpm", "deg", "mmHg", "ms", "percent", "%"}
"""Units of which nobody reads decimals."""
_NAMES = {
    "driver_eyes_closed": "Eyes closed", "driver_yawning": "Yawning", "driver_mouth_open": "Mouth open",
    "driver_face_found": "Face found", "driver_head_yaw_deg": "Head turn", "driver_head_pitch_deg": "Head tilt",
    "driver_head_roll_deg": "Head roll", "looking_away": "Looking away", "vitals_heart_rate_bpm": "Heart rate",
    "vitals_respiration_rate_bpm": "Breathing", "vitals_hrv_rmssd_ms": "HRV (RMSSD)",
    "vitals_rr_interval_s": "RR interval",
    "vitals_rhythm_irregular": "Irregular rhythm", "vitals_beat": "Ventricular beat", "vitals_spo2_percent": "SpO₂",
    "vitals_systolic_mmhg": "Systolic", "vitals_diastolic_mmhg": "Diastolic",
    "vitals_mean_pressure_mmhg": "Mean pressure",
    "vitals_body_temperature_c": "Temperature", "vehicle_speed_kmh": "Speed",
}  # fmt: skip
LEADING = (
    "vitals_heart_rate_bpm", "vitals_spo2_percent", "vitals_respiration_rate_bpm", "vitals_systolic_mmhg",
    "driver_eyes_closed", "vitals_body_temperature_c", "vehicle_speed_kmh",
)  # fmt: skip
"""What a small tile shows first."""


def named(name: str) -> str:
    """A reading's name for people."""
    known = _NAMES.get(name)
    if known:
        return known
    bare = name.partition("_")[2] if name.count("_") else name
    return clean((bare or name).replace("_", " ").capitalize(), LONGEST_WORD)


_NAME = re.compile(r"\b(?:driver|health|sound|audio|motion|vitals|vehicle|skin)\.[a-z][a-z0-9_]*\b")
"""What a kind or a reading of ours is called in a sentence of a device."""
_UNITS = ("_mmhg", "_bpm", "_percent", "_kmh", "_deg", "_ms", "_c", "_s", "_g", "_us")
_PLAIN = re.compile(r"[a-z]+(?:'s)?,?(?= |$)")


def sentence(text: str) -> str:
    """What a device says, for people: names of ours in words, and a capital where it begins with a word.

    A name that is somebody's or something's own (``ann: ...``, ``bed_4 ...``) stays as it is.
    """
    told = _NAME.sub(lambda found: _in_words(found[0]), text)
    return told[:1].upper() + told[1:] if _PLAIN.match(told) else told


def _in_words(name: str) -> str:
    """``vitals.systolic_mmhg`` -> ``systolic``."""
    known = _NAMES.get(name.replace(".", "_"))
    if known is None:
        bare = name.partition(".")[2]
        return (
            next((bare.removesuffix(unit) for unit in _UNITS if bare.endswith(unit)), bare)
            .replace("_", " ")
            .replace("spo2", "SpO₂")
        )
    return known[:1].lower() + known[1:] if known[1:].islower() else known


def alarm_named(state: AlertState | AlertData) -> str:
    """An alarm's name for people: ``Eyes closed``, ``Sensor lost: cabin``, ``No input: systolic low``."""
    kind = state.kind.partition(".")[2] or state.kind
    about = state.alert_id.partition("/")[2] if state.alert_id.startswith(state.kind) else state.alert_id
    about = _NAME.sub(lambda found: _in_words(found[0]), about)
    prefix = "Sensor " if state.kind.startswith("sensor.") else ""
    person = f" ({state.person})" if isinstance(state.person, str) and state.person else ""
    said = f"{prefix}{kind.partition('/')[0]}".replace("_", " ").strip().capitalize()
    return clean(f"{said}{': ' + about if about else ''}{person}", 80)


def valued(reading: Reading) -> str:
    """The number, with as many digits as people read."""
    value = reading.value
    if value is None or not math.isfinite(value):
        return "-"
    if reading.unit == "probability":
        value = 100 * value
        return f"{value:.0f}" if abs(value) < _LONG else f"{value:.1e}"
    if abs(value) >= _LONG:  # nobody's pulse: shown as short as it can be
        return f"{value:.1e}"
    if reading.unit == "degC":
        return f"{value:.1f}"
    whole = abs(value) >= 30 or reading.unit in _WHOLE
    return f"{value:.0f}" if whole else f"{value:.3g}"


def unit_of(reading: Reading) -> str:
    """Its unit for people."""
    if reading.unit == "probability":
        return "%"
    return "" if reading.unit == "1" else clean(UNIT.get(reading.unit, reading.unit), 12)


def share(value: float | None) -> str:
    """0..1 as percent."""
    return "-" if value is None or not math.isfinite(value) else f"{100 * max(-9.99, min(value, 9.99)):.0f} %"


def age(seconds: float) -> str:
    """How long: ``4 s``, ``3 min``, ``2 h 5 min``, ``3 d``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole < 600 else "")
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d"


def clock_time(text: str | None, zone: tzinfo) -> str:
    """An RFC 3339 moment as the watcher's wall clock shows it; a day only where it is not today."""
    if not text:
        return "time unknown"
    try:
        moment = datetime.fromisoformat(text).astimezone(zone)
    except (ValueError, OverflowError):
        return "time unknown"
    today = datetime.now(zone).date()
    return moment.strftime("%H:%M:%S") if moment.date() == today else moment.strftime("%d %b %Y %H:%M:%S")


def since(state: AlertState, zone: tzinfo, wall_s: float) -> str:
    """When an alarm began and how long ago that is, by its device's clock."""
    began = state.onset or state.since
    said = f"Since {clock_time(began, zone)}"
    try:
        ago_s = wall_s - datetime.fromisoformat(began or "").timestamp()
    except (ValueError, OverflowError):
        ago_s = -math.inf
    if ago_s >= -2.0:  # clocks differ a little
        said += f", {age(ago_s if ago_s < 60 else 60 * (ago_s // 60)).removesuffix(' 0 s')} ago"
    return said + ("" if state.clock_synced else " (its clock is not set)")


def standing(state: AlertState, zone: tzinfo) -> str:
    """What has become of an alarm, in words."""
    by = f" by {state.by}" if state.by else ""
    parts = []
    match state.state:
        case "active":
            parts.append("Nobody has acknowledged it")
        case "acknowledged":
            parts.append(f"Acknowledged{by}")
        case "silenced":
            until = f" until {clock_time(state.silenced_until, zone)}" if state.silenced_until else ""
            parts.append(f"Silenced{until}{by}")
        case "clearing":
            parts.append("Over, stays until it is acknowledged")
    if state.latched and state.state != "clearing":
        parts.append("latched")
    if state.escalation:
        parts.append(f"escalated {state.escalation}x")
    return ", ".join(parts)
