"""A broker that does what a test tells it: confirms this and not that, hangs up, sends what nobody should.

It speaks as much MQTT 3.1.1 as one publisher or subscriber needs, and keeps nothing.
"""

import contextlib
import queue
import socket
import struct
import threading

import msgspec

from edge_mm.delivery.settings import MqttSettings

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 4, 8, 12, 14
PATIENCE_S = 20.0
NEVER_THERE = "spoke MQTT 5"


class Said(msgspec.Struct, frozen=True):
    """What a client did."""

    what: str
    """``connect``, ``publish``, ``goodbye`` (DISCONNECT) or ``gone`` (the connection ended)."""
    topic: str = ""
    payload: bytes = b""
    flags: int = 0
    """Of the CONNECT (MQTT 3.1.1, 3.1.2.3), or of the PUBLISH."""


def publish(topic, payload, number=None):
    """A PUBLISH of QoS 1 (QoS 0 without a number)."""
    body = struct.pack("!H", len(topic.encode())) + topic.encode()
    body += (b"" if number is None else struct.pack("!H", number)) + payload
    size, length = len(body), b""
    while True:
        size, low = divmod(size, 128)
        length += bytes([low | (0x80 if size else 0)])
        if not size:
            return bytes([0x30 if number is None else 0x32]) + length + body


def _packets(sock):
    with sock.makefile("rb") as stream:
        while first := stream.read(1):
            size, shift = 0, 0
            while True:
                (byte,) = stream.read(1)
                size |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            yield first[0] >> 4, first[0] & 15, stream.read(size)


class ToldBroker:
    """Listens on a port of its own; a context manager.

    ``confirms(topic)`` tells whether a publication is confirmed at once; what is not waits for ``release``.
    ``sends`` goes to a client once it has subscribed, with ``granted`` as the answer. ``hangs_up_after`` events it
    confirms all of them and closes the connection.
    """

    def __init__(self, confirms=lambda topic: True, *, sends=(), granted=1, hangs_up_after=None, pause_s=0.0):
        self.said = queue.Queue()
        self.confirmed = queue.Queue()
        """Numbers that a subscriber has confirmed."""
        self._confirms, self._sends, self._granted = confirms, sends, granted
        self._hangs_up_after, self._pause_s = hangs_up_after, pause_s
        self._over = threading.Event()
        self._held, self._lock = [], threading.Lock()
        self._callers = []

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()
        return self

    def __exit__(self, *_exc):
        self._over.set()
        for sock in (self._listener, *self._callers):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join()

    def settings(self, **more):
        return MqttSettings(port=self._listener.getsockname()[1], **{"settle_s": 0.0, **more})

    def next(self, *, what="publish", topic=""):
        """The next thing of this kind that a client did, whatever it did before."""
        while True:
            said = self.said.get(timeout=PATIENCE_S)
            if said.what == what and said.topic.endswith(topic):
                return said

    def release(self):
        """Confirm what was held back."""
        with self._lock:
            held, self._held = self._held, []
        for caller, number in held:
            caller.sendall(b"\x40\x02" + number)

    def _listen(self):
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            self._callers.append(caller)
            self._threads.append(threading.Thread(target=self._serve, args=(caller,)))
            self._threads[-1].start()

    def _serve(self, caller):
        with caller, contextlib.suppress(OSError, ValueError):
            if self._converse(caller) == NEVER_THERE:
                return
        self.said.put(Said("gone"))

    def _converse(self, caller):
        events, numbers = 0, b""
        for kind, flags, body in _packets(caller):
            if kind == CONNECT and body[6] != 4:  # as a broker answers that speaks nothing newer
                caller.sendall(b"\x20\x02\x00\x01")
                return NEVER_THERE
            if kind == CONNECT:
                self.said.put(Said("connect", flags=body[7]))
                caller.sendall(b"\x20\x02\x00\x00")
            elif kind == SUBSCRIBE:
                caller.sendall(b"\x90\x03" + body[:2] + bytes([self._granted]) + b"".join(self._sends))
            elif kind == PUBACK:
                self.confirmed.put(struct.unpack("!H", body)[0])
            elif kind == PINGREQ:
                caller.sendall(b"\xd0\x00")
            elif kind == DISCONNECT:
                self.said.put(Said("goodbye"))
            elif kind == PUBLISH:
                end = 2 + struct.unpack("!H", body[:2])[0]
                topic, number = body[2:end].decode(), b""
                if flags & 6:
                    number, end = body[end : end + 2], end + 2
                self.said.put(Said("publish", topic, body[end:], flags))
                if self._hangs_up_after is not None:
                    numbers += b"\x40\x02" + number
                    events += topic.endswith("alert/event")
                    if events == self._hangs_up_after:
                        caller.sendall(numbers)
                        return None
                elif number and self._confirms(topic):
                    self._over.wait(self._pause_s)
                    caller.sendall(b"\x40\x02" + number)
                elif number:
                    with self._lock:
                        self._held.append((caller, number))
        return None
