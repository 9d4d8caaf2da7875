"""The body of `bridge/health`."""

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
        report = health.report(streams={"mic": "live"}, drops={"mic": 3}, windows=1, outbox={}, mqtt={})
        mic = report["streams"]["mic"]
        assert (mic["state"], mic["samples"], mic["dropped"]) == ("live", meters.counts("samples")["mic"], 3)
        assert report["uptime_s"] == now[0] - 100
        return mic["per_s"], report["process"]["cpu_percent"]

    assert after(4.0, cpu_s=1.0, samples=50) == (12.5, 25.0)
    assert after(20.0, cpu_s=10.0, samples=20) == (1.0, 50.0)
    assert after(30.0, cpu_s=0.0, samples=0) == (0.0, 0.0)
