"""In front of every request: is it from our own page, for us, and by somebody who has logged in?

In: ASGI requests and websockets. Out: the same to the application behind, or a refusal; the login page. A page of
another site can make a browser talk to 127.0.0.1, also under a name of its own (DNS rebinding): so the Host must be an
address or a name of this machine, and an Origin must be that Host, over TLS where we speak it. Not here: passwords and
sessions (``accounts``), what is shown.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from edge_mm.dashboard.accounts import Pace, Sessions
from edge_mm.dashboard.login_page import login_page

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "edge_mm_session"
WHO = "edge_mm.who"
"""Key of the scope: the name of who has logged in; absent where no login is asked for."""
SECRET = "edge_mm.session"  # noqa: S105
"""Key of the scope: the session's secret."""
_LONGEST_FORM = 4096
_GUARDED = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    # Vue compiles nothing of ours, but the library's own scripts are inline. Nothing can be loaded from, or sent to,
    # anywhere else.
    b"content-security-policy": (
        b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        b"img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
        b"form-action 'self'; frame-ancestors 'none'"
    ),
}


class Gate:
    """An ASGI application around another.

    Args:
        app: what is behind.
        names: what this machine is called, besides its addresses.
        sessions: None where no login is asked for.
        secure: whether cookies go over TLS only.
    """

    def __init__(self, app: App, *, names: frozenset[str], sessions: Sessions | None, secure: bool = False) -> None:
        self._app, self._names, self._sessions, self._secure = app, names, sessions, secure
        self._pace = Pace()
        self._proving = asyncio.Semaphore(2)  # a try costs 32 MiB

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let through."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        problem = self._foreign(scope, headers)
        if problem:
            await _refuse(scope, receive, send, 403, problem)
            return
        path, method = scope["path"], scope.get("method", "GET")
        if scope["type"] == "http" and self._sessions is not None and path in ("/login", "/logout"):
            await (self._login if path == "/login" else self._logout)(self._sessions, scope, receive, send, headers)
            return
        if self._sessions is not None:
            secret = _cookie(headers)
            who = self._sessions.who(secret, time.monotonic())
            if who is None:
                if scope["type"] == "http" and method in ("GET", "HEAD") and "text/html" in headers.get("accept", ""):
                    await _answer(send, 303, "", [(b"location", b"/login")])
                else:
                    await _refuse(scope, receive, send, 401, "log in first")
                return
            scope[WHO], scope[SECRET] = who, secret
        await self._app(scope, receive, _guarded(send))

    def _foreign(self, scope: Scope, headers: Mapping[str, str]) -> str:
        """Why this is not from our own page; empty when it is."""
        host = headers.get("host", "")
        if not self._ours(host):
            return "this is not a name of this machine; use its address, or --name"
        origin = headers.get("origin")
        if origin is None:
            if scope["type"] == "websocket" or scope.get("method") not in ("GET", "HEAD"):
                return "no Origin: not from a page of ours"
            return ""
        try:
            found = urlsplit(origin)
        except ValueError:  # "http://["
            return "the Origin is no address"
        # Where we speak TLS ourselves, a page without it may be anybody's between us; a TLS proxy speaks plainly to us.
        schemes = ("https",) if self._secure else ("http", "https")
        same = found.scheme in schemes and found.netloc.lower() == host.lower()
        return "" if same else "the Origin is another site"

    def _ours(self, host: str) -> bool:
        """Whether it is an address, which no other site can have under its name, or one of our names."""
        found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?", host)
        if found is None:
            return False
        name = found[1].strip("[]").lower().rstrip(".")
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in self._names
        return True

    async def _login(
        self, sessions: Sessions, scope: Scope, receive: Receive, send: Send, headers: Mapping[str, str]
    ) -> None:
        if scope["method"] in ("GET", "HEAD"):
            await _answer(send, 200, login_page())
            return
        address = (scope.get("client") or ("?", 0))[0]
        form = await _form(receive)
        if form is None:
            await _answer(send, 400, login_page("That was no login."))
            return
        name, password = form.get("name", [""])[0][:64], form.get("password", [""])[0]
        right = False
        wait_s = self._pace.wait_s(address, time.monotonic())
        if wait_s == 0:
            async with self._proving:
                # Again: those that came at once have waited here for each other, and some of them have failed.
                wait_s = self._pace.wait_s(address, time.monotonic())
                if wait_s == 0:
                    right = await asyncio.to_thread(sessions.proves, name, password)
                    if not right:
                        self._pace.failed(address, time.monotonic())
        if wait_s > 0:
            wait = str(round(wait_s) + 1)
            problem = f"Too many wrong passwords: wait {wait} s, then try again."
            await _answer(send, 429, login_page(problem), [(b"retry-after", wait.encode())])
            return
        if not right:
            await _answer(send, 401, login_page("Name or password is wrong."))
            return
        self._pace.succeeded(address)
        secret = sessions.begin(name, time.monotonic())
        await _answer(send, 303, "", [(b"location", b"/"), (b"set-cookie", self._cookie(secret))])

    async def _logout(
        self, sessions: Sessions, scope: Scope, receive: Receive, send: Send, headers: Mapping[str, str]
    ) -> None:
        if scope["method"] != "POST":
            await _answer(send, 405, "", [(b"allow", b"POST")])
            return
        sessions.end(_cookie(headers))
        gone = self._cookie("") + b"; Max-Age=0"
        await _answer(send, 303, "", [(b"location", b"/login"), (b"set-cookie", gone)])

    def _cookie(self, secret: str) -> bytes:
        return f"{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict{'; Secure' if self._secure else ''}".encode()


def _headers(scope: Scope) -> Mapping[str, str]:
    """Lower-case name -> value; of one that came twice nothing is believed."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        found[key] = "" if key in found and key in ("host", "origin") else value.decode("latin-1")
    return found


def _cookie(headers: Mapping[str, str]) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")[:8192]).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


async def _form(receive: Receive) -> Mapping[str, list[str]] | None:
    body = b""
    while True:
        part = await receive()
        body += part.get("body", b"")
        if len(body) > _LONGEST_FORM or part["type"] != "http.request":
            return None
        if not part.get("more_body"):
            break
    try:
        return parse_qs(body.decode(), max_num_fields=10) or None
    except ValueError:
        return None


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, text: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 4000 + status, "reason": text})
        return
    await _answer(send, status, f"edge-mm dashboard: {text}\n", [(b"content-type", b"text/plain; charset=utf-8")])


async def _answer(send: Send, status: int, body: str, more: list[tuple[bytes, bytes]] | None = None) -> None:
    headers = [*(more or []), (b"cache-control", b"no-store")]
    if not any(name == b"content-type" for name, _ in headers):
        headers.append((b"content-type", b"text/html; charset=utf-8"))
    raw = body.encode()
    headers.append((b"content-length", str(len(raw)).encode()))
    send = _guarded(send)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw})


def _guarded(send: Send) -> Send:
    """Adds the headers that keep other sites out."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", []) if pair[0].lower() not in _GUARDED]
            message["headers"] = [*kept, *_GUARDED.items()]
        await send(message)

    return sending
