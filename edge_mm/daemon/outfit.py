"""What a configuration makes of a bundle: the monitor with its rules, and who reports its health.

In: a ``Config``. Out: objects that a run holds. Not here: sources (``daemon.plan``), where graphs run
(``daemon.graph_place``).
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_mm.alerts.limits import limits_from
from edge_mm.daemon.baseline_file import stored_baseline
from edge_mm.daemon.config import Config
from edge_mm.daemon.health import Health
from edge_mm.daemon.meters import Meters
from edge_mm.models.bundle import Bundle
from edge_mm.models.profile import load_profile
from edge_mm.monitor import Monitor
from edge_mm.protocols import Policy


def monitor_of(config: Config, bundle: Bundle, policies: Sequence[Policy] | None) -> Monitor:
    """The monitor, with what is known of the person where the built-in rules decide.

    Raises:
        ConfigError: a rule is wrong.
        BundleError: the bundle fails its self-test.
    """
    baseline = stored_baseline(config.baseline, bundle) if policies is None else None
    return Monitor(bundle, policies=policies, limits=limits_from(config.rules), baseline=baseline)


def health_of(config: Config, meters: Meters) -> Health:
    """Who reports how the device does, beside what its board's profile allows.

    Raises:
        ConfigError: the profile is wrong.
    """
    profile = load_profile(config.profile)
    return Health(meters, rss_limit_mib=profile.budget.rss_mib, outbox=config.outbox.path, zone=profile.thermal.zone)
