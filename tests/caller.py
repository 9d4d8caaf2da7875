"""Somebody who asks a running device over MQTT and hears what it says."""

import json
import time
from datetime import UTC, datetime, timedelta

from edge_mm.delivery.connection import Connection
from edge_mm.delivery.subscriber import Subscriber

HEARD = ("bridge/response/+", "bridge/event", "bridge/logging", "bridge/state", "sensor/+/waveform")


class Caller:
    """Asks, and hears the answers and events."""

    def __init__(self, settings):
        self.connection = Connection(settings, client_id="caller", clean_session=True)
        self.connection.open()
        filters = [f"edge_mm/d/{each}" for each in HEARD]
        self.heard = Subscriber(settings, client_id="heard", filters=filters, persistent=False)
        self.heard.open()
        self._asked, self._kept = 0, []

    def send(self, verb, payload, *, retain=False):
        number = self.connection.publish(f"edge_mm/d/bridge/request/{verb}", payload, qos=1, retain=retain)
        while number not in self.connection.step(1.0):
            pass

    def ask(self, verb, *, transaction=None, age_s=0.0, **more):
        """The answer; what else comes meanwhile is kept for ``until``."""
        self._asked += 1
        word = f"ask {self._asked}" if transaction is None else transaction
        self.send(verb, self.words(transaction=word, age_s=age_s, **more))
        return self.until(f"response/{verb}", lambda body: body["transaction"] == word)

    def until_heard(self):
        """Ask for health until the device answers: it may be starting; the answer's data."""
        for _ in range(60):
            self.send("health", self.words(transaction="heard?"))
            for body in self.all_until_silence("response/health", idle_s=0.5):
                return body["data"]
        raise AssertionError("the device does not answer")

    def words(self, *, age_s=0.0, **more):
        issued = (datetime.now(UTC) - timedelta(seconds=age_s)).isoformat()
        return json.dumps({"issued_at": issued, "by": "me", **more}).encode()

    def until(self, topic, wanted=lambda body: True):
        """The next message to a topic that is as wanted, also if it came while another one was waited for."""
        for at, (name, body) in enumerate(self._kept):
            if name.endswith(topic) and wanted(body):
                del self._kept[at]
                return body
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            message = self.heard.receive(timeout_s=5.0)
            if message is None:
                continue
            body = json.loads(message.payload)
            if message.topic.endswith(topic) and wanted(body):
                return body
            self._kept.append((message.topic, body))
        raise AssertionError(f"nothing came to {topic}; there was {self._kept}")

    def all_until_silence(self, topic, *, idle_s):
        """Everything that comes to this topic until nothing has come there for so long."""
        found, last = [], time.monotonic()
        while (left := last + idle_s - time.monotonic()) > 0:
            message = self.heard.receive(timeout_s=left)
            if message is not None and message.topic.endswith(topic):
                found.append(json.loads(message.payload))
                last = time.monotonic()
        return found

    def close(self):
        self.connection.close()
        self.heard.close()
