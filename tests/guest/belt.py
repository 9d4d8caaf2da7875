"""A heart rate belt in software: a Bluetooth peripheral that BlueZ finds, connects to and hears.

``Belt`` is for tests: it starts the belt's process and tells it what to do. The process (this file as a program) holds
two controllers on one imagined radio: the kernel's adapter (``/dev/vhci``) and the belt's. ``bluetooth`` starts what
stands between it and a program: the system bus and BlueZ's daemon. Real: kernel, BlueZ, D-Bus. Not real: the radio.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kernel import command, load, until

ADDRESS, NAME = "C0:11:22:33:44:55", "EmuBelt"
HEART_RATE_SERVICE = "0000180d-0000-1000-8000-00805f9b34fb"
HEART_RATE_MEASUREMENT = "00002a37-0000-1000-8000-00805f9b34fb"
_ADAPTER = "F0:F1:F2:F3:F4:F5"
_CRYPTO = (
    "sha3_generic",
    "sha512_generic",
    "sha256_generic",
    "hmac",
    "ctr",
    "cmac",
    "jitterentropy_rng",
    "drbg",
    "ecdh_generic",
)
_LINK_TIMED_OUT, _REMOTE_ENDED = 0x08, 0x13  # Bluetooth Core, Vol 1, Part F


def measurement(bpm: int, *rr_s: float) -> bytes:
    """A Heart Rate Measurement: one byte of rate, RR intervals in 1/1024 s."""
    flags = 0x10 if rr_s else 0x00
    return bytes([flags, bpm]) + b"".join(struct.pack("<H", round(rr * 1024)) for rr in rr_s)


@contextlib.contextmanager
def bluetooth() -> Iterator[None]:
    """The system bus and BlueZ, and the kernel's driver of adapters in software."""
    for module in (*_CRYPTO, "hci_vhci"):
        load(module)
    if not Path("/run/dbus/system_bus_socket").exists():
        Path("/run/dbus").mkdir(exist_ok=True)
        command(["dbus-daemon", "--system", "--fork"])
    folder = next(p for p in map(Path, ("/usr/libexec/bluetooth", "/usr/lib/bluetooth")) if p.is_dir())
    daemon = subprocess.Popen([folder / "bluetoothd", "-n"], stderr=subprocess.DEVNULL)
    try:
        until(lambda: "org.bluez" in command(["busctl", "--system", "list", "--acquired"]), "BlueZ on the bus")
        yield
    finally:
        daemon.terminate()
        daemon.wait(10)


class Belt:
    """The belt and the adapter that hears it, in a process of their own."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()

    def start(self) -> None:
        """Plug the adapter in and switch the belt on; returns when BlueZ has the adapter powered."""
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answers = queue.SimpleQueue()
        threading.Thread(target=self._listen, args=[self._process, self._answers], daemon=True).start()
        self.switch_on()
        until(_adapter_is_on, "the adapter's power", limit_s=30.0)

    def switch_on(self) -> None:
        """Worn: it advertises itself until somebody connects, and again after each connection."""
        self._ask("on")

    def switch_off(self) -> None:
        """Out of range, or its battery empty: no good-bye, the link times out."""
        self._ask("off")

    def hang_up(self) -> None:
        """It ends the connection itself, and can be connected to again."""
        self._ask("hang-up")

    def says(self, value: bytes) -> None:
        """Notify one Heart Rate Measurement; waits until somebody has subscribed."""
        self._ask(f"notify {value.hex()}")

    def beats(self, bpm: int) -> None:
        """From now on it measures by itself: a rate and an RR interval for every beat, to whoever has subscribed."""
        self._ask(f"beat {bpm}")

    def kill(self) -> None:
        """Belt and adapter are gone at once, as if a Bluetooth stick were pulled out."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None

    @staticmethod
    def _listen(process: subprocess.Popen[str], answers: queue.SimpleQueue[str]) -> None:
        for line in process.stdout or ():
            answers.put(line.strip())
        answers.put("the belt's process has ended")

    def _ask(self, words: str, *, limit_s: float = 30.0) -> None:
        assert self._process is not None and self._process.stdin is not None, "the belt is not started"
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()
        answer = self._answers.get(timeout=limit_s)
        assert answer == "ok", f"{words}: {answer}"


_POWERED = ["org.bluez", "/org/bluez/hci0", "org.bluez.Adapter1", "Powered"]


def power(on: bool) -> bool:
    """Switch the adapter on or off, as ``bluetoothctl power`` does; whether BlueZ did it."""
    words = ["busctl", "set-property", *_POWERED, "b", str(on).lower()]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _adapter_is_on() -> bool:
    """Ask BlueZ to switch it on; whether it did. There is none before the kernel has talked to it once."""
    return power(True) and "true" in command(["busctl", "get-property", *_POWERED])


class _Radio:
    """The process's side: two controllers and what connects them."""

    async def open(self) -> None:
        import bumble.device  # noqa: F401 - now: the kernel gives up on an adapter that does not answer in 2 s
        from bumble.controller import Controller
        from bumble.link import LocalLink
        from bumble.transport import open_transport

        class Link(LocalLink):  # type: ignore[misc]
            """bumble 0.0.236 labels data with the sender's random address, whichever one the connection is with."""

            def send_acl_data(self, sender: Any, destination: Any, transport: Any, data: bytes) -> None:
                connection = sender.le_connections.get(destination)
                receiver = self.find_le_controller(destination)
                if connection is not None and receiver is not None:
                    source = connection.self_address
                    asyncio.get_running_loop().call_soon(receiver.on_link_acl_data, source, transport, data)

        self.link = Link()
        kernel = await open_transport("vhci")
        self.adapter = Controller(
            "adapter", host_source=kernel.source, host_sink=kernel.sink, link=self.link, public_address=_ADAPTER
        )
        self.belt: Any = None

    async def on(self) -> None:
        from bumble.controller import Controller
        from bumble.core import AdvertisingData
        from bumble.device import Device
        from bumble.gatt import Characteristic, Service
        from bumble.host import Host

        if self.belt is not None:
            return
        self.belt = Controller("belt", link=self.link, public_address=ADDRESS)
        host = Host()
        host.controller = self.belt
        self.device = Device(name=NAME, address=ADDRESS, host=host)
        self.pulse = Characteristic(
            HEART_RATE_MEASUREMENT, Characteristic.Properties.NOTIFY, Characteristic.READABLE, measurement(60)
        )
        self.device.add_service(Service(HEART_RATE_SERVICE, [self.pulse]))
        self.subscribed = asyncio.Event()

        def on_subscription(*arguments: Any) -> None:
            self.subscribed.set() if arguments[-2] else self.subscribed.clear()

        self.pulse.on("subscription", on_subscription)
        self.device.on("connection", lambda _: self.subscribed.clear())
        self.device.advertising_data = bytes(
            AdvertisingData(
                [
                    (AdvertisingData.FLAGS, b"\x06"),
                    (AdvertisingData.COMPLETE_LOCAL_NAME, NAME.encode()),
                    (AdvertisingData.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS, struct.pack("<H", 0x180D)),
                ]
            )
        )
        await self.device.power_on()
        await self.device.start_advertising(auto_restart=True)

    async def off(self) -> None:
        belt, self.belt = self.belt, None
        if belt is None:
            return
        belt.le_legacy_advertiser.stop()
        self.link.remove_controller(belt)
        for connection in list(self.adapter.le_connections.values()):
            self.adapter.on_le_disconnected(connection, _LINK_TIMED_OUT)

    async def hang_up(self) -> None:
        for connection in list(self.device.connections.values()):
            await connection.disconnect(_REMOTE_ENDED)

    async def beat(self, bpm: int) -> None:
        while True:
            await asyncio.sleep(60 / bpm)
            if self.belt is not None and self.subscribed.is_set():
                with contextlib.suppress(Exception):  # the link may break at any moment
                    await self.device.notify_subscribers(self.pulse, measurement(bpm, 60 / bpm))

    async def notify(self, value: bytes) -> None:
        await asyncio.wait_for(self.subscribed.wait(), 20)
        await self.device.notify_subscribers(self.pulse, value)


async def _obey() -> None:
    radio = _Radio()
    await radio.open()
    loop = asyncio.get_running_loop()
    tasks = []
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        verb, _, argument = line.strip().partition(" ")
        try:
            if verb == "notify":
                await radio.notify(bytes.fromhex(argument))
            elif verb == "beat":
                tasks.append(loop.create_task(radio.beat(int(argument))))
            else:
                await {"on": radio.on, "off": radio.off, "hang-up": radio.hang_up}[verb]()
        except Exception as error:
            print(f"{type(error).__name__}: {error}", flush=True)
        else:
            print("ok", flush=True)


if __name__ == "__main__":
    asyncio.run(_obey())
