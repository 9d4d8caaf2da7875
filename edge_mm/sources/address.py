"""Addresses of network cameras, fit for logs.

In: what a configuration says. Out: the same without users and passwords; host and port. Not here: connecting.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

GSTREAMER, PICAMERA = "gst:", "picamera2:"
NO_PATH = (GSTREAMER, PICAMERA)
"""What the word for a camera begins with that is neither a path nor an address."""
_CREDENTIALS = re.compile(r"(?<=://).*@")  # to the last @: a password may hold a slash, or an @ itself
_ARGUMENTS = re.compile(r"[?#=].*")  # cameras take ?user=...&pwd=... and /user=..._password=..., by any name
_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "rtmp": 1935, "tcp": 0}


def is_url(word: object) -> bool:
    """Whether a word is an address."""
    return isinstance(word, str) and "://" in word


def without_password(url: str) -> str:
    """An address with everything that may be a user or a password replaced by ``***``, fit for logs and messages."""
    if not is_url(url):
        return url
    return _ARGUMENTS.sub(lambda found: found[0][0] + "***", _CREDENTIALS.sub("***@", url))


def host_and_port(url: str) -> tuple[str, int] | None:
    """Where a TCP connection would go; None where the address does not say, or means no TCP (``udp``, ``srt``)."""
    try:
        parts = urlsplit(_CREDENTIALS.sub("", url))
        port = (parts.port or _PORTS[parts.scheme]) if parts.scheme in _PORTS else 0
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None
