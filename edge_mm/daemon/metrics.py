"""``[metrics]``: the newest ``bridge/health`` for Prometheus to fetch.

In: a function that gives the newest health report. Out: ``http://127.0.0.1:9464/metrics``, numbers of the device and
its delivery; no reading of a person is in it, as none is in the report. Nothing is measured for a scrape, so none can
disturb the watch. Not here: the report (``daemon.health``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeGuard, get_args

from edge_mm.daemon.config import MetricsConfig
from edge_mm.errors import ConfigError
from edge_mm.kinds import SourceState

if TYPE_CHECKING:
    from prometheus_client import Metric

Report = Mapping[str, Any]
Row = tuple[tuple[str, ...], float]
"""Values of the labels, and the value."""
_MIB = 2**20
_LINKS = ("starting", "online", "offline", "refused", "stopped")
_QUANTILES = {"0.5": "p50_ms", "0.95": "p95_ms", "1": "max_ms"}
_log = logging.getLogger("edge_mm.metrics")


class Metrics:
    """Serves while it is entered; does nothing where the configuration has no ``[metrics]``.

    Args:
        config: where to listen, or None.
        latest: gives the newest report, None before the first one; called from threads of the server.

    Raises:
        ConfigError: the extra is not installed.
    """

    def __init__(self, config: MetricsConfig | None, *, latest: Callable[[], Report | None]) -> None:
        self._config, self._latest = config, latest
        self._server: Any = None
        self._thread: Any = None
        if config is not None:
            require_client()

    def __enter__(self) -> Metrics:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self) -> bool:
        """Listen; whether it does. A port that another program has is an error in the log: the watch goes on."""
        config = self._config
        if config is None or self._server is not None:
            return False
        from prometheus_client import CollectorRegistry, start_http_server

        registry = CollectorRegistry(auto_describe=False)
        registry.register(Collector(self._latest))
        try:
            self._server, self._thread = start_http_server(config.port, addr=config.host, registry=registry)
        except OSError as error:
            _log.error("%s; the watch goes on without metrics", unusable(config, error))
            return False
        _log.info("metrics: http://%s:%d/metrics", config.host, config.port)
        return True

    def stop(self) -> None:
        """Stop listening; safe to call twice."""
        server, thread, self._server = self._server, self._thread, None
        if server is not None:
            server.shutdown()
            server.server_close()
            thread.join()


class Collector:
    """Turns the newest report into metrics at each scrape.

    Args:
        latest: gives it, or None.
    """

    def __init__(self, latest: Callable[[], Report | None]) -> None:
        self._latest = latest

    def collect(self) -> Iterator[Metric]:
        """Every metric that the report has numbers for; what a board does not say is left out."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        report = self._latest()
        if report is None:
            return
        for name, text, labels, rows in _rows(report):
            family: Metric
            counts = name.endswith("_total")
            kind = CounterMetricFamily if counts else GaugeMetricFamily
            family = kind(name.removesuffix("_total") if counts else name, text, labels=labels)
            for values, value in rows:
                family.add_metric(values, value)
            if rows:
                yield family


def require_client() -> None:
    """Whether ``prometheus-client`` is there.

    Raises:
        ConfigError: it is not.
    """
    import importlib.util

    if importlib.util.find_spec("prometheus_client") is None:
        raise ConfigError("[metrics] needs prometheus-client: pip install 'edge-mm[prometheus]', or remove the table")


def unusable(config: MetricsConfig, error: OSError) -> str:
    """Why it cannot listen there, and what to do."""
    return (
        f"[metrics]: cannot listen on {config.host}:{config.port}: {error.strerror or error}; "
        "set another port or host, or end the program that has it"
    )


def _rows(report: Report) -> Iterator[tuple[str, str, tuple[str, ...], list[Row]]]:
    """Name, help, names of the labels, rows."""
    streams, stages = _table(report, "streams"), _table(report, "stages")
    yield (
        *("edge_mm_source_state", "1 for the state that a source is in", ("source", "state")),
        [((name, s), float(row.get("state") == s)) for name, row in streams.items() for s in get_args(SourceState)],
    )
    for name, key, text in (
        ("edge_mm_samples_total", "samples", "Samples that a source gave"),
        ("edge_mm_source_rate_hz", "per_s", "Samples per second between the last two reports"),
        ("edge_mm_dropped_total", "dropped", "Samples dropped because the monitor was too slow"),
    ):
        yield name, text, ("source",), [((one,), float(row[key])) for one, row in streams.items() if _is(row.get(key))]
    yield (
        *("edge_mm_stage_seconds", "Duration of a stage's newest runs", ("stage", "quantile")),
        [((s, q), row[key] / 1000) for s, row in stages.items() for q, key in _QUANTILES.items() if _is(row.get(key))],
    )
    runs: list[Row] = [((stage,), float(row["n"])) for stage, row in stages.items() if _is(row.get("n"))]
    yield "edge_mm_stage_runs_total", "Runs of a stage", ("stage",), runs
    alerts = _table(report, "alerts")
    yield (
        *("edge_mm_alerts_total", "Transitions of alarms", ("state",)),
        [((state,), float(count)) for state, count in alerts.items() if _is(count)],
    )
    yield (
        *("edge_mm_part_state", "1 for the state that a part of edge-mm is in", ("part", "state")),
        [
            ((part.removeprefix("@"), s), float(s == state))
            for part, state in _table(report, "parts").items()
            for s in get_args(SourceState)
        ],
    )
    yield (
        *("edge_mm_thread_restarts_total", "Threads of a source that failed and were replaced", ("source",)),
        [((source,), float(count)) for source, count in _table(report, "restarts").items() if _is(count)],
    )
    yield (
        *("edge_mm_source_events_total", "What a source lost or could not read", ("source", "what")),
        [
            ((source, what), float(count))
            for source, counts in _table(report, "counters").items()
            for what, count in counts.items()
            if _is(count)
        ],
    )
    yield (
        *("edge_mm_source_silent_seconds", "Since a device last gave something, at the report", ("source",)),
        [((source,), float(s)) for source, s in _table(report, "silent_s").items() if _is(s)],
    )
    yield (
        *("edge_mm_outbox_waiting", "Transitions that wait, by sink", ("sink",)),
        [((sink,), float(n)) for sink, n in _table(_table(report, "outbox"), "waiting").items() if _is(n)],
    )
    link = _table(report, "mqtt").get("link")
    if isinstance(link, str):
        states = dict.fromkeys((*_LINKS, link))
        text = "1 for the state that the connection to the broker is in"
        yield "edge_mm_mqtt_link", text, ("state",), [((state,), float(state == link)) for state in states]
    power = _table(report, "board").get("power")
    if isinstance(power, dict):
        flags = ("under_voltage", "frequency_capped", "throttled", "soft_temperature_limit")
        yield (
            *("edge_mm_board_power", "What the board says of its supply and of being slowed down", ("flag", "when")),
            [((flag, when), float(flag in power.get(when, ()))) for when in ("now", "since_boot") for flag in flags],
        )
    boot_s = _table(report, "os").get("boot_s")
    if _is(boot_s):
        text = "Age of the report that these numbers are of; it grows where the monitor's thread is stuck"
        yield "edge_mm_health_age_seconds", text, (), [((), max(0.0, time.monotonic() - boot_s))]
    for name, text, path, scale in _SINGLE:
        value: Any = report
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if _is(value):
            yield name, text, (), [((), value * scale)]


_SINGLE: tuple[tuple[str, str, str, float], ...] = (
    ("edge_mm_uptime_seconds", "Since the run began", "uptime_s", 1),
    ("edge_mm_clock_synced", "1 where a time service sets the clock", "clock_synced", 1),
    ("edge_mm_windows_total", "Fusion windows", "windows", 1),
    ("edge_mm_cpu_ratio", "CPU time of the daemon, of one core", "process.cpu_percent", 0.01),
    ("edge_mm_rss_bytes", "Resident memory", "process.rss_mib", _MIB),
    ("edge_mm_peak_rss_bytes", "Largest resident memory so far", "process.peak_rss_mib", _MIB),
    ("edge_mm_rss_limit_bytes", "What the board's profile allows", "process.rss_limit_mib", _MIB),
    ("edge_mm_threads", "Threads of the daemon", "process.threads", 1),
    ("edge_mm_open_descriptors", "Open file descriptors", "process.descriptors", 1),
    ("edge_mm_machine_cpu_ratio", "CPU time of all programs, of all cores", "os.cpu_percent", 0.01),
    ("edge_mm_outbox_depth", "Transitions that wait, for whichever sink", "outbox.depth", 1),
    ("edge_mm_outbox_unstored", "Transitions that could not be stored yet", "outbox.unstored", 1),
    ("edge_mm_recording_dropped_total", "Events that are in no recording", "recording.dropped", 1),
    ("edge_mm_recording_bytes", "All files of recordings", "recording.mib", _MIB),
    ("edge_mm_mqtt_connects_total", "Successful connections", "mqtt.connects", 1),
    ("edge_mm_mqtt_published_total", "Transitions handed to a broker", "mqtt.published", 1),
    ("edge_mm_mqtt_confirmed_total", "Transitions that a broker confirmed", "mqtt.confirmed", 1),
    ("edge_mm_mqtt_dropped_total", "Readings that were not sent", "mqtt.dropped", 1),
    ("edge_mm_mqtt_confirm_p95_seconds", "Publish to confirmation", "mqtt.confirm_p95_ms", 0.001),
    ("edge_mm_board_temperature_celsius", "Of the processor", "board.temperature_c", 1),
    ("edge_mm_board_frequency_hertz", "Clock rate of the fastest core", "board.frequency.now_mhz", 1e6),
    ("edge_mm_board_frequency_limit_hertz", "The most that is allowed now", "board.frequency.limit_mhz", 1e6),
    ("edge_mm_board_frequency_max_hertz", "What the processor can do", "board.frequency.max_mhz", 1e6),
    ("edge_mm_board_memory_available_bytes", "Without swapping", "board.memory.available_mib", _MIB),
    ("edge_mm_board_memory_bytes", "All of it", "board.memory.total_mib", _MIB),
    ("edge_mm_board_disk_free_bytes", "Of the outbox's file system", "board.disk.free_mib", _MIB),
    ("edge_mm_board_disk_bytes", "Of the outbox's file system", "board.disk.total_mib", _MIB),
)
"""Name, help, path in the report, factor to the base unit."""


def _table(report: Report, key: str) -> Mapping[str, Any]:
    value = report.get(key)
    return value if isinstance(value, dict) else {}


def _is(value: object) -> TypeGuard[float]:
    """Whether it is a number (or yes or no, which counts as one)."""
    return isinstance(value, int | float)
