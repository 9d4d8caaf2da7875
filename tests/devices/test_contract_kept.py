"""Whatever a running daemon publishes is what the shipped contract says, rude requests and lost sensors included."""

import json
import random
import re
import signal
import time
from datetime import UTC, datetime

import jsonschema
import pytest
from installation import broker, configured, sound_source
from recordings import bursts, ecg_csv
from watched_daemon import WatchedDaemon

from edge_mm.delivery.connection import Connection
from edge_mm.delivery.contract import SAID, schema_of
from edge_mm.delivery.requests import REQUESTS
from edge_mm.delivery.subscriber import Subscriber

pytestmark = pytest.mark.devices
VALIDATORS = {name: jsonschema.Draft202012Validator(schema_of(name)) for name in SAID}
TOPICS = {name: re.compile("edge_mm/d/" + said.channel.path.replace("{}", "[^/]+")) for name, said in SAID.items()}


class Listener:
    """Judges everything that is published."""

    def __init__(self, settings):
        self.seen, self.wrong = set(), []
        self.subscriber = Subscriber(settings, client_id="listener", filters=["edge_mm/#"], persistent=False)
        self.subscriber.open()

    def listen(self, until):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            received = self.subscriber.receive(timeout_s=5.0)
            if received is None:
                continue
            name = next((name for name, topic in TOPICS.items() if topic.fullmatch(received.topic)), None)
            if name is None or name.startswith("request-"):
                if "/request/" not in received.topic:
                    self.wrong.append(f"{received.topic}: not in the contract")
                continue
            self.seen.add(name)
            body = json.loads(received.payload)
            self.wrong += [f"{received.topic}: {one.message[:200]}" for one in VALIDATORS[name].iter_errors(body)]
            if until(name, body):
                return
        raise AssertionError(f"it did not come; seen: {sorted(self.seen)}")


def asked(**more):
    return json.dumps({"issued_at": datetime.now(UTC).isoformat(), **more}).encode()


def test_all_that_a_daemon_says_is_in_the_contract(tmp_path):
    chance = random.Random(6)
    with broker() as local:
        sources = sound_source(bursts(tmp_path / "s.wav", count=60), realtime=True)
        ecg = ecg_csv(tmp_path / "e.csv", seconds=90)
        sources += f'[[source]]\nname = "ecg"\nkind = "ecg"\ndevice = "{ecg}"\nrealtime = true\n'
        sources += '[[source]]\nname = "belt"\nkind = "heart_rate"\ndevice = "/dev/serial/by-id/none"\n'
        config = configured(tmp_path, port=local.settings.port, sources=sources)
        listener = Listener(local.settings)
        caller = Connection(local.settings, client_id="caller", clean_session=True)
        caller.open()

        def send(verb, payload):
            number = caller.publish(f"edge_mm/d/bridge/request/{verb}", payload, qos=1, retain=False)
            while number not in caller.step(1.0):
                pass

        with WatchedDaemon(config, local) as daemon:
            daemon.until_live("mic", "ecg")
            priority = []
            listener.listen(
                lambda name, body: (
                    name == "alert-state" and body["kind"] == "sensor.lost" and not priority.append(body["priority"])
                )
            )
            assert priority == ["medium"]  # the others are only starting, so it is not the last that was left
            incident = []
            listener.listen(
                lambda name, body: (
                    name == "alert-state" and body["state"] == "active" and not incident.append(body["incident_id"])
                )
            )
            send("waveforms", asked(seconds=20))
            send("acknowledge", asked(incident_id=incident[0], by="ann"))
            listener.listen(lambda name, body: name == "alert-state" and body["state"] == "acknowledged")
            send("log_level", asked(level="info"))  # which is a warning
            send("reload", asked())
            for _ in range(30):
                send(chance.choice([*REQUESTS, "x"]), chance.randbytes(chance.randrange(60)))
            wanted = {"sensor-waveform", "bridge-event", "bridge-logging", "bridge-response"}
            listener.listen(lambda name, body: wanted <= listener.seen)
            daemon.process.send_signal(signal.SIGTERM)
            listener.listen(lambda name, body: name == "bridge-state" and body["state"] == "offline")
            assert daemon.process.wait(20) == 0
            assert "Traceback" not in daemon.log
        caller.close()
        listener.subscriber.close()
    assert listener.wrong == []
    never = {name for name in SAID if not name.startswith("request-")} - listener.seen
    assert never == set()
