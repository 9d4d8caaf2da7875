"""One MQTT connection, driven by one thread.

In: settings and messages. Out: confirmations (PUBACK), received messages, or one sentence that says what went wrong.
A Connection connects once; who wants to reconnect makes a new one. So nothing that paho kept from the last connection
is ever sent again behind our back (a retained state that is no longer true), message numbers mean one connection only,
and no callback runs in a thread of its own where an exception would end it silently. Not here: what to send
(``session``).
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edge_mm.delivery.settings import MqttSettings, tls_context
from edge_mm.delivery.topics import Channel
from edge_mm.errors import DeliveryError

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

_LOGIN = {134: "bad user name or password", 135: "bad user name or password"}
"""Reason codes of a CONNACK; mosquitto answers 'not authorized' (135) to a wrong password."""
_LONGEST_STEP_S = 1.0
"""paho looks after its keep-alive at least this often."""
_READS_PER_TURN = 100
"""More than a broker sends before it waits for our confirmations."""


class LoginRefusedError(DeliveryError):
    """The broker is there and does not let us in: waiting will not help, a person must."""


class Connection:
    """One connection to a broker; not thread-safe.

    Args:
        settings: how to reach it.
        client_id: the session's name at the broker.
        will: channel, topic and payload that the broker publishes when we vanish.
        clean_session: True forgets the session at the broker, before and after.
        on_message: called with each received message; it is confirmed by ``confirm``.
    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        client_id: str,
        will: tuple[Channel, str, bytes] | None = None,
        clean_session: bool = False,
        on_message: Callable[[MQTTMessage], None] | None = None,
    ) -> None:
        import paho.mqtt.client as paho

        self._settings = settings
        self._acked: list[int] = []
        self._granted: set[int] = set()
        self._answer: Any = None
        self._on_message = on_message
        self._client: Client | None = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=clean_session,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self._client.on_connect = lambda _client, _data, _flags, reason, _properties: self._answered(reason)
        self._client.on_publish = lambda _client, _data, mid, _reason, _properties: self._acked.append(mid)
        self._client.on_subscribe = lambda _client, _data, mid, _reasons, _properties: self._granted.add(mid)
        self._client.on_message = lambda _client, _data, message: self._received(message)
        # With this, paho only queues what it is given and leaves the writing to us; see _turn.
        self._client.on_socket_register_write = lambda _client, _data, _sock: None
        if settings.username is not None:
            self._client.username_pw_set(settings.username, settings.password)
        if will is not None:
            channel, topic, payload = will
            self._client.will_set(topic, payload, qos=channel.qos, retain=channel.retain)

    def open(self, timeout_s: float | None = None) -> None:
        """Connect and log in.

        Args:
            timeout_s: longest wait; the settings' ``connect_timeout_s`` when absent.

        Raises:
            LoginRefusedError: wrong or missing user name or password.
            DeliveryError: not reachable, not the name or certificate it should be, or silent.
        """
        settings = self._settings
        patience = settings.connect_timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + patience
        client = self._alive()
        client.connect_timeout = patience
        if settings.uses_tls:
            client.tls_set_context(tls_context(settings))
        try:
            client.connect(settings.host, settings.port, settings.keepalive_s)
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that IDNA cannot encode
            raise self._unreachable(error, patience) from error
        while self._answer is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._unreachable(TimeoutError(), patience)
            self._turn(left, wake_fd=None)
        if self._answer.is_failure:
            raise self._refused()

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> int:
        """Hand a message over; its number comes out of ``step`` when the broker has confirmed it.

        Raises:
            DeliveryError: the connection is lost.
        """
        info = self._alive().publish(topic, payload, qos=qos, retain=retain)
        if info.rc != 0:
            raise self._lost()
        return int(info.mid)

    def subscribe(self, filters: list[str], *, timeout_s: float) -> None:
        """Subscribe with QoS 1 and wait for the broker's word.

        Raises:
            DeliveryError: the connection is lost, or no answer in time.
        """
        _rc, mid = self._alive().subscribe([(each, 1) for each in filters])
        deadline = time.monotonic() + timeout_s
        while mid not in self._granted:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._unreachable(TimeoutError(), timeout_s)
            self._turn(left, wake_fd=None)

    def confirm(self, message: MQTTMessage) -> None:
        """Tell the broker that a received message has been dealt with."""
        self._alive().ack(message.mid, message.qos)

    def step(self, timeout_s: float, *, wake_fd: int | None = None) -> list[int]:
        """Wait for the network, at most so long, and do what is to be done.

        Args:
            timeout_s: longest wait.
            wake_fd: a file descriptor that ends the wait when it becomes readable.

        Returns:
            Numbers of the messages that the broker has confirmed since.

        Raises:
            DeliveryError: the connection is lost.
        """
        self._turn(timeout_s, wake_fd=wake_fd)
        acked, self._acked = self._acked, []
        return acked

    def close(self) -> None:
        """Say good-bye if there is still someone to say it to (the will is not sent); safe to call twice."""
        client, self._client = self._client, None
        if client is None:
            return
        try:
            if client.is_connected():
                client.disconnect()
                client.loop_write()
        except OSError:
            pass
        finally:
            if (sock := client.socket()) is not None:
                sock.close()
            client.on_connect = client.on_publish = client.on_subscribe = client.on_message = None
            client.on_socket_register_write = None

    def _turn(self, timeout_s: float, *, wake_fd: int | None) -> None:
        client = self._alive()
        sock = client.socket()
        if sock is None:
            raise self._lost()
        poll = select.poll()
        poll.register(sock, select.POLLIN | (select.POLLOUT if client.want_write() else 0))
        if wake_fd is not None:
            poll.register(wake_fd, select.POLLIN)
        wait_s = 0.0 if _has_data(sock) else min(max(timeout_s, 0.0), _LONGEST_STEP_S)
        events = dict(poll.poll(wait_s * 1000)).get(sock.fileno(), 0)
        try:
            # Read all that is there before writing: to write to a broker that has just died closes the socket, and with
            # it goes what that broker sent last.
            readable = _has_data(sock) or bool(events & ~select.POLLOUT)
            failed = 0
            for _ in range(_READS_PER_TURN):
                if not readable or failed:
                    break
                failed = client.loop_read()
                readable = client.socket() is not None and _has_data(sock)
            failed = failed or (client.want_write() and client.loop_write()) or client.loop_misc()
        except OSError as error:
            raise self._lost(error) from error
        if self._answer is not None and self._answer.is_failure:
            raise self._refused()
        if failed or client.socket() is None:
            raise self._lost()

    def _alive(self) -> Client:
        if self._client is None:
            raise DeliveryError(f"broker {self._settings.where}: the connection was closed")
        return self._client

    def _answered(self, reason: Any) -> None:
        self._answer = reason

    def _received(self, message: MQTTMessage) -> None:
        if self._on_message is not None:
            self._on_message(message)

    def _refused(self) -> DeliveryError:
        where, code = self._settings.where, self._answer.value
        if code in _LOGIN:
            given = "" if self._settings.username else " (none was given)"
            return LoginRefusedError(
                f"broker {where} refused: {_LOGIN[code]}{given}; check mqtt.username and mqtt.password"
            )
        return DeliveryError(f"broker {where} refused: {str(self._answer).lower()}")

    def _lost(self, error: OSError | None = None) -> DeliveryError:
        settings = self._settings
        if self._answer is not None:
            return DeliveryError(f"broker {settings.where}: the connection was lost" + (f" ({error})" if error else ""))
        doubt = "is it an MQTT broker, does it want TLS?"
        if settings.uses_tls:  # with TLS 1.3 a missing certificate shows only after the handshake
            doubt = "is it an MQTT broker" + ("?" if settings.tls_cert else ", does it want mqtt.tls_cert and tls_key?")
        return DeliveryError(f"broker {settings.where}: it closed the connection before it answered; {doubt}")

    def _unreachable(self, error: Exception, patience_s: float) -> DeliveryError:
        host, where = self._settings.host, self._settings.where
        match error:
            case socket.gaierror() | UnicodeError():
                text = f"the name {host!r} cannot be resolved; check mqtt.host and the network"
            case ConnectionRefusedError():
                text = "nothing listens there (connection refused); is the broker running, are host and port right?"
            case ssl.SSLCertVerificationError():
                text = f"its certificate is not trusted: {error.verify_message}; check mqtt.tls_ca and the host name"
            case ssl.SSLError():
                text = f"TLS failed: {_ssl_reason(error)}; is this the broker's TLS port?"
            case TimeoutError():
                text = f"no answer within {patience_s:g} s; is it reachable from here, is it an MQTT broker?"
            case OSError():
                text = f"{error.strerror or error}; check the network, mqtt.host and mqtt.port"
            case _:
                text = str(error)
        return DeliveryError(f"broker {where}: {text}")


def check_broker(settings: MqttSettings, *, timeout_s: float = 5.0) -> None:
    """Whether the broker lets us in, tried once with a session that leaves nothing behind.

    Raises:
        DeliveryError: one sentence: refused, wrong password, TLS, name, time-out.
    """
    probe = Connection(settings, client_id=f"edge_mm-check-{time.monotonic_ns():x}", clean_session=True)
    try:
        probe.open(timeout_s)
    finally:
        probe.close()


def _has_data(sock: socket.socket) -> bool:
    if isinstance(sock, ssl.SSLSocket) and sock.pending() > 0:
        return True
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _ssl_reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).lower().replace("_", " ")
