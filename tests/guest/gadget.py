"""A sensor on USB: a serial gadget of the same kernel, which can be unplugged and plugged in again.

In: what it says. Out: ``OURS``, the port that the kernel makes for a program. Not here: the drivers ``dummy_hcd`` and
``cdc-acm``, which have to be loaded already.
"""

from __future__ import annotations

import contextlib
import os
import tty
from pathlib import Path

from kernel import is_loaded, load, unload, until

OURS, FAR = Path("/dev/ttyACM0"), Path("/dev/ttyGS0")


class Gadget:
    """The sensor's end of the cable."""

    def __init__(self) -> None:
        self._far: int | None = None

    def plug(self) -> None:
        load("g_serial")
        until(lambda: OURS.exists() and FAR.exists(), "the port's nodes")

    def switch_on(self, *, patient: bool = True) -> None:
        """Be ready to speak. Not ``patient``: nobody is waited for (``mumbles``)."""
        self._far = os.open(FAR, os.O_RDWR | os.O_NOCTTY | (0 if patient else os.O_NONBLOCK))
        tty.setraw(self._far)

    def says(self, text: str) -> None:
        assert self._far is not None, "it is not switched on"
        assert os.write(self._far, text.encode()) == len(text)

    def mumbles(self, text: str) -> None:
        """As ``says``; what nobody reads is lost, in the middle of a line too."""
        assert self._far is not None, "it is not switched on"
        with contextlib.suppress(BlockingIOError):
            os.write(self._far, text.encode())

    def unplug(self) -> None:
        if self._far is not None:
            os.close(self._far)  # the gadget's driver waits for whoever holds its end
        self._far = None
        if is_loaded("g_serial"):
            unload("g_serial")
