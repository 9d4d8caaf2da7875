"""The body of `bridge/health`."""

from edge_mm.daemon.health import Health
from edge_mm.daemon.meters import Meters


def test_rates_are_of_the_time_since_the_report_before():
    meters = Meters()
    health = Health(meters, rss_limit_mib=256)

    def mic() -> dict[str, object]:
        report = health.report(streams={"mic": "live"}, drops={"mic": 3}, windows=1, outbox={}, mqtt={})
        return report["streams"]["mic"]

    meters.count("samples", "mic", 50)
    first = mic()
    assert first["per_s"] > 0
    assert (first["samples"], first["dropped"]) == (50, 3)
    assert mic() == first | {"per_s": 0.0}
