"""Whether a socket has something to read, also where TLS holds it already.

In: a socket. Out: yes or no, at once. Not here: reading.
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
