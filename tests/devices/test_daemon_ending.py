"""Whoever asks while a run ends is told so; nobody waits for an answer that never comes."""

import threading

import msgspec
import pytest
from caller import Caller
from delivery_samples import alert
from installation import broker

from edge_mm.daemon.commands import Commands
from edge_mm.daemon.learning import Learning
from edge_mm.daemon.waves import Waves
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox

pytestmark = pytest.mark.devices


def test_requests_that_wait_when_a_run_ends_and_those_that_come_then_are_told_so(tmp_path):
    came = threading.Semaphore(0)
    commands = Commands(
        wake=came.release, push=lambda _command: [], present_ns=lambda: 0, health=dict, reload=lambda: None,
        restart=lambda: None, learning=Learning(None, "", own=True, renew=None), waves=Waves(lambda: ()),
    )  # fmt: skip
    with broker() as local, Outbox(tmp_path / "o.sqlite", device="d") as outbox:
        settings = msgspec.structs.replace(local.settings, settle_s=5.0)  # so long it takes to end
        sink = MqttSink(settings, outbox, on_request=commands.take)
        commands.serve(sink, outbox)
        sink.start()
        assert sink.wait_link("online", timeout_s=20)
        caller = Caller(local.settings)
        caller.send("reload", caller.words(transaction="reloading"))
        assert came.acquire(timeout=20)
        commands.turn()
        caller.send("health", caller.words(transaction="waiting"))
        assert came.acquire(timeout=20)
        commands.close()
        for verb, word in (("health", "waiting"), ("reload", "reloading")):
            body = caller.until(f"response/{verb}")
            assert (body["transaction"], body["error"]) == (word, f"{verb}: it is ending; ask again")
        outbox.commit([alert()], b"s")
        sink.wake()
        while sink.stats().confirmed < 1:
            sink.wait_drained(timeout_s=0.02)
        ending = threading.Thread(target=sink.stop, kwargs={"timeout_s": 30.0})
        ending.start()
        assert caller.until("bridge/state", lambda body: body["state"] == "stopping")
        assert caller.ask("health")["error"] == "health: it is ending; ask again"
        ending.join()
        caller.close()
    assert not came.acquire(blocking=False), "nobody is woken any more"
