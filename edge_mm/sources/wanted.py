"""Which streams are wanted of a device that can give several.

In: one ``[[source]]`` of a configuration each. Out: ``Wanted``, which the sources of such devices take; and which of
the words for a device name one (``ble:``, ``i2c:``, ``mqtt:``, ``lsl:``). Not here: any device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge_mm.kinds import StreamKind

SCHEMES: Final[tuple[str, ...]] = ("ble", "i2c", "mqtt", "lsl")
"""``SCHEME:ADDRESS`` names a device that is no file: Bluetooth Low Energy, an I2C bus, MQTT topics, an LSL stream."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One stream of a device."""

    name: str
    """Stream name."""
    kind: StreamKind
    """What it measures."""
    column: str | int | tuple[str | int, ...] | None = None
    """Which value of a line, packet or LSL channel; None where the device has only one of this kind."""
    rate_hz: float | None = None
    """Samples per second; None where the device says so itself."""
    unit: str | None = None
    """What the device counts in; None where the device says so, or counts in the kind's own."""
    path: str | None = None
    """Where in a JSON document the number stands (``mqtt``)."""
    address: str = ""
    """What follows the scheme: a belt's name, a bus, a topic."""
    stale_s: float | None = None
    """Longest silence that is normal; None: the device's own."""


def scheme_of(word: object) -> str:
    """The scheme that a configuration's word for a device begins with; empty where it has none."""
    head, colon, _ = str(word).partition(":")
    return head if colon and head in SCHEMES and not str(word).startswith(f"{head}://") else ""
