"""What Home Assistant is to discover: the sensors of the configuration and the alarms that its rules can raise.

In: a configuration, the monitor that was made of it, the outbox. Out: the guest of the delivery that tells it, or none
where ``[home_assistant]`` is absent. Not here: what is said (``delivery.home_assistant``) and when.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edge_mm.alerts.described import raised_by
from edge_mm.alerts.limits import limits_from
from edge_mm.alerts.rules import Rule
from edge_mm.alerts.sensors import SENSOR_KINDS
from edge_mm.daemon.config import Config
from edge_mm.daemon.version import bridge_info
from edge_mm.delivery.home_assistant import Alarm, Installation
from edge_mm.delivery.home_assistant_guest import HomeAssistant
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.topics import Topics
from edge_mm.models.bundle import Bundle
from edge_mm.people import Watch, policies_of
from edge_mm.protocols import Policy

ELECTRODE = "sensor.electrode"
"""Of an ECG alone."""
_PARTS = (
    "device.lost/broker",
    "device.degraded/outbox",
    "device.degraded/config",
    "device.degraded/graphs",
    "device.lost/graphs",
)
"""Of the device's own parts; those of a part that is seldom there are discovered when they are raised."""


def home_assistant_of(
    config: Config, bundle: Bundle, watch: Watch, outbox: Outbox, *, own: bool
) -> HomeAssistant | None:
    """Who tells Home Assistant of this installation.

    Args:
        config: the configuration.
        bundle: what it watches with.
        watch: has the rules.
        outbox: knows how the alarms stand.
        own: whether policies of a user's own decide, of which only those with a ``rule`` say what they may raise.
    """
    if config.home_assistant is None:
        return None
    kinds = {one.name: one.kind for one in config.source}
    alarms = tuple(sorted(set(alarms_of(watch, config)), key=lambda alarm: alarm.key))
    there = Installation(bridge_info(config.device_id, bundle, ()), kinds, alarms, name=config.home_assistant.name)
    topics = Topics(config.device_id, base=config.mqtt.base_topic)
    return HomeAssistant(config.home_assistant, topics, outbox, there, own=own)


def alarms_of(watch: Watch, config: Config) -> Iterator[Alarm]:
    """Every alarm that can be raised: one for each person, sensor or part that it may be about.

    Of our rules only those that one of the person's sources can feed; of a rule that we do not know, nobody knows it.
    """
    fed = raised_by(limits_from(config.rules))
    for person, policies in policies_of(watch).items():
        there = {one.kind for one in config.source if not person or one.person == person}
        for rule in _rules(policies):
            sources = fed.get(rule.kind)
            if sources is not None and there.isdisjoint(sources):
                continue
            key = f"{rule.kind}@{person}" if person else rule.kind
            yield Alarm(key, rule.kind, "physiological", rule.priority, person)
    for one in config.source:
        for kind in SENSOR_KINDS - (frozenset() if one.kind == "ecg" else {ELECTRODE}):
            yield Alarm(f"{kind}/{one.name}", kind, "technical", "medium" if kind == "sensor.lost" else "low")
    for key in _PARTS:
        yield Alarm(key, key.partition("/")[0], "technical", "medium")


def _rules(policies: Iterable[Policy]) -> Iterator[Rule]:
    for policy in policies:
        rule: object = getattr(policy, "rule", None)
        if isinstance(rule, Rule):
            yield rule
