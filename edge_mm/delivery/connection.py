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
from typing import TYPE_CHECKING, Any, Literal

from edge_mm.delivery.complaints import LoginRefusedError, lost, refused, unreachable
from edge_mm.delivery.settings import MqttSettings, tls_context
from edge_mm.delivery.topics import Channel
from edge_mm.errors import DeliveryError

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

_LONGEST_STEP_S = 1.0
"""paho looks after its keep-alive at least this often."""
_READS_PER_TURN = 100
"""More than a broker sends before it waits for our confirmations."""


_MAX_UNDER_WAY = 65_535
"""What MQTT can number. paho would hold back more than 20 unconfirmed messages, ``offline`` among them; how many
transitions are under way is ours to limit (``session``)."""


class Connection:
    """One connection to a broker; not thread-safe.

    Args:
        settings: how to reach it.
        client_id: the session's name at the broker.
        will: channel, topic and payload that the broker publishes when we vanish.
        clean_session: True forgets the session at the broker, before and after.
        on_message: called with each received message; it is confirmed by ``confirm``.
        version: of MQTT. 5 only to ask why: a broker then says what it threw away, and not every broker speaks it.
    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        client_id: str,
        will: tuple[Channel, str, bytes] | None = None,
        clean_session: bool = False,
        on_message: Callable[[MQTTMessage], None] | None = None,
        version: Literal["3.1.1", "5"] = "3.1.1",
    ) -> None:
        import paho.mqtt.client as paho

        self._settings = settings
        self.denied: set[int] = set()
        """Numbers of publications that the broker threw away; only MQTT 5 tells."""
        self._acked: list[int] = []
        self._broken: DeliveryError | None = None
        self._granted: dict[int, list[Any]] = {}
        self._answer: Any = None
        self._on_message = on_message
        self._client: Client | None = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=clean_session if version == "3.1.1" else None,  # in MQTT 5 it is a word of connect()
            protocol=paho.MQTTv311 if version == "3.1.1" else paho.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self._client.max_inflight_messages_set(_MAX_UNDER_WAY)
        self._client.on_connect = lambda _client, _data, _flags, reason, _properties: self._answered(reason)
        self._client.on_publish = lambda _client, _data, mid, reason, _properties: self._confirmed(mid, reason)
        self._client.on_subscribe = lambda _client, _data, mid, answers, _properties: self._granted.update(
            {mid: answers}
        )
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
            raise unreachable(settings, error, patience) from error
        while self._answer is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise unreachable(settings, TimeoutError(), patience)
            self._turn(left, wake_fd=None)
        if self._answer.is_failure:
            raise refused(self._settings, self._answer)

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> int:
        """Hand a message over; its number comes out of ``step`` when the broker has confirmed it.

        Raises:
            DeliveryError: the connection is lost.
        """
        info = self._alive().publish(topic, payload, qos=qos, retain=retain)
        if info.rc != 0:
            raise lost(self._settings, answered=self._answer is not None)
        return int(info.mid)

    def subscribe(self, filters: list[str], *, timeout_s: float) -> None:
        """Subscribe with QoS 1 and wait for the broker's word.

        Raises:
            LoginRefusedError: the broker does not let us subscribe to one of them.
            DeliveryError: the connection is lost, or no answer in time.
        """
        _rc, mid = self._alive().subscribe([(each, 1) for each in filters])
        deadline = time.monotonic() + timeout_s
        while mid not in self._granted:
            left = deadline - time.monotonic()
            if left <= 0:
                raise unreachable(self._settings, TimeoutError(), timeout_s)
            self._turn(left, wake_fd=None)
        denied = [each for each, answer in zip(filters, self._granted[mid], strict=False) if answer.is_failure]
        if denied:
            raise LoginRefusedError(
                f"broker {self._settings.where} does not let us subscribe to {', '.join(denied)}; "
                "check what this user may read there"
            )

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
            DeliveryError: the connection is lost; what was confirmed before is given first.
        """
        if self._broken is not None:
            raise self._broken
        try:
            self._turn(timeout_s, wake_fd=wake_fd)
        except DeliveryError as error:
            if not self._acked:
                raise
            self._broken = error
        acked, self._acked = self._acked, []
        return acked

    def close(self, *, goodbye: bool = True) -> None:
        """Hang up; safe to call twice.

        Args:
            goodbye: say so if there is still someone to say it to: the broker then does not publish the will. Without
                it, it does.
        """
        client, self._client = self._client, None
        if client is None:
            return
        try:
            if goodbye and client.is_connected():
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
            raise lost(self._settings, answered=self._answer is not None)
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
            raise lost(self._settings, error, answered=self._answer is not None) from error
        if self._answer is not None and self._answer.is_failure:
            raise refused(self._settings, self._answer)
        if failed or client.socket() is None:
            raise lost(self._settings, answered=self._answer is not None)

    def _alive(self) -> Client:
        if self._client is None:
            raise DeliveryError(f"broker {self._settings.where}: the connection was closed")
        return self._client

    def _confirmed(self, number: int, reason: Any) -> None:
        if reason.is_failure:
            self.denied.add(number)
        self._acked.append(number)

    def _answered(self, reason: Any) -> None:
        self._answer = reason

    def _received(self, message: MQTTMessage) -> None:
        if self._on_message is not None:
            self._on_message(message)


def check_broker(settings: MqttSettings, *, timeout_s: float = 5.0) -> None:
    """Whether the broker lets us in, tried once with a session that leaves nothing behind.

    What we may publish there cannot be tried: MQTT 3.1.1 confirms also what the broker's access list then throws away.

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
