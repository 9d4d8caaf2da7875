"""What a scrape gets from a health report."""

import json
import socket
import sys
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from edge_mm.cli import main
from edge_mm.daemon.config import MetricsConfig, parse_config
from edge_mm.daemon.health import Health
from edge_mm.daemon.meters import Meters
from edge_mm.daemon.metrics import Collector, Metrics
from edge_mm.errors import ConfigError

HEAD = 'version = 1\ndevice_id = "d"\n'


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def scraped(report: dict[str, object] | None) -> dict[str, float]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(lambda: report))
    return values(generate_latest(registry).decode())


def values(text: str) -> dict[str, float]:
    """``name{label="value"}`` -> value."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            labels = ",".join(f'{key}="{value}"' for key, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def report() -> dict[str, object]:
    now = [0.0]
    meters = Meters(clock_s=lambda: now[0], cpu_clock_s=lambda: now[0] / 4)
    meters.count("samples", "cabin", 40)
    meters.count("raised", "driver.drowsy", 3)
    for milliseconds in range(1, 101):
        meters.took("monitor cabin", milliseconds / 1000)
    now[0] = 2.0
    body = Health(meters, rss_limit_mib=256).report(
        streams={"cabin": "live"},
        drops={"cabin": 7},
        windows=11,
        more={
            "outbox": {"depth": 5, "waiting": {"mqtt": 5, "log:diary": 0}, "unstored": 0, "error": None},
            "parts": {"@broker": "lost"},
            "restarts": {"cabin": 2},
            "counters": {"cabin": {"skipped": 5}},
            "silent_s": {"cabin": 0.5},
            "mqtt": {"link": "online", "connects": 1, "published": 9, "confirm_p95_ms": None},
        },
    )
    return json.loads(json.dumps(body))


def test_a_report_becomes_metrics_in_base_units():
    found = scraped(report())
    assert found['edge_mm_source_rate_hz{source="cabin"}'] == 20
    assert found['edge_mm_samples_total{source="cabin"}'] == 40
    assert found['edge_mm_dropped_total{source="cabin"}'] == 7
    assert found['edge_mm_source_state{source="cabin",state="live"}'] == 1
    assert found['edge_mm_source_state{source="cabin",state="lost"}'] == 0
    assert found['edge_mm_alerts_total{state="raised"}'] == 3
    assert found['edge_mm_stage_seconds{quantile="0.5",stage="monitor cabin"}'] == pytest.approx(0.051)
    assert found['edge_mm_stage_seconds{quantile="1",stage="monitor cabin"}'] == pytest.approx(0.1)
    assert found['edge_mm_stage_runs_total{stage="monitor cabin"}'] == 100
    assert found["edge_mm_outbox_depth"] == 5
    assert found['edge_mm_outbox_waiting{sink="mqtt"}'] == 5
    assert found['edge_mm_outbox_waiting{sink="log:diary"}'] == 0
    assert found["edge_mm_windows_total"] == 11
    assert found["edge_mm_rss_limit_bytes"] == 256 * 2**20
    assert found["edge_mm_cpu_ratio"] == pytest.approx(0.25)
    assert found['edge_mm_mqtt_link{state="online"}'] == 1
    assert found['edge_mm_mqtt_link{state="refused"}'] == 0
    assert found["edge_mm_health_age_seconds"] < 60


def test_what_a_report_does_not_say_is_left_out_and_a_board_that_says_it_is_told():
    found = scraped(report())
    assert "edge_mm_mqtt_confirm_p95_seconds" not in found
    assert scraped(None) == scraped({}) == {}
    body = report() | {
        "board": {
            "temperature_c": 61.5,
            "power": {"now": ["throttled"], "since_boot": ["throttled"]},
            "frequency": {"now_mhz": 600, "limit_mhz": 1500, "max_mhz": 1800},
            "disk": None,
        }
    }
    found = scraped(body)
    assert found["edge_mm_board_temperature_celsius"] == 61.5
    assert found["edge_mm_board_frequency_hertz"] == 600e6
    assert found['edge_mm_board_power{flag="throttled",when="now"}'] == 1
    assert found['edge_mm_board_power{flag="under_voltage",when="since_boot"}'] == 0
    assert "edge_mm_board_disk_free_bytes" not in found


def test_it_listens_on_this_machine_only_and_no_longer_when_it_is_left():
    config = MetricsConfig(port=free_port())
    assert config.host == "127.0.0.1"
    url = f"http://127.0.0.1:{config.port}/metrics"
    with Metrics(config, latest=report), urllib.request.urlopen(url, timeout=20) as answer:
        assert values(answer.read().decode())["edge_mm_outbox_depth"] == 5
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=20)


def test_a_port_that_is_taken_is_a_sentence_in_the_log_and_the_watch_goes_on(caplog):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        metrics = Metrics(MetricsConfig(port=port), latest=report)
        assert not metrics.start()
        metrics.stop()
    (record,) = caplog.records
    assert f"[metrics]: cannot listen on 127.0.0.1:{port}: Address already in use; set another port" in record.message


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    Metrics(None, latest=report)
    with pytest.raises(ConfigError, match=r"pip install 'edge-mm\[prometheus\]'"):
        Metrics(MetricsConfig(), latest=report)


@pytest.mark.parametrize(
    ("table", "said"), [("port = 0", "metrics.port"), ('host = ""', "metrics.host"), ("prt = 1", "metrics.prt")]
)
def test_a_wrong_table_is_named_with_its_key(table, said, tmp_path):
    import tomllib

    with pytest.raises(ConfigError, match=said):
        parse_config(tomllib.loads(f"{HEAD}[metrics]\n{table}\n"), file="c.toml", folder=tmp_path)
    assert parse_config(tomllib.loads(HEAD), file="c.toml", folder=tmp_path).metrics is None


def test_check_says_whether_metrics_can_be_served(tmp_path, capfd):
    def found(port: int) -> dict[str, object]:
        (tmp_path / "c.toml").write_text(f"{HEAD}[metrics]\nport = {port}\n[mqtt]\nport = 1\n")
        main(["check", "-c", str(tmp_path / "c.toml"), "--json"])
        (one,) = [one for one in json.loads(capfd.readouterr().out)["findings"] if one["part"] == "metrics"]
        return one

    assert found(free_port())["level"] == "ok"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wrong = found(taken.getsockname()[1])
    assert (wrong["level"], wrong["status"]) == ("error", 69)
    assert "set another port" in str(wrong["text"])


def test_parts_restarts_and_what_sources_count_are_metrics_too():
    found = scraped(report())
    assert found['edge_mm_part_state{part="broker",state="lost"}'] == 1.0
    assert found['edge_mm_part_state{part="broker",state="live"}'] == 0.0
    assert found['edge_mm_thread_restarts_total{source="cabin"}'] == 2.0
    assert found['edge_mm_source_events_total{source="cabin",what="skipped"}'] == 5.0
    assert found['edge_mm_source_silent_seconds{source="cabin"}'] == 0.5
