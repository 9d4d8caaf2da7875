"""When Home Assistant is told of the device: at every connect, at its own start, and when something has changed.

In: what runs here, what the sensors tell, the outbox's alarms, Home Assistant's birth message, and the payload that the
broker still has of the run before. Out: the discovery payload, retained; and "inactive" for alarms that were never
raised, so that there is a state to see. Readings become known as they come. What is no more is removed the documented
way: said once as a platform alone, then left out. Not here: what the payload holds (``home_assistant``).
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Annotated

import msgspec

from edge_mm.delivery.bridge_payloads import encode
from edge_mm.delivery.home_assistant import DISCOVERY, Alarm, Installation, config_topic, discovery, platforms, without
from edge_mm.delivery.home_assistant_readings import Reading, reading_prefix
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.present import never_raised
from edge_mm.delivery.topics import ALERT_STATE, Message, Topics, checked_base, level
from edge_mm.errors import ConfigError
from edge_mm.kinds import LEADS_TO
from edge_mm.types import Estimate, Observation

LISTEN_S = 2.0
"""At a connect: so long for what the broker still has of us. Where we may not read it, nothing comes."""
SETTLE_S = 3.0
"""Changes are said at most this often: at the start every sensor tells something new."""
BIRTH_S = (0.5, 3.0)
"""Home Assistant has come up: all devices hear it at the same moment, and not all should answer at once."""
log = logging.getLogger(__name__)


class _PrefixError(ConfigError, ValueError):
    """A ValueError too, so that msgspec adds the path of the key."""


class HomeAssistantSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[home_assistant]``: whether it discovers the device; where the table is absent, nothing is said to it."""

    enabled: bool = True
    """``false`` takes the device out of Home Assistant again, with all its entities."""
    prefix: str = "homeassistant"
    """Home Assistant's discovery prefix; its birth message is expected at ``<prefix>/status``."""
    name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    """The device's name as it is shown; ``edge-mm <device_id>`` when empty."""

    def __post_init__(self) -> None:
        """Refuse what is no topic.

        Raises:
            ConfigError: what is wrong.
        """
        try:
            checked_base(self.prefix)
        except ConfigError as error:
            raise _PrefixError(str(error).replace("base topic", "prefix")) from error


class HomeAssistant:
    """A ``Guest``.

    Args:
        settings: how.
        topics: of the device.
        outbox: knows how the alarms stand.
        there: what is known before anything has happened.
        own: whether there are rules of which that is not known: alarms that were raised once are kept then.
        clock_s: the present in seconds.
        spread: gives the wait after Home Assistant's birth.
    """

    def __init__(
        self,
        settings: HomeAssistantSettings,
        topics: Topics,
        outbox: Outbox,
        there: Installation,
        *,
        own: bool = False,
        clock_s: Callable[[], float] = time.monotonic,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._settings, self._topics, self._outbox = settings, topics, outbox
        self._known, self._own, self._clock_s, self._spread = there, own, clock_s, spread
        self._topic, self._birth = config_topic(topics, settings.prefix), f"{settings.prefix}/status"
        self._lock = threading.Lock()  # guards what other threads tell: the next three
        self._readings: dict[tuple[str, str], Reading] = {}
        self._scores: set[tuple[str, str]] = set()
        self._changed = True
        self._next_s = 0.0
        self._before: dict[str, dict[str, object]] = {}  # components that Home Assistant has of us
        self._said = b""
        self._removed = False
        self._quiet: set[str] = set()  # alarms of which "inactive" was said over this connection

    largest_bytes = 1_000_000
    """Our own payload: some 2.5 kB an alarm with its buttons."""

    @property
    def filters(self) -> tuple[str, ...]:
        """Home Assistant's birth, and our own payload as the broker has it."""
        return self._birth, self._topic

    def connected(self) -> None:
        """Listen for what the broker has, then say everything."""
        self._next_s = self._clock_s() + LISTEN_S
        self._changed, self._removed, self._said = True, False, b""
        self._quiet.clear()

    def heard(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Home Assistant has started, or the broker has kept our payload."""
        if topic == self._birth and payload == b"online" and not retained:
            self._changed, self._said = True, b""
            self._next_s = self._clock_s() + self._spread(*BIRTH_S)
        elif topic == self._topic and retained and not self._said:
            self._before |= _components(payload, self._topics.source)
            self._next_s = min(self._next_s, self._clock_s())

    def take(self) -> list[Message]:
        """What is to be said now."""
        present = self._clock_s()
        if present < self._next_s:
            return []
        if not self._settings.enabled:
            return self._remove()
        with self._lock:
            if not self._changed:
                return []
            self._changed = False
            there = self._there()
        self._next_s = present + SETTLE_S
        messages = self._inactive(there.alarms)
        payload = discovery(self._topics, there)
        kept = self._learned_before(there)
        payload["components"] = dict(sorted({**kept, **payload["components"]}.items()))
        gone = {
            name: p for name, p in platforms({"components": self._before}).items() if name not in payload["components"]
        }
        body = encode(without(payload, gone) if gone else payload)
        self._before = payload["components"]
        if gone:
            self._changed = True  # the next time without them
            log.info("Home Assistant: %d entities are no more", len(gone))
        if body != self._said:
            self._said = body
            messages.append(Message(DISCOVERY, self._topic, body))
        return messages

    def observed(self, observation: Observation) -> None:
        """A reading that was not known becomes an entity."""
        if (observation.stream, observation.name) in self._readings:
            return
        with self._lock:
            reading = Reading(observation.stream, observation.name, observation.unit)
            self._readings[observation.stream, observation.name] = reading
            self._changed = True

    def estimated(self, estimate: Estimate) -> None:
        """So does a score."""
        heads = {(estimate.person, head) for head in estimate.scores}
        if heads <= self._scores:
            return
        with self._lock:
            self._scores |= heads
            self._changed = True

    def _there(self) -> Installation:
        alarms = {alarm.key: alarm for alarm in self._known.alarms}
        for record in self._outbox.states():
            one = record.alert
            if one.key not in alarms and (self._own or LEADS_TO[one.state] != "inactive"):
                alarms[one.key] = Alarm(one.key, one.kind, one.category, one.priority, one.person)
        return replace(
            self._known,
            alarms=tuple(alarms[key] for key in sorted(alarms)),
            readings=tuple(sorted(self._readings.values())),
            scores=tuple(sorted(self._scores)),
        )

    def _learned_before(self, there: Installation) -> dict[str, dict[str, object]]:
        """Readings and scores of an earlier run that have not come yet in this one, of sensors that are still there."""
        begins = tuple(reading_prefix(stream, kind) for stream, kind in there.kinds.items())
        ends = tuple(f"_{level(head)}" for _, head in there.scores) or ("",)
        return {
            name: one
            for name, one in self._before.items()
            if name.startswith(begins) or (name.startswith("score_") and name.endswith(ends))
        }

    def _inactive(self, alarms: Iterable[Alarm]) -> list[Message]:
        """Alarms without a transition are inactive; nothing is said of one that has any."""
        known = {record.alert.key for record in self._outbox.states()} | self._quiet
        new = [alarm for alarm in alarms if alarm.key not in known]
        self._quiet |= {alarm.key for alarm in new}
        return [
            Message(
                ALERT_STATE,
                self._topics.of(ALERT_STATE, alarm.key),
                encode(never_raised(alarm.key, alarm.kind, alarm.category, alarm.priority, person=alarm.person)),
            )
            for alarm in new
        ]

    def _remove(self) -> list[Message]:
        """An empty payload takes the device out of Home Assistant and out of the broker."""
        if self._removed:
            return []
        self._removed = True
        return [Message(DISCOVERY, self._topic, b"")]


def _components(payload: bytes, source: str) -> dict[str, dict[str, object]]:
    """The components of a payload that may be anybody's, as far as they are about this device alone."""
    if len(payload) > HomeAssistant.largest_bytes:
        return {}
    try:
        read = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # retained: it comes at each connect
        return {}
    if not isinstance(read, dict):
        return {}
    found = {name: read["components"][name] for name in platforms(read)}
    return {name: one for name, one in found.items() if _is_ours(one, source)}


def _is_ours(component: dict[str, object], source: str) -> bool:
    """Whether every topic in it is the device's: nobody's entity is said again in our name."""
    topics = [value for key, value in component.items() if key.endswith("topic")]
    nested = component.get("availability", [])
    topics += [
        one.get("topic") if isinstance(one, dict) else one for one in (nested if isinstance(nested, list) else [nested])
    ]
    return bool(topics) and all(isinstance(one, str) and one.startswith(f"{source}/") for one in topics)
