"""One MQTT connection, driven by one thread.

In: settings and messages. Out: confirmations (PUBACK), received messages, or one sentence that says what went wrong.
A Connection connects once; who wants to reconnect makes a new one. So nothing that paho kept from the last connection
is ever sent again behind our back (a retained state that is no longer true), message numbers mean one connection only,
and no callback runs in a thread of its own where an exception would end it silently. It speaks MQTT 5, and 3.1.1 to a
broker that refuses 5. Not here: what to send (``session``), what differs between the two (``dialect``).
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from edge_mm.delivery.complaints import LoginRefusedError, UnspokenError, lost, refused, unreachable, unsubscribed
from edge_mm.delivery.dialect import Allowed, Version, allowed_by, connect_words, make_client, publish_words
from edge_mm.delivery.flow import Flow, Waiting
from edge_mm.delivery.settings import MqttSettings
from edge_mm.delivery.sockets import has_data, send_at_once
from edge_mm.delivery.tls import tls_context
from edge_mm.delivery.topics import Channel
from edge_mm.errors import DeliveryError

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

_LONGEST_STEP_S = 1.0
"""paho looks after its keep-alive at least this often."""
_READS_PER_TURN = 100
"""More than a broker sends before it waits for our confirmations."""
_LOG_ERROR = 8
"""MQTT_LOG_ERR of paho."""


class Connection:
    """One connection to a broker; not thread-safe.

    Args:
        settings: how to reach it.
        client_id: the session's name at the broker.
        will: channel, topic and payload that the broker publishes when we vanish.
        clean_session: True forgets the session at the broker, before and after.
        on_message: called with each received message; it is confirmed by ``confirm``.
        version: of MQTT; the settings' when absent.
        largest: bytes of a packet; MQTT 5 brokers do not send us larger ones. Absent: all are taken.
        given_up: whether nobody waits for an answer to the login any more.
    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        client_id: str,
        will: tuple[Channel, str, bytes] | None = None,
        clean_session: bool = False,
        on_message: Callable[[MQTTMessage], None] | None = None,
        version: Literal["auto", "5", "3.1.1"] | None = None,
        largest: int | None = None,
        given_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self._settings = settings
        self._client_id, self._will, self._clean, self._largest = client_id, will, clean_session, largest
        wanted = version or settings.version
        self._versions: tuple[Version, ...] = ("5", "3.1.1") if wanted == "auto" else (wanted,)
        self.version: Version = self._versions[0]
        """Of MQTT; known for certain once it is open."""
        self.flow = Flow(self._hand_over)
        """Publications on their way."""
        self._broken: DeliveryError | None = None
        self._granted: dict[int, list[Any]] = {}
        self._answer: Any = None
        self._last_words = ""
        self._on_message, self._given_up = on_message, given_up
        self._client: Client | None = self._made(self.version)

    @property
    def denied(self) -> dict[int, str]:
        """Publications that the broker threw away -> its reason; only MQTT 5 tells."""
        return self.flow.denied

    @property
    def allowed(self) -> Allowed:
        """What the broker takes."""
        return self.flow.allowed

    def open(self, timeout_s: float | None = None) -> None:
        """Connect and log in.

        Args:
            timeout_s: longest wait; the settings' ``connect_timeout_s`` when absent.

        Raises:
            LoginRefusedError: wrong or missing user name, password or certificate.
            DeliveryError: not reachable, not the name or certificate it should be, or silent.
        """
        patience = self._settings.connect_timeout_s if timeout_s is None else timeout_s
        for last, version in zip((*(False for _ in self._versions[1:]), True), self._versions, strict=True):
            if version != self.version:
                self.close()
                self.version, self._client = version, self._made(version)
                self._answer, self._last_words = None, ""
            try:
                self._open(patience)
                return
            except UnspokenError:
                if last:
                    raise

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool, correlation: bytes | None = None) -> int:
        """Hand a message over; its number comes out of ``step`` when the broker has confirmed it.

        More than the broker takes at a time wait here, in order. What is larger than it takes is not sent: it must be
        asked before (``allowed.fits``).

        Raises:
            DeliveryError: the connection is lost.
        """
        self._alive()
        return self.flow.publish(Waiting(topic, payload, qos, retain, correlation))

    def ask_for(self, filters: list[str]) -> int:
        """Subscribe with QoS 1; ``answers`` has the broker's word once it has come."""
        _rc, number = self._alive().subscribe([(each, 1) for each in filters])
        return int(number or 0)

    def answers(self, number: int) -> list[bool] | None:
        """For each filter of ``ask_for`` whether it was granted; None: no answer yet."""
        found = self._granted.get(number)
        return None if found is None else [not answer.is_failure for answer in found]

    def subscribe(self, filters: list[str], *, timeout_s: float) -> None:
        """Subscribe with QoS 1 and wait for the broker's word.

        Raises:
            LoginRefusedError: the broker does not let us subscribe to one of them.
            DeliveryError: the connection is lost, or no answer in time.
        """
        number = self.ask_for(filters)
        deadline = time.monotonic() + timeout_s
        while (granted := self.answers(number)) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise unreachable(self._settings, TimeoutError(), timeout_s)
            self._turn(left, wake_fd=None)
        denied = [each for each, good in zip(filters, granted, strict=False) if not good]
        if denied:
            raise LoginRefusedError(unsubscribed(self._settings, denied))

    def confirm(self, message: MQTTMessage) -> None:
        """Tell the broker that a received message has been dealt with."""
        self._alive().ack(message.mid, message.qos)

    def step(self, timeout_s: float, *, wake_fd: int | None = None) -> list[int]:
        """Wait for the network, at most so long, and do what is to be done.

        Args:
            timeout_s: longest wait.
            wake_fd: a file descriptor that ends the wait when it becomes readable.

        Returns:
            Numbers of the messages that the broker has answered for since; those it threw away are in ``denied``.

        Raises:
            DeliveryError: the connection is lost; what was confirmed before is given first.
        """
        if self._broken is not None:
            raise self._broken
        try:
            self._turn(timeout_s, wake_fd=wake_fd)
        except DeliveryError as error:
            if not self.flow.acked:
                raise
            self._broken = error
        return self.flow.take()

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
            client.on_disconnect = client.on_socket_register_write = client.on_log = None

    def _made(self, version: Version) -> Client:
        client = make_client(version, self._client_id, clean=self._clean)
        client.on_connect = lambda _client, _data, _flags, reason, properties: self._answered(reason, properties)
        client.on_disconnect = lambda _client, _data, flags, reason, _properties: self._hung_up(flags, reason)
        client.on_publish = lambda _client, _data, mid, reason, _properties: self.flow.answered(mid, reason)
        client.on_subscribe = lambda _client, _data, mid, answers, _properties: self._granted.update({mid: answers})
        client.on_message = lambda _client, _data, message: self._received(message)
        client.on_log = lambda _client, _data, level, text: self._logged(level, text)
        # With this, paho only queues what it is given and leaves the writing to us; see _turn.
        client.on_socket_register_write = lambda _client, _data, _sock: None
        if self._settings.username is not None:
            client.username_pw_set(self._settings.username, self._settings.password)
        if self._will is not None:
            channel, topic, payload = self._will
            client.will_set(topic, payload, qos=channel.qos, retain=channel.retain)
        return client

    def _open(self, patience: float) -> None:
        settings, client = self._settings, self._alive()
        deadline = time.monotonic() + patience
        client.connect_timeout = patience
        if settings.uses_tls:
            client.tls_set_context(tls_context(settings))
        words = connect_words(self.version, clean=self._clean, largest=self._largest)
        try:
            client.connect(settings.host, settings.port, settings.keepalive_s, **words)
            send_at_once(client.socket())
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that IDNA cannot encode
            raise unreachable(settings, error, patience) from error
        while self._answer is None:
            left = deadline - time.monotonic()
            if left <= 0 or self._given_up():
                raise unreachable(settings, TimeoutError(), patience)
            self._turn(left, wake_fd=None)
        client.on_log = None  # of each message it would be told something

    def _turn(self, timeout_s: float, *, wake_fd: int | None) -> None:
        client = self._alive()
        sock = client.socket()
        if sock is None:
            raise self._lost()
        poll = select.poll()
        poll.register(sock, select.POLLIN | (select.POLLOUT if client.want_write() else 0))
        if wake_fd is not None:
            poll.register(wake_fd, select.POLLIN)
        wait_s = 0.0 if has_data(sock) else min(max(timeout_s, 0.0), _LONGEST_STEP_S)
        events = dict(poll.poll(wait_s * 1000)).get(sock.fileno(), 0)
        try:
            # Read all that is there before writing: to write to a broker that has just died closes the socket, and with
            # it goes what that broker sent last.
            readable = has_data(sock) or bool(events & ~select.POLLOUT)
            failed = 0
            for _ in range(_READS_PER_TURN):
                if not readable or failed:
                    break
                failed = client.loop_read()
                readable = client.socket() is not None and has_data(sock)
            if not failed and client.socket() is not None:
                self.flow.go_on()
            failed = failed or (client.want_write() and client.loop_write()) or client.loop_misc()
        except OSError as error:
            raise self._lost(error) from error
        if self._answer is not None and self._answer.is_failure:
            raise refused(self._settings, self._answer)
        if failed or client.socket() is None:
            raise self._lost()

    def _hand_over(self, one: Waiting) -> int:
        words = publish_words(self.version, one.correlation)
        info = self._alive().publish(one.topic, one.payload, qos=one.qos, retain=one.retain, **words)
        if info.rc != 0:
            raise self._lost()
        return int(info.mid)

    def _alive(self) -> Client:
        if self._client is None:
            raise DeliveryError(f"broker {self._settings.where}: the connection was closed")
        return self._client

    def _lost(self, error: OSError | None = None) -> DeliveryError:
        words = self._last_words or ("" if error is None else str(error))
        return lost(self._settings, words, answered=self._answer is not None)

    def _answered(self, reason: Any, properties: Any) -> None:
        self._answer = reason
        self.flow.allowed = allowed_by(properties)

    def _hung_up(self, flags: Any, reason: Any) -> None:
        if flags.is_disconnect_packet_from_server and reason is not None:  # MQTT 5 says why
            self._last_words = str(reason).lower()

    def _logged(self, level: int, text: str) -> None:
        """What paho tells nobody but its log: which error ended the connection."""
        if level == _LOG_ERROR:
            self._last_words = text

    def _received(self, message: MQTTMessage) -> None:
        if self._on_message is not None:
            self._on_message(message)
