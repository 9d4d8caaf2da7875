"""Lights of the kernel's LED class: ``/sys/class/leds/NAME/brightness``.

In: a priority. Out: the LED that stands for it flashes or is lit, the others are dark. Every LED that the kernel knows
is there, one at a GPIO pin too (``dtoverlay=gpio-led,gpio=17,label=alarm``). Not here: when (``signal``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from edge_mm.errors import DeliveryError
from edge_mm.kinds import Priority
from edge_mm.nearby.patterns import PATTERNS

LEDS = Path("/sys/class/leds")
_CONSTANT_S = 60.0


class Lamp:
    """Up to three LEDs.

    Args:
        names: priority -> name; empty: none. One LED may stand for several.
        root: the LED class.
    """

    def __init__(self, names: Mapping[Priority, str], *, root: Path = LEDS) -> None:
        self._places = {priority: root / name for priority, name in names.items() if name}
        self._lit: Path | None = None
        self._taken: set[Path] = set()

    def cycle(self, priority: Priority, pause: Callable[[float], None]) -> None:
        """One flash, or a minute of constant light.

        Raises:
            DeliveryError: the LED is not there, or may not be written.
        """
        place, pattern = self._places.get(priority), PATTERNS[priority]
        if self._lit is not None and self._lit != place:
            self.quiet()
        if place is None:
            pause(_CONSTANT_S)
            return
        self._light(place)
        if pattern.flash_hz == 0:
            pause(_CONSTANT_S)
            return
        pause(pattern.duty / pattern.flash_hz)
        self.quiet()
        pause((1 - pattern.duty) / pattern.flash_hz)

    def quiet(self) -> None:
        """Dark.

        Raises:
            DeliveryError: it may not be written any more.
        """
        lit, self._lit = self._lit, None
        if lit is not None:
            _write(lit / "brightness", "0")

    def close(self) -> None:
        """Dark, if it can be."""
        with contextlib.suppress(DeliveryError):
            self.quiet()

    def look(self) -> str:
        """Which LEDs there are.

        Raises:
            DeliveryError: one is not there, or may not be written.
        """
        for place in self._places.values():
            _brightest(place)
            try:
                with (place / "brightness").open("r+"):
                    pass
            except OSError as error:
                raise _refused(place / "brightness", error) from error
        return ", ".join(f"{priority}: {place.name}" for priority, place in self._places.items())

    def _light(self, place: Path) -> None:
        if place not in self._taken:
            with contextlib.suppress(DeliveryError):  # not every driver has triggers
                _write(place / "trigger", "none")
            self._taken.add(place)
        self._lit = place
        _write(place / "brightness", _brightest(place))


def _brightest(place: Path) -> str:
    try:
        return (place / "max_brightness").read_text().strip()
    except OSError as error:
        raise _refused(place, error) from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> DeliveryError:
    if isinstance(error, FileNotFoundError):
        there = ", ".join(sorted(one.name for one in LEDS.glob("*"))) or "none"
        return DeliveryError(f"{path}: there is no such LED; this board has {there}")
    return DeliveryError(f"{path}: {error.strerror}; let this user write it (a udev rule for the subsystem leds)")
