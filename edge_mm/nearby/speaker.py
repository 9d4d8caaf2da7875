"""Alarm sounds through a child process.

In: a priority. Out: one burst has been heard, or one sentence that says why not. A sound card or server that hangs
holds up the child, which is replaced. It is a process because PortAudio lists devices once per process: a microphone
that is plugged in again would not be found while we have it open. Not here: playing (``speaker_child``), when
(``signal``).
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Callable
from typing import Literal

import msgspec

from edge_mm.child import end_child, start_child
from edge_mm.errors import DeliveryError
from edge_mm.kinds import Priority
from edge_mm.nearby.patterns import PATTERNS

PATIENCE_S = 15.0
"""Beyond the burst itself: Python starts, a sound server wakes its device."""
MAX_BYTES = 4096


class Order(msgspec.Struct, frozen=True):
    """What the child is to do."""

    device: str
    """A part of the name of an output."""
    volume: float
    """Of full scale."""
    priority: Priority | Literal["look"]
    """``look``: find the device and play nothing."""


class Done(msgspec.Struct, frozen=True):
    """What became of it."""

    device: str = ""
    """Its whole name."""
    error: str = ""
    """Why it was not heard, as a sentence."""


class Speaker:
    """Plays through one output; the child starts with the first burst.

    Args:
        device: a part of its name, or ``default``.
        volume: of full scale, 0 to 1.
        patience_s: longest wait beyond a burst's own length.
    """

    def __init__(self, device: str = "default", *, volume: float = 0.8, patience_s: float = PATIENCE_S) -> None:
        self._device, self._volume, self._patience_s = device, volume, patience_s
        self._child: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    def cycle(self, priority: Priority, pause: Callable[[float], None]) -> None:
        """Play a burst to its end, then pause.

        Raises:
            DeliveryError: it was not heard.
        """
        pattern = PATTERNS[priority]
        self._ask(priority, pattern.burst_s)
        pause(pattern.pause_s)

    def look(self) -> str:
        """Find the device and play nothing; its name.

        Raises:
            DeliveryError: there is none.
        """
        return self._ask("look", 0.0).device

    def quiet(self) -> None:
        """Between two bursts nothing sounds."""

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            child[1].close()
            end_child(child[0])

    def _ask(self, priority: Priority | Literal["look"], length_s: float) -> Done:
        try:
            if self._child is None:
                self._child = start_child("edge_mm.nearby.speaker_child")
            link = self._child[1]
            link.settimeout(length_s + self._patience_s)
            link.send(msgspec.msgpack.encode(Order(self._device, self._volume, priority)))
            answer = link.recv(MAX_BYTES)
        except TimeoutError:
            self._kill()
            raise DeliveryError(f"the sound output {self._device!r} hangs; its process was replaced") from None
        except OSError as error:
            self._kill()
            raise DeliveryError(f"the process that plays alarms has ended: {error.strerror or error}") from error
        if not answer:
            self._kill()
            raise DeliveryError("the process that plays alarms has ended; another one is started")
        done = msgspec.msgpack.decode(answer, type=Done)
        if done.error:
            raise DeliveryError(done.error)
        return done

    def _kill(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            with contextlib.suppress(OSError):
                child[1].close()
            end_child(child[0], grace_s=0)
