"""What goes wrong between us and a broker is said in one sentence, and the password in none."""

import logging
import math
import socket
import struct
import threading
from contextlib import contextmanager

import msgspec
import pytest
from delivery_samples import alert

from edge_mm.delivery.connection import Connection
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.probe import check_broker
from edge_mm.delivery.settings import MqttSettings
from edge_mm.errors import ConfigError, DeliveryError
from edge_mm.types import Estimate, Observation

SECRET = "correct horse battery staple"


@contextmanager
def scripted_broker(answer):
    """Listens, waits for a CONNECT, says ``answer`` (None: nothing at all) and hangs up; counts its callers."""
    listener = socket.create_server(("127.0.0.1", 0))
    called, over = threading.Semaphore(0), threading.Event()

    def serve():
        while not over.is_set():
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            with caller:
                caller.settimeout(5)
                if answer is None:
                    called.release()
                    over.wait(10)
                    return
                try:
                    caller.recv(4096)
                    caller.sendall(answer)
                except OSError:
                    pass
            called.release()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield MqttSettings(port=listener.getsockname()[1], username="car", password=SECRET), called
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def connack(code):
    return bytes([0x20, 0x02, 0x00, code])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (connack(4), "refused: bad user name or password; check mqtt.username and mqtt.password"),
        (connack(5), "refused: bad user name or password; check mqtt.username and mqtt.password"),
        (connack(3), "refused: server unavailable"),
        (connack(2), "refused: client identifier not valid"),
        (connack(1), "closed the connection before it answered"),
        (b"", "closed the connection before it answered; is it an MQTT broker"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "closed the connection before it answered; is it an MQTT broker"),
        (None, "no answer within 0.3 s"),
    ],
)
def test_a_broker_that_does_not_let_us_in_is_quoted(answer, words):
    with scripted_broker(answer) as (settings, _), pytest.raises(DeliveryError) as caught:
        check_broker(settings, timeout_s=0.3)
    text = str(caught.value)
    assert words in text
    assert f"broker 127.0.0.1:{settings.port}" in text
    assert "\n" not in text
    assert SECRET not in text


def test_a_port_where_nothing_listens_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DeliveryError, match=f"broker 127.0.0.1:{port}: nothing listens there"):
        check_broker(MqttSettings(port=port))


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".example"])
def test_a_name_that_does_not_exist_is_said(host):
    with pytest.raises(DeliveryError, match=r"cannot be resolved; check mqtt\.host and the network"):
        check_broker(MqttSettings(host=host), timeout_s=1.0)


def test_tls_to_a_port_without_it_is_said(tmp_path):
    with (
        scripted_broker(connack(0)) as (settings, _),
        pytest.raises(DeliveryError, match=r"TLS failed: .*; is this the broker's TLS port\?"),
    ):
        check_broker(msgspec.structs.replace(settings, tls=True), timeout_s=2.0)


@pytest.mark.parametrize("key", ["tls_ca", "tls_cert"])
def test_certificate_files_are_named_when_they_are_missing_or_not_pem(tmp_path, key):
    text = tmp_path / "text.pem"
    text.write_text("not a certificate")
    other = {"tls_key": str(text)} if key == "tls_cert" else {}
    for path, words in ((tmp_path / "absent.pem", "no such file"), (text, "PEM")):
        with pytest.raises(DeliveryError, match=words) as caught:
            check_broker(MqttSettings(**{key: str(path)}, **other))
        assert f"mqtt.{key}: {path}" in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"host": ""}, "host is empty"),
        ({"port": 0}, "port 0"),
        ({"port": 70000}, "port 70000"),
        ({"keepalive_s": 0}, "keepalive_s"),
        ({"password": "x"}, "without a user name"),
        ({"tls_cert": "x"}, "go together"),
        ({"base_topic": "a/#"}, "base topic"),
        ({"host": " "}, "host is empty"),
        ({"host": "a\x00b"}, "host has a control character"),
        ({"username": "u" * 70_000}, "username has 70000 bytes"),
        ({"client_id": "\u00e9" * 40_000}, "client_id has 80000 bytes"),
        ({"client_id": "\ud800"}, "client_id .* no UTF-8"),
        ({"tls_ca": "/\x00"}, "tls_ca has a control character"),
        *(
            ({key: each}, key)
            for key in ("connect_timeout_s", "ack_timeout_s")
            for each in (0.0, -1.0, math.nan, math.inf)
        ),
    ],
)
def test_settings_that_cannot_work_are_refused_from_code_and_from_a_file(wrong, words):
    with pytest.raises(ConfigError, match=words):
        MqttSettings(**wrong)
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(wrong, MqttSettings)


def test_settings_never_show_the_password():
    settings = MqttSettings(username="car", password=SECRET)
    assert SECRET not in repr(settings) + str(settings) + f"{settings}"


def test_a_refused_login_is_said_once_and_tried_again_for_ever(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    seen = []
    with scripted_broker(connack(5)) as (settings, called), Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        sink = MqttSink(settings, outbox, on_link=seen.append, backoff_s=(0.01, 0.02))
        sink.start()
        outbox.commit([alert()])
        sink.wake()
        for _ in range(6):
            assert called.acquire(timeout=10)
        assert sink.wait_link("refused", timeout_s=5)
        assert sink.stop(timeout_s=5) is False
        assert outbox.depth == 1
    assert [link.state for link in seen] == ["refused", "stopped"]
    assert "refused: bad user name or password" in seen[0].detail
    assert sum("refused" in entry.getMessage() for entry in caplog.records) == 1
    assert SECRET not in caplog.text


def test_a_callback_that_fails_does_not_end_delivery(tmp_path, caplog):
    def fail(link):
        raise RuntimeError("mine")

    with scripted_broker(connack(3)) as (settings, called), Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        sink = MqttSink(settings, outbox, on_link=fail, backoff_s=(0.01, 0.02))
        sink.start()
        for _ in range(3):
            assert called.acquire(timeout=10)
        sink.stop(timeout_s=5)
    assert "on_link failed" in caplog.text


def test_what_a_broker_said_last_is_read_before_anything_is_written_to_it():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = MqttSettings(port=listener.getsockname()[1], version="3.1.1")
        connection = Connection(settings, client_id="c", clean_session=True)
        opening = threading.Thread(target=connection.open)
        opening.start()
        broker, _ = listener.accept()
        broker.sendall(connack(0))
        opening.join()
        number = connection.publish("t", b"", qos=1, retain=False)
        broker.sendall(bytes([0x40, 2]) + number.to_bytes(2, "big"))
        broker.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        broker.close()  # it dies: whoever writes to it is told so, and the connection is over
        assert connection.step(1.0) == [number]
        with pytest.raises(DeliveryError, match="the connection was lost"):
            connection.step(1.0)
        connection.close()


def test_while_the_broker_is_away_readings_are_dropped_and_counted_and_alerts_are_kept(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        sink = MqttSink(MqttSettings(port=port), outbox)
        sink.start()
        assert sink.wait_link("offline", timeout_s=10)
        for n in range(5):
            sink.publish_observation(Observation(n, "driver.eyes_closed", 0.5, "probability", 0.9, "vision", "cam"))
        sink.publish_estimate(Estimate(1, 0, {}, {}, {}, {}, {}))
        outbox.commit([alert()])
        sink.wake()
        assert sink.stats().dropped == 6
        assert sink.stop(timeout_s=5) is False
        assert [record.seq for record in outbox.pending()] == [1]


def test_a_sink_that_never_started_stops_twice(tmp_path):
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        sink = MqttSink(MqttSettings(), outbox)
        sink.wake()
        assert sink.stop() is True
        assert sink.stop() is True
        sink.wake()
