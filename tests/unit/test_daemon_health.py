"""The body of `bridge/health`."""

import json

from simulated_board import board_in

from edge_mm.daemon.health import Health
from edge_mm.daemon.meters import Meters


def test_rates_are_of_the_time_since_the_report_before():
    now, cpu = [100.0], [7.0]
    meters = Meters(clock_s=lambda: now[0], cpu_clock_s=lambda: cpu[0])
    health = Health(meters, rss_limit_mib=256)

    def after(seconds: float, *, cpu_s: float, samples: int) -> tuple[object, object]:
        now[0] += seconds
        cpu[0] += cpu_s
        meters.count("samples", "mic", samples)
        report = health.report(streams={"mic": "live"}, drops={"mic": 3}, windows=1, more={})
        mic = report["streams"]["mic"]
        assert (mic["state"], mic["samples"], mic["dropped"]) == ("live", meters.counts("samples")["mic"], 3)
        assert report["uptime_s"] == now[0] - 100
        return mic["per_s"], report["process"]["cpu_percent"]

    assert after(4.0, cpu_s=1.0, samples=50) == (12.5, 25.0)
    assert after(20.0, cpu_s=10.0, samples=20) == (1.0, 50.0)
    assert after(30.0, cpu_s=0.0, samples=0) == (0.0, 0.0)


def report_of(health: Health) -> dict[str, object]:
    return health.report(streams={}, drops={}, windows=0, more={})


def test_the_board_says_how_hot_it_is_what_its_supply_does_and_how_full_its_disk_is(tmp_path):
    board_in(tmp_path, zones={"cpu-thermal": 61.2, "gpu": 70.0}, throttled="50001", memory_mib=1024, available_mib=300)
    cpufreq = tmp_path / "sys/devices/system/cpu/cpufreq/policy0"
    cpufreq.mkdir(parents=True)
    for name, value in {
        "scaling_cur_freq": "600000",
        "scaling_max_freq": "1500000",
        "cpuinfo_max_freq": "1800000",
    }.items():
        (cpufreq / name).write_text(value)
    (tmp_path / "proc/stat").write_text("cpu  10 0 0 90 0 0 0 0\n")
    health = Health(Meters(), rss_limit_mib=256, outbox=str(tmp_path / "o.sqlite"), zone="cpu-thermal", root=tmp_path)
    (tmp_path / "proc/stat").write_text("cpu  40 0 0 160 0 0 0 0\n")
    report = report_of(health)
    board = report["board"]
    assert board["temperature_c"] == 61.2
    assert board["power"] == {"now": ["under_voltage"], "since_boot": ["under_voltage", "throttled"]}
    assert board["frequency"] == {"now_mhz": 600, "limit_mhz": 1500, "max_mhz": 1800, "governor": ""}
    assert board["memory"] == {"total_mib": 1024, "available_mib": 300, "swap_used_mib": 0}
    assert 0 < board["disk"]["free_mib"] <= board["disk"]["total_mib"]
    assert report["os"]["cpu_percent"] == 30.0
    json.dumps(report, allow_nan=False)


def test_what_a_machine_does_not_say_is_null_and_what_this_one_says_is_a_number(tmp_path):
    silent = report_of(Health(Meters(), rss_limit_mib=256, root=tmp_path))
    assert silent["board"] == dict.fromkeys(("temperature_c", "power", "frequency", "memory", "disk"))
    assert silent["os"]["cpu_percent"] is None
    here = report_of(Health(Meters(), rss_limit_mib=256, outbox=str(tmp_path / "o.sqlite")))
    assert here["process"]["threads"] >= 1
    assert here["process"]["descriptors"] >= 3
    assert isinstance(here["clock_synced"], bool)
