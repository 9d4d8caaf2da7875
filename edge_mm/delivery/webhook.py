"""A durable sink: each alert event as an HTTP POST of CloudEvents JSON.

In: events. Out: one request each; 2xx means that the other side has it. Redirects are not followed and no proxy is
asked: an alert goes where the configuration says. Headers, and all of an address behind its host, may be secret and are
in no message. Not here: trying again (``carrier``).
"""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, urlsplit

from edge_mm.delivery.bridge_payloads import encode
from edge_mm.delivery.carrier import RefusedError
from edge_mm.delivery.payloads import AlertEvent
from edge_mm.errors import ConfigError, DeliveryError

CONTENT_TYPE = "application/cloudevents+json"
_ABOUT_EVENT = frozenset((400, 413, 415, 422))
"""Answers that speak of what was sent; another event may pass."""
_LATER = frozenset((408, 425, 429))
_OURS = frozenset(("host", "content-type", "content-length", "transfer-encoding", "connection"))
NO_NAME = "has a key that is no name of a header"
"""The key is not repeated: a whole line may stand there, with its value."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x20-\x7e\t]*")


def wrong_url(url: str) -> str:
    """What is wrong with an address, without the address; empty where it is right."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "no address; write https://host/path"
    if not re.fullmatch(r"[\x21-\x7e]+", url):
        return "an address has no spaces and only ASCII letters; write others as %XX"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "must begin with https:// or http:// and name a host"
    if parts.username is not None or parts.password is not None:
        return "no user name or password in an address: it ends up in logs; use headers or header_files"
    if parts.fragment:
        return "what follows # is never sent; leave it out"
    return "the port must be from 1 to 65535" if port == 0 else ""


def wrong_header(name: str, value: str) -> str:
    """What is wrong with a header, without its value; empty where it is right."""
    if not _TOKEN.fullmatch(name):
        return NO_NAME
    if name.lower() in _OURS:
        return "is set by edge-mm; leave it out"
    return "" if _VALUE.fullmatch(value) else "its value has characters that no header may have"


class Webhook:
    """Posts to one address.

    Args:
        url: ``https://host/path``.
        name: of the sink.
        headers: sent with each request.
        timeout_s: longest wait for each answer of the network.
        tls_ca: file of certificates to trust instead of the system's.

    Raises:
        ConfigError: address, headers or certificates are wrong.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "webhook",
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
        tls_ca: str | None = None,
    ) -> None:
        self.name = name
        problems = [wrong_url(url), *(wrong_header(*header) for header in (headers or {}).items())]
        if any(problems):
            raise ConfigError(f"webhook {name}: {next(filter(None, problems))}")
        self._url: SplitResult = urlsplit(url)
        self._headers = {**(headers or {}), "Content-Type": CONTENT_TYPE, "Connection": "close"}
        self._timeout_s = timeout_s
        self._context: ssl.SSLContext | None = None
        if self._url.scheme == "https":
            try:
                self._context = ssl.create_default_context(cafile=tls_ca)
            except OSError as error:
                raise ConfigError(f"webhook {name}: tls_ca: cannot be read: {error.strerror or error}") from error
        self.where = f"{self._url.scheme}://{self._url.netloc}"
        """All of the address that may be said."""

    def deliver(self, events: Sequence[AlertEvent]) -> None:
        """Post each; the other side has them when this returns.

        Raises:
            RefusedError: it does not want it.
            DeliveryError: it could not be reached, or asks to come later.
        """
        for event in events:
            self._judge(*self._post(encode(event)))

    def reach(self) -> None:
        """Connect and say nothing.

        Raises:
            DeliveryError: it cannot be reached, or its certificate is not accepted.
        """
        connection = self._connection()
        try:
            connection.connect()
        except (OSError, UnicodeError) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def close(self) -> None:
        """Nothing is held open between two alerts: they are minutes apart, and the other side would close it."""

    def _connection(self) -> http.client.HTTPConnection:
        host, secure = self._url.hostname or "", self._context is not None
        # Always with a port: without one the last group of an IPv6 address would be taken for it.
        port = self._url.port or (http.client.HTTPS_PORT if secure else http.client.HTTP_PORT)
        if secure:
            return http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=self._context)
        return http.client.HTTPConnection(host, port, timeout=self._timeout_s)

    def _post(self, body: bytes) -> tuple[int, str]:
        target = f"{self._url.path or '/'}{'?' + self._url.query if self._url.query else ''}"
        connection = self._connection()
        try:
            connection.request("POST", target, body, self._headers)
            answer = connection.getresponse()  # what it says beside the status is not read: it may have no end
            return answer.status, http.client.responses.get(answer.status, "")
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def _unreachable(self, error: Exception) -> DeliveryError:
        if isinstance(error, ssl.SSLCertVerificationError):
            return DeliveryError(f"{self.where}: its certificate is not accepted: {error.verify_message}")
        if isinstance(error, TimeoutError):
            return DeliveryError(f"{self.where}: no answer within {self._timeout_s:g} s")
        words = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        return DeliveryError(f"{self.where}: not reachable: {words}")

    def _judge(self, status: int, words: str) -> None:
        if 200 <= status < 300:
            return
        said = f"{self.where} answers {status} {words}".rstrip()
        if status in _LATER or status >= 500:
            raise DeliveryError(said)
        if 300 <= status < 400:
            raise RefusedError(f"{said}; redirects are not followed, give the address it names", event=False)
        if status in _ABOUT_EVENT:
            raise RefusedError(f"{said}; it does not take this alert", event=True)
        raise RefusedError(f"{said}; check its address and headers", event=False)
