"""The server: a port, the gate in front, the pages behind, the broker's thread beside.

In: settings. Out: a page at an address, until it is stopped. Not here: the command line (``daemon.verb_dashboard``).
"""

from __future__ import annotations

import asyncio
import importlib.util
import ipaddress
import logging
import os
import pwd
import socket
import ssl
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_mm.dashboard.accounts import Account, Sessions
from edge_mm.dashboard.asking import Asking
from edge_mm.dashboard.broker import Broker
from edge_mm.dashboard.fleet import Fleet, Link
from edge_mm.dashboard.gate import SECRET, WHO, Gate
from edge_mm.delivery.bridge_payloads import BridgeState
from edge_mm.delivery.payloads import AlertEvent
from edge_mm.delivery.present import AlertState
from edge_mm.delivery.requests import Response
from edge_mm.delivery.settings import MqttSettings
from edge_mm.errors import ConfigError, EdgeMmError

_PRESSING = (AlertState, AlertEvent, BridgeState)
"""What pages show at once; the rest waits for their next look."""
_SOON_S = 0.01
"""An alarm's state and its event come as two messages: time for both."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the page is served."""

    listen: str = "127.0.0.1"
    port: int = 8080
    """0: a free one."""
    names: tuple[str, ...] = ()
    """What this machine is called, besides its addresses and its own name."""
    certificate: Path | None = None
    key: Path | None = None

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        with suppress(ValueError):
            return ipaddress.ip_address(self.listen).is_loopback
        return self.listen == "localhost"


def serve(
    settings: MqttSettings, place: Place, accounts: Mapping[str, Account] | None, *, ready: Callable[[str], None]
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: the broker.
        place: where to listen.
        accounts: who may log in; None on 127.0.0.1 only.
        ready: called with the address once it is served.

    Raises:
        ConfigError: the extra is missing, there is no login where one is needed, or the certificate is none.
        EdgeMmError: the port is taken.
    """
    require_extra()
    if accounts is None and not place.loopback:
        raise ConfigError(
            f"--listen {place.listen}: others can reach that, so it needs a login; make one with "
            "'edge-mm dashboard --password-file FILE --add-user NAME', then give --password-file FILE"
        )
    _check_certificate(place)
    with _listening(place) as listener:
        scheme = "https" if place.certificate else "http"
        shown = f"[{place.listen}]" if ":" in place.listen else place.listen
        url = f"{scheme}://{shown}:{listener.getsockname()[1]}/"
        with suppress(KeyboardInterrupt):
            asyncio.run(_serve(settings, place, accounts, listener, lambda: ready(url)))


def require_extra() -> None:
    """Whether NiceGUI is there.

    Raises:
        ConfigError: it is not.
    """
    if importlib.util.find_spec("nicegui") is None:
        raise ConfigError("'edge-mm dashboard' needs NiceGUI: pip install 'edge-mm[dashboard]'")


def _check_certificate(place: Place) -> None:
    if place.certificate is None or place.key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(place.certificate, place.key, password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ConfigError(
            f"{place.certificate} and {place.key} are no certificate with its key ({error}); both are to be PEM, the "
            "key without a password"
        ) from error


def _listening(place: Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.listen else socket.AF_INET
    try:
        return socket.create_server((place.listen, place.port), family=family, backlog=128)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)  # a resolver's are below 0
        raise EdgeMmError(
            f"cannot listen on {place.listen}:{place.port}: {why}; "
            "choose another with --http-port or --listen, or end the program that has it"
        ) from error


async def _serve(
    settings: MqttSettings,
    place: Place,
    accounts: Mapping[str, Account] | None,
    listener: socket.socket,
    ready: Callable[[], None],
) -> None:
    import uvicorn

    loop = asyncio.get_running_loop()
    sessions = None if accounts is None else Sessions(accounts)
    room = _Room(settings, sessions, loop)
    gate = Gate(
        room.application(),
        names=frozenset(_own_names() | {name.lower() for name in place.names}),
        sessions=sessions,
        secure=place.certificate is not None,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    logging.getLogger("nicegui").setLevel(logging.ERROR)
    config = uvicorn.Config(
        gate,
        log_config=None,
        access_log=False,
        lifespan="on",
        proxy_headers=False,
        server_header=False,
        ssl_certfile=place.certificate,
        ssl_keyfile=place.key,
        timeout_graceful_shutdown=1,
        ws_max_size=2**20,
    )
    server = uvicorn.Server(config)
    room.broker.start()
    asking = asyncio.create_task(room.look())
    asking.add_done_callback(lambda _: setattr(server, "should_exit", True))
    told = asyncio.create_task(_when_started(server, ready))
    try:
        await server.serve(sockets=[listener])
    finally:
        told.cancel()
        asking.cancel()
        await asyncio.to_thread(room.broker.stop)


async def _when_started(server: Any, ready: Callable[[], None]) -> None:
    while not server.started:
        await asyncio.sleep(0.02)
    ready()


class _Room:
    """What all pages share, in the thread of the event loop."""

    def __init__(self, settings: MqttSettings, sessions: Sessions | None, loop: asyncio.AbstractEventLoop) -> None:
        self.fleet = Fleet(settings.base_topic)
        self.fleet.link = Link(since_s=time.monotonic())
        self.broker = Broker(settings, wake=self._wake)
        self.asking = Asking(settings.base_topic, self.broker.send)
        self._sessions, self._loop = sessions, loop
        self._here = _own_user()
        self._sites: weakref.WeakSet[Any] = weakref.WeakSet()
        self._looking = False

    def application(self) -> Any:
        """The pages as an ASGI application."""
        os.environ.setdefault("NICEGUI_STORAGE_PATH", os.devnull)  # nothing of ours is stored there
        from fastapi import FastAPI, Request
        from nicegui import ui

        app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

        async def page(request: Request) -> None:
            await self._page(request)

        async def device(request: Request, name: str) -> None:
            await self._page(request)

        for made in (page, device):  # FastAPI resolves annotations by the module's names; Request is imported here
            made.__annotations__ |= {"request": Request, "return": None}
        device.__annotations__["name"] = str
        ui.page("/")(page)
        ui.page("/device/{name}")(device)
        ui.run_with(
            app, title="edge-mm", dark=True, language="en-US", tailwind=False, show_welcome_message=False,
            binding_refresh_interval=None, reconnect_timeout=10.0,
        )  # fmt: skip
        return app

    async def look(self) -> None:
        """Tell who waits for an answer too long; see what a new connection did not bring again."""
        while True:
            await asyncio.sleep(0.5)
            self.asking.look(time.monotonic())
            self.fleet.settle(time.monotonic())

    async def _page(self, request: Any) -> None:
        from nicegui import ui

        from edge_mm.dashboard.site import Site
        from edge_mm.dashboard.viewer import Viewer

        who, secret = request.scope.get(WHO), request.scope.get(SECRET, "")
        viewer = Viewer(self.fleet, self.asking, who or self._here)

        def still_in() -> bool:
            return self._sessions is None or self._sessions.who(secret, time.monotonic()) is not None

        site = Site(viewer, still_in=still_in, login=self._sessions is not None)
        self._sites.add(site)
        await ui.context.client.connected()
        await site.zone()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._hear)

    def _hear(self) -> None:
        taken, dropped = self.broker.take()
        pressing = False
        self.fleet.counts.dropped += dropped
        for one in taken:
            if isinstance(one, Link):
                self.fleet.linked(one)
                continue
            message = self.fleet.hear(one.topic, one.payload, retained=one.retained, now_s=one.at_s)
            if message is not None and isinstance(message.said, Response):
                self.asking.answered(message.device, message.said)
            pressing = pressing or (message is not None and isinstance(message.said, _PRESSING))
        if pressing and not self._looking:
            self._looking = True
            self._loop.call_later(_SOON_S, self._look_now)

    def _look_now(self) -> None:
        self._looking = False
        for site in list(self._sites):
            site.look_now()


def _own_names() -> set[str]:
    name = socket.gethostname().lower()
    return {"localhost", name, f"{name.partition('.')[0]}.local", name.partition(".")[0]}


def _own_user() -> str:
    with suppress(KeyError):
        return pwd.getpwuid(os.geteuid()).pw_name[:32]
    return "dashboard"
