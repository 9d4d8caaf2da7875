"""How the connection to the broker stands, in one word and a sentence.

In: what the delivery thread learns. Out: a ``Link``; each trouble is logged once, until it is over. Not here:
connecting.
"""

from __future__ import annotations

import logging
from typing import Literal

import msgspec

from edge_mm.delivery.complaints import UnspokenError
from edge_mm.delivery.settings import MqttSettings

LinkState = Literal["starting", "online", "offline", "refused", "stopped"]
_TRIES = 3
"""So often a broker that has spoken MQTT 5 may hang up at it before 3.1.1 is tried."""
_TOLD = 3
"""Sentences in a detail; the log has all of them."""
log = logging.getLogger(__name__)


class Link(msgspec.Struct, frozen=True):
    """How the connection to the broker stands."""

    state: LinkState
    """``refused``: the broker is there and does not let us in; ``offline``: anything else that keeps us apart."""
    detail: str = ""
    """One sentence."""
    trouble: str = ""
    """What the broker does not take or give although we are connected; empty while all is well."""
    mute: bool = False
    """Whether alerts are among what it does not take: nobody hears them, they wait in the outbox."""


class Spoken:
    """Says once when a broker that speaks no MQTT 5 takes the place of one that does.

    One that has spoken it and hangs up once is starting, or what stands before it is: over 3.1.1 nobody would be told
    what its access list throws away, for as long as that connection holds.
    """

    def __init__(self) -> None:
        self._fell_back, self._patience = False, 0

    def wanted(self) -> Literal["5"] | None:
        """What the next connection is to speak; None: what the settings say."""
        return "5" if self._patience else None

    def failed(self, error: Exception) -> None:
        """Why a connection has ended, or did not come about; a broker that is away says nothing of what it speaks."""
        if isinstance(error, UnspokenError) and self._patience:
            self._patience -= 1

    def say(self, settings: MqttSettings, version: str) -> None:
        """The connection that begins speaks this version of MQTT."""
        self._patience = _TRIES if version == "5" else 0
        before, self._fell_back = self._fell_back, version != "5" and settings.version == "auto"
        if self._fell_back and not before:
            log.warning("broker %s speaks no MQTT 5: it cannot say what its access list throws away", settings.where)


class Troubles:
    """What the broker denies. Outlives a connection, so that a reconnect does not say it all again."""

    def __init__(self) -> None:
        self._now: dict[str, str] = {}
        self._logged: set[str] = set()

    def add(self, about: str, sentence: str) -> None:
        """Something is denied; logged unless it has been already."""
        self._now[about] = sentence
        if about not in self._logged:
            self._logged.add(about)
            log.warning("%s", sentence)

    def over(self, about: str) -> None:
        """It is allowed now."""
        self._now.pop(about, None)
        if about in self._logged:
            self._logged.discard(about)
            log.info("the broker allows it now: %s", about)

    def forget(self) -> None:
        """A new connection: what is denied there will be seen."""
        self._now.clear()

    @property
    def sentence(self) -> str:
        """All of it, empty where nothing is denied."""
        return "; ".join(list(self._now.values())[:_TOLD])
