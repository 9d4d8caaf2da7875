"""What a configuration makes of a bundle: the monitor with its rules, and who reports its health.

In: a ``Config``. Out: objects that a run holds. Not here: sources (``daemon.plan``), where graphs run
(``daemon.graph_place``).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from edge_mm.alerts.blind import NOT_WATCHING
from edge_mm.alerts.defaults import all_ours, unsayable
from edge_mm.alerts.described import fed_by
from edge_mm.alerts.handling import Handlings
from edge_mm.alerts.limits import limits_from
from edge_mm.alerts.sensors import SENSOR_KINDS
from edge_mm.daemon.baseline_file import stored_baseline
from edge_mm.daemon.config import Config
from edge_mm.daemon.health import Health
from edge_mm.daemon.meters import Meters
from edge_mm.daemon.plan import Planned
from edge_mm.daemon.recorder import Recorder, recorder_of
from edge_mm.daemon.rules_looked_at import unknown_names
from edge_mm.daemon.supervision import News
from edge_mm.delivery.outbox import Outbox
from edge_mm.errors import ConfigError
from edge_mm.kinds import MODALITY_OF
from edge_mm.models.bundle import Bundle
from edge_mm.models.profile import load_profile
from edge_mm.monitor import Monitor
from edge_mm.people import People, Watch, active_of, end, policies_of, restore, streams_of
from edge_mm.protocols import Policy
from edge_mm.types import Alert, Reason

_log = logging.getLogger("edge_mm.run")


def watch_of(config: Config, bundle: Bundle, policies: Sequence[Policy] | None) -> Watch:
    """What watches: a monitor, or one for each person whom the sources name.

    A baseline is one person's: with several people the population's limits hold, and that is said. Policies of one's
    own have state and cannot be shared: they watch over one person only.

    Raises:
        ConfigError: a rule is wrong.
        BundleError: the bundle fails its self-test.
    """
    limits, handling = limits_from(config.rules), Handlings(config.alarms)
    for text in unknown_names(config) if policies is None else ():
        _log.warning("%s", text)
    person_of = {one.name: one.person for one in config.source if one.person}
    people = list(dict.fromkeys(person_of.values()))
    baseline = stored_baseline(config.baseline, bundle) if policies is None and len(people) < 2 else None
    if not people:
        return Monitor(bundle, policies=policies, limits=limits, handling=handling, baseline=baseline)
    if policies is not None and len(people) > 1:
        raise ConfigError(f"policies of one's own watch over one person, the sources name {', '.join(people)}")
    if len(people) > 1 and Path(config.baseline).exists():
        _log.warning("%s: a baseline is one person's; with several people anybody's limits hold", config.baseline)
    monitors = {
        one: Monitor(bundle, policies=policies, limits=limits, handling=handling, baseline=baseline) for one in people
    }
    return People(monitors, person_of)


def tap_of(config: Config, watch: Watch, *, own: bool, news: News) -> Recorder:
    """What records the events of a watch; of nothing where ``[record]`` is absent.

    Args:
        config: the configuration.
        watch: what is given the events.
        own: whether policies of a user's own decide.
        news: is told how it goes.

    Raises:
        ConfigError: several people are watched: a recording is of one.
    """
    if config.record is None:
        return Recorder(None, None, watch.snapshot, news.of("@recorder"))
    if isinstance(watch, People):
        raise ConfigError("[record]: a recording is of one person, and the sources name whom they watch (person)")
    baseline = None if own else stored_baseline(config.baseline, watch.bundle)
    return recorder_of(config, watch, limits_from(config.rules), baseline, own=own, news=news)


def health_of(config: Config, meters: Meters) -> Health:
    """Who reports how the device does, beside what its board's profile allows.

    Raises:
        ConfigError: the profile is wrong.
    """
    profile = load_profile(config.profile)
    return Health(meters, rss_limit_mib=profile.budget.rss_mib, outbox=config.outbox.path, zone=profile.thermal.zone)


def resumed(
    watch: Watch, planned: Iterable[Planned], outbox: Outbox, *, sinks: Collection[str], t_ns: int
) -> list[Alert]:
    """Go on from the alarm state that was stored last.

    Args:
        watch: takes it.
        planned: what is read from now on.
        outbox: has it, or nothing yet.
        sinks: the sinks' parts that are there from now on.
        t_ns: the present.

    Returns:
        What that ends; store and publish it.
    """
    over: list[Alert] = []
    if (snapshot := outbox.snapshot()) is not None:
        over += restore(watch, snapshot, t_ns=t_ns, same_clock=outbox.same_clock)
        _log.info("going on from transition %d; waiting for the broker: %d", outbox.last_seq, outbox.waiting())
    return over + end_forgotten(watch, planned, t_ns=t_ns, sinks=sinks)


def end_forgotten(watch: Watch, planned: Iterable[Planned], *, t_ns: int, sinks: Collection[str] = ()) -> list[Alert]:
    """Tell alarms over that nothing in the configuration can end: of sensors, senses and rules that were taken out.

    Args:
        watch: its alarms have been restored.
        planned: what is read from now on.
        t_ns: the present.
        sinks: the sinks' parts that are there from now on.

    Returns:
        Their last transitions; store and publish them.
    """
    kinds = {stream: kind for one in planned for stream, kind in one.kinds.items()}
    policies = [one for those in policies_of(watch).values() for one in those]
    fed = fed_by(one for one in policies if hasattr(one, "rule")) if all_ours(policies) else {}
    over: list[Alert] = []
    for alert in active_of(watch):
        stream = alert.key.partition("/")[2]
        there = {kinds[one] for one in streams_of(watch, alert, kinds)}
        senses = {MODALITY_OF[kind] for kind in there}
        if alert.kind in SENSOR_KINDS and stream not in kinds:
            text = f"sensor {stream} is no longer in the configuration"
        elif alert.kind == "device.blind" and senses <= NOT_WATCHING:
            text = "no longer watched: no sensor that watches anybody is left in the configuration"
        elif alert.kind.startswith("device.") and stream.startswith("sink_") and stream not in sinks:
            text = f"{stream.removeprefix('sink_')} is no longer in the configuration"
        elif alert.category == "physiological" and alert.sources and senses.isdisjoint(alert.sources):
            text = f"no longer watched: no sensor for {', '.join(alert.sources)} is left in the configuration"
        elif alert.kind in fed and there.isdisjoint(fed[alert.kind]):
            text = f"no longer watched: no sensor ({' or '.join(fed[alert.kind])}) is left in the configuration"
        elif unsayable(alert, policies):
            text = f"no longer watched: the rule {alert.kind} is not in use any more"
        else:
            continue
        over.append(end(watch, alert, t_ns=t_ns, reason=Reason("watched_no_longer", {}, text)))
    return over
