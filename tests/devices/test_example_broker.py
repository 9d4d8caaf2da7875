"""The broker of examples/mosquitto: those files keep a device to its own tree, and requests to who may make them."""

import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from installation import ROOT

from edge_mm.delivery.local_broker import find_broker
from edge_mm.delivery.settings import MqttSettings
from edge_mm.delivery.tls import tls_context
from edge_mm.errors import DeliveryError

pytestmark = pytest.mark.devices
EXAMPLE = ROOT / "examples" / "mosquitto"
NOT_AUTHORIZED = 135
ALL = ("acknowledge", "silence", "waveforms", "health", "calibrate", "reload", "log_level", "restart")
USERS = ("car-7", "car-8", "dashboard", "installer")


class Client:
    """A user of the broker, in MQTT 5."""

    def __init__(self, port: int, folder: Path, user: str) -> None:
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.username_pw_set(user, f"secret of {user}")
        self._client.tls_set_context(tls_context(MqttSettings(tls_ca=str(folder / "ca.crt"))))
        self.up, self.heard, self.subscribed = threading.Event(), threading.Event(), threading.Event()
        self.topics, self._answers, self._answered = [], {}, threading.Condition()
        self._client.on_connect = lambda *_: self.up.set()
        self._client.on_subscribe = lambda *_: self.subscribed.set()
        self._client.on_message = lambda _c, _d, message: (self.topics.append(message.topic), self.heard.set())
        self._client.on_publish = self._published
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self.up.wait(20)

    def _published(self, _client, _data, mid, reason, _properties):
        with self._answered:
            self._answers[mid] = reason.value
            self._answered.notify_all()

    def publish(self, topic: str, *, retain: bool = False) -> int:
        """The broker's reason code."""
        mid = self._client.publish(topic, b"{}", qos=1, retain=retain).mid
        with self._answered:
            assert self._answered.wait_for(lambda: mid in self._answers, 20)
        return self._answers[mid]

    def may(self, topic: str) -> bool:
        return self.publish(topic) != NOT_AUTHORIZED

    def subscribe(self, filter_: str) -> None:
        self.subscribed.clear()
        self._client.subscribe(filter_, 1)
        assert self.subscribed.wait(20)

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The port and the folder of a broker that runs with the example's files."""
    try:
        program = find_broker("mosquitto")[1]
    except DeliveryError as error:
        pytest.skip(str(error))
    for tool in ("openssl", "mosquitto_passwd"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    folder = tmp_path_factory.mktemp("broker")
    subprocess.run(["bash", str(EXAMPLE / "make_certificates.sh"), str(folder), "127.0.0.1", "car-7"], check=True)
    shutil.copy(EXAMPLE / "acl", folder / "acl")
    (folder / "passwords").write_text("".join(f"{user}:secret of {user}\n" for user in USERS))
    subprocess.run(["mosquitto_passwd", "-U", str(folder / "passwords")], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = (EXAMPLE / "mosquitto.conf").read_text()
    text = text.replace("/etc/mosquitto/conf.d/", f"{folder}/").replace("/var/lib/mosquitto/", f"{folder}/")
    text = text.replace("listener 8883", f"listener {port} 127.0.0.1")
    (folder / "mosquitto.conf").write_text(f"{text}user root\n")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([str(program), "-c", str(folder / "mosquitto.conf")], stdout=log, stderr=log)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.1)
        yield port, folder
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def user(example):
    clients = []

    def enter(name):
        clients.append(Client(*example, name))
        return clients[-1]

    yield enter
    for client in clients:
        client.leave()


def test_a_device_writes_its_own_tree_and_its_own_discovery_and_nothing_of_another(user):
    device = user("car-7")
    assert device.may("edge_mm/car-7/alert/event")
    assert device.may("homeassistant/device/edge_mm/car-7/config")
    assert not device.may("edge_mm/car-8/alert/event")
    assert not device.may("edge_mm/car-8/bridge/request/restart")
    assert not device.may("homeassistant/device/edge_mm/car-8/config")
    assert not device.may("homeassistant/sensor/x/config")


def test_a_device_hears_its_own_requests_and_no_alerts_of_anybody(user):
    device, other, installer = user("car-7"), user("car-8"), user("installer")
    device.subscribe("edge_mm/#")
    other.publish("edge_mm/car-8/alert/event")
    installer.publish("edge_mm/car-8/bridge/request/reload")
    installer.publish("edge_mm/car-7/bridge/request/reload")
    assert device.heard.wait(20)
    assert device.topics == ["edge_mm/car-7/bridge/request/reload"]


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("dashboard", {"acknowledge", "silence", "waveforms", "health"}),
        ("installer", set(ALL)),
        ("car-8", set()),
    ],
)
def test_who_may_ask_what_of_a_device_is_as_the_table_says(user, name, allowed):
    from edge_mm.delivery.requests import REQUESTS

    client = user(name)
    assert {verb for verb in REQUESTS if client.may(f"edge_mm/car-7/bridge/request/{verb}")} == allowed


def test_who_watches_hears_every_device_and_cannot_speak_for_one(user):
    dashboard, device = user("dashboard"), user("car-7")
    dashboard.subscribe("edge_mm/+/alert/event")
    device.publish("edge_mm/car-7/alert/event")
    assert dashboard.heard.wait(20)
    assert not dashboard.may("edge_mm/car-7/alert/event")


def test_nobody_gets_in_without_the_authority_or_a_password(example):
    port, folder = example
    stranger = ssl.create_default_context()
    with socket.create_connection(("127.0.0.1", port), 20) as sock, pytest.raises(ssl.SSLCertVerificationError):
        stranger.wrap_socket(sock, server_hostname="127.0.0.1")
    from edge_mm.delivery.complaints import LoginRefusedError
    from edge_mm.delivery.probe import check_broker

    with pytest.raises(LoginRefusedError):
        check_broker(MqttSettings(port=port, tls_ca=str(folder / "ca.crt"), username="car-7", password="guess"))
    check_broker(MqttSettings(port=port, tls_ca=str(folder / "ca.crt"), username="car-7", password="secret of car-7"))
