"""The device in a real Home Assistant: what it shows, what it does, and what is left after a part was away."""

import json
import threading

import paho.mqtt.client as paho
import pytest
from hub import Hub
from installation import ROOT, configured
from watched_daemon import WatchedDaemon

from edge_mm.delivery.local_broker import LocalBroker

PYTHON = ROOT / ".venv-ha" / "bin" / "python"
HEART = (
    '[[source]]\nname = "heart"\nkind = "heart_rate"\ndevice = "mqtt:phone/heart"\nstale_s = 10\n'
    '[[source]]\nname = "oxygen"\nkind = "spo2"\ndevice = "mqtt:phone/oxygen"\nstale_s = 600\n'
)
ALARM = "binary_sensor.cabin_heart_rate_high"
HEART_RATE = "sensor.cabin_heart_rate_heart"


class Phone:
    """Says what it is told, every half second, so that a daemon that has just begun hears it too."""

    def __init__(self, port: int) -> None:
        self.says, self._over = {"heart": 70.0, "oxygen": 97.0}, threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._talk)
        self._thread.start()

    def _talk(self) -> None:
        while not self._over.wait(0.5):
            for topic, value in list(self.says.items()):
                self._client.publish(f"phone/{topic}", json.dumps(value))

    def end(self) -> None:
        self._over.set()
        self._thread.join()
        self._client.loop_stop()


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    if not PYTHON.exists():
        pytest.skip("Home Assistant is not installed: make test-home-assistant")
    folder = tmp_path_factory.mktemp("home")
    automations = (ROOT / "examples" / "home_assistant_automation.yaml").read_text()
    with LocalBroker("mosquitto") as broker, Hub(PYTHON, folder / "hub") as hub:
        hub.join_broker(broker.settings.port)
        (hub.folder / "automations.yaml").write_text(automations)
        hub.do("automation.reload")
        phone = Phone(broker.settings.port)
        config = configured(
            folder,
            port=broker.settings.port,
            sources=HEART,
            rules="heart_rate_high_bpm = 110.0\nheart_rate_high_exit_bpm = 105.0\n",
        )
        config.write_text(config.read_text().replace("[mqtt]", '[home_assistant]\nname = "Cabin"\n[mqtt]', 1))
        with WatchedDaemon(config, broker) as daemon:
            yield hub, broker, daemon, phone
        phone.end()


def rate(hub: Hub) -> float:
    """What is shown; -1 where that is no number."""
    word = hub.state(HEART_RATE)
    return float(word) if word.replace(".", "").isdigit() else -1.0


def test_the_story_of_a_device_in_home_assistant(parts):
    hub, broker, daemon, phone = parts
    hub.until(lambda: rate(hub) == 70, "the heart rate is shown")
    hub.until(lambda: hub.state(ALARM) == "off", "an alarm that was never raised is off")
    states = hub.states()
    assert states[HEART_RATE]["attributes"]["unit_of_measurement"] == "bpm"
    assert hub.state("binary_sensor.cabin_connected") == "on"
    assert hub.state("button.cabin_acknowledge_heart_rate_high") == "unavailable"
    assert float(hub.state("sensor.cabin_memory")) > 1
    assert hub.check_config()["result"] == "valid"
    assert hub.state("automation.edge_mm_alert_of_high_priority") == "on"

    phone.says["heart"] = 150.0
    hub.until(lambda: rate(hub) == 150, "a reading changes")
    hub.until(lambda: hub.state(ALARM) == "on", "the alarm is on", timeout_s=60)
    hub.until(lambda: hub.states()[ALARM]["attributes"]["alarm_state"] == "active", "and active")
    button = "button.cabin_acknowledge_heart_rate_high"
    hub.until(lambda: hub.state(button) != "unavailable", "it may be acknowledged")
    hub.do("button.press", entity_id=button)
    daemon.until(lambda now: now.get("health.heart_rate_high") == "acknowledged")
    hub.until(lambda: hub.states()[ALARM]["attributes"]["alarm_state"] == "acknowledged", "Home Assistant sees it")
    assert hub.states()[ALARM]["attributes"]["by"] == "Home Assistant"
    assert hub.state(ALARM) == "on"

    hub.stop()
    hub.start()
    hub.until(lambda: rate(hub) == 150, "after Home Assistant's restart", timeout_s=90)
    hub.until(lambda: hub.state(ALARM) == "on", "the alarm is still on")
    phone.says["heart"] = 70.0
    hub.until(lambda: hub.state(ALARM) == "off", "the alarm is over", timeout_s=60)

    broker.kill()
    hub.until(lambda: hub.state(HEART_RATE) == "unavailable", "the broker is away", timeout_s=60)
    broker.start()
    hub.until(lambda: rate(hub) == 70, "after the broker's restart", timeout_s=120)

    del phone.says["heart"]
    hub.until(lambda: hub.state(HEART_RATE) == "unavailable", "the belt is silent", timeout_s=60)
    assert hub.state("sensor.cabin_spo2_oxygen") == "97.0"
    assert hub.state("binary_sensor.cabin_sensor_heart") == "off"
    phone.says["heart"] = 71.0
    hub.until(lambda: rate(hub) == 71, "the belt is back", timeout_s=60)

    daemon.process.kill()
    hub.until(lambda: hub.state(ALARM) == "unavailable", "the device is gone", timeout_s=120)
    assert hub.state("binary_sensor.cabin_connected") == "off"
    ours = [line for line in hub.log.splitlines() if "mqtt" in line.lower() and ("ERROR" in line or "WARNING" in line)]
    assert [line for line in ours if "edge_mm" in line or "discovery" in line.lower()] == []
