"""`edge-mm run` with `[metrics]`: what Prometheus would fetch from it."""

import socket
import urllib.request

import pytest
from installation import broker, configured, log_of, sound_source, start
from prometheus_client.parser import text_string_to_metric_families
from recordings import bursts

from edge_mm.delivery.subscriber import Subscriber

pytestmark = pytest.mark.devices


def test_a_daemon_that_watches_is_scraped_and_the_port_is_free_when_it_has_ended(tmp_path):
    bursts(tmp_path / "s.wav", count=30)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with broker() as local:
        source = sound_source(tmp_path / "s.wav", realtime=True)
        metrics = f"[metrics]\nport = {port}\n"
        config = configured(tmp_path, port=local.settings.port, sources=source + metrics)
        with Subscriber(local.settings, client_id="test", filters=["edge_mm/d/bridge/health"]) as subscriber:
            process = start(config)
            try:
                assert subscriber.receive(timeout_s=60) is not None, log_of(config)
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
                    text = answer.read().decode()
            finally:
                process.terminate()
                assert process.wait(30) == 0, log_of(config)
    samples = {s.name: s for family in text_string_to_metric_families(text) for s in family.samples}
    states = [s for f in text_string_to_metric_families(text) if f.name == "edge_mm_source_state" for s in f.samples]
    assert {s.labels["source"] for s in states} == {"mic"}
    assert sum(s.value for s in states) == 1
    assert samples["edge_mm_rss_bytes"].value > 10 * 2**20
    assert samples["edge_mm_outbox_depth"].value >= 0
    assert samples["edge_mm_threads"].value >= 3
    assert samples["edge_mm_health_age_seconds"].value >= 0
    socket.create_server(("127.0.0.1", port)).close()


def test_a_daemon_whose_port_is_taken_says_so_and_watches(tmp_path):
    bursts(tmp_path / "s.wav", count=2)
    with broker() as local, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        source = sound_source(tmp_path / "s.wav")
        config = configured(tmp_path, port=local.settings.port, sources=source + f"[metrics]\nport = {port}\n")
        assert start(config).wait(60) == 0, log_of(config)
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in log_of(config)
    assert "Traceback" not in log_of(config)
