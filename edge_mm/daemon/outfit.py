"""What a configuration makes of a bundle: the monitor with its rules, and who reports its health.

In: a ``Config``. Out: objects that a run holds. Not here: sources (``daemon.plan``), where graphs run
(``daemon.graph_place``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edge_mm.alerts.limits import limits_from
from edge_mm.alerts.sensors import SENSOR_KINDS
from edge_mm.daemon.baseline_file import stored_baseline
from edge_mm.daemon.config import Config
from edge_mm.daemon.health import Health
from edge_mm.daemon.meters import Meters
from edge_mm.daemon.plan import Planned
from edge_mm.errors import ConfigError
from edge_mm.models.bundle import Bundle
from edge_mm.models.profile import load_profile
from edge_mm.monitor import Monitor
from edge_mm.people import People, Watch
from edge_mm.protocols import Policy
from edge_mm.types import Alert, Status


def watch_of(config: Config, bundle: Bundle, policies: Sequence[Policy] | None) -> Watch:
    """What watches: a monitor, or one for each person whom the sources name.

    A baseline is one person's, so with several people the population's limits hold. Policies of one's own have state
    and cannot be shared: they watch over one person only.

    Raises:
        ConfigError: a rule is wrong.
        BundleError: the bundle fails its self-test.
    """
    limits = limits_from(config.rules)
    person_of = {one.name: one.person for one in config.source if one.person}
    people = list(dict.fromkeys(person_of.values()))
    if not people:
        baseline = stored_baseline(config.baseline, bundle) if policies is None else None
        return Monitor(bundle, policies=policies, limits=limits, baseline=baseline)
    if policies is not None and len(people) > 1:
        raise ConfigError(f"policies of one's own watch over one person, the sources name {', '.join(people)}")
    return People({person: Monitor(bundle, policies=policies, limits=limits) for person in people}, person_of)


def health_of(config: Config, meters: Meters) -> Health:
    """Who reports how the device does, beside what its board's profile allows.

    Raises:
        ConfigError: the profile is wrong.
    """
    profile = load_profile(config.profile)
    return Health(meters, rss_limit_mib=profile.budget.rss_mib, outbox=config.outbox.path, zone=profile.thermal.zone)


def forgotten(active: Iterable[Alert], planned: Iterable[Planned], *, t_ns: int) -> list[Status]:
    """What ends the alerts about sensors that are no longer in the configuration; nobody else would."""
    known = {stream for one in planned for stream in one.kinds}
    told = {alert.key.partition("/")[2] for alert in active if alert.kind in SENSOR_KINDS}
    return [Status(t_ns, stream, "off", "it is no longer in the configuration") for stream in sorted(told - known)]
