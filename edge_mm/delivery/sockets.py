"""What the kernel and TLS do between us and a socket.

In: a socket. Out: whether it has something to read, also where TLS holds it already; one that sends at once. Not here:
reading, writing.
"""

from __future__ import annotations

import select
import socket
import ssl


def has_data(sock: socket.socket) -> bool:
    """Whether reading it would give something, or its end."""
    if isinstance(sock, ssl.SSLSocket) and sock.pending() > 0:
        return True
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def send_at_once(sock: socket.socket | None) -> None:
    """No waiting for more to send: a state and its event are two small packets, and the second would wait some 40 ms
    for the confirmation of the first (Nagle's algorithm against delayed acknowledgements).
    """
    if sock is not None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
