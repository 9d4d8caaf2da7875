"""The example flow in a real Node-RED, with a real broker and a real daemon; run by ``make test-node-red``.

Environment: ``NODE_RED``, the folder in which ``npm install node-red@4`` was done.
"""

import json
import os
import queue
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from installation import broker, configured
from watched_daemon import WatchedDaemon

from edge_mm.delivery.subscriber import Subscriber

FLOW = Path(__file__).parents[2] / "examples" / "node_red_flow.json"
PATIENCE_S = 60.0


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def node_red(folder, broker_port):
    """Node-RED with the example flow, its broker's port replaced."""
    program = Path(os.environ.get("NODE_RED", "")) / "node_modules" / "node-red" / "red.js"
    if not program.is_file() or shutil.which("node") is None:
        pytest.skip("not here: no Node-RED; run make test-node-red")
    nodes = json.loads(FLOW.read_text())
    for node in nodes:
        if node["type"] == "mqtt-broker":
            node["port"] = str(broker_port)
    (folder / "flows.json").write_text(json.dumps(nodes))
    (folder / "settings.js").write_text(
        "module.exports={flowFile:'flows.json',uiHost:'127.0.0.1',credentialSecret:false,logging:{console:{level:'info'}}}"
    )
    port = free_port()
    command = ["node", str(program), "-p", str(port), "-u", str(folder), "-s", str(folder / "settings.js")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder) as process:
        log = Log(process.stdout)
        try:
            log.until("Connected to broker")
            yield port, log
        finally:
            process.terminate()
            process.wait(20)
            log.join()


class Log(threading.Thread):
    """What Node-RED prints, line by line: it tells there alone how far it is."""

    def __init__(self, stream):
        super().__init__(name="node-red", daemon=True)
        self._stream, self._lines, self._more = stream, queue.Queue(), []
        self.start()

    def run(self):
        for line in self._stream:
            self._more.append(line)
            self._lines.put(line)
        self._lines.put(None)  # it has ended

    @property
    def text(self):
        return "".join(self._more)

    def until(self, words):
        """Wait for a line that holds these words."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            assert line is not None, self.text
            if words in line:
                return


def answers(one):
    return "/response/" in one.topic or b'"acknowledged"' in one.payload


def heard(subscriber, wanted):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        received = subscriber.receive(timeout_s=2.0)
        if received is not None and wanted(received):
            return received
    raise AssertionError("it did not come")


def test_a_high_alert_becomes_a_text_and_the_button_acknowledges_it(tmp_path):
    folder = tmp_path / "red"
    folder.mkdir()
    with broker(kind="mosquitto") as local, node_red(folder, local.settings.port) as (port, log):
        # The only sensor is absent, so its loss is a high alert that stays.
        sources = '[[source]]\nname = "belt"\nkind = "heart_rate"\ndevice = "/dev/no-such-belt"\n'
        config = configured(tmp_path, port=local.settings.port, sources=sources)
        filters = ["notify/#", "edge_mm/d/alert/+/state", "edge_mm/d/bridge/response/+"]
        with (
            Subscriber(local.settings, client_id="seen", filters=filters, persistent=False) as seen,
            WatchedDaemon(config, local) as daemon,
        ):
            text = heard(seen, lambda one: one.topic == "notify/d").payload.decode()
            assert text.startswith("d: ")
            assert "belt" in text or "sensor" in text
            request = urllib.request.Request(f"http://127.0.0.1:{port}/inject/edge-button", data=b"", method="POST")
            with urllib.request.urlopen(request, timeout=20) as answered:
                assert answered.status == 200
            # The state and the answer come in either order.
            both = [heard(seen, answers) for _ in range(2)]
            bodies = {one.topic.split("/")[-2]: json.loads(one.payload) for one in both}
            assert bodies.pop("response")["status"] == "ok"
            assert next(iter(bodies.values()))["by"] == "Node-RED"
            assert "Traceback" not in daemon.log
    assert "[error]" not in log.text, log.text
