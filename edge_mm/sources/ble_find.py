"""Which devices are in range, and which of a device's characteristics are listened to.

In: a part of a name or an address; the kinds that are wanted. Out: what bleak connects to, or a sentence. Not here: the
connection (``ble``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

from edge_mm.errors import SourceError
from edge_mm.kinds import StreamKind
from edge_mm.sources.ble_words import NotInRange, explained, load_bleak
from edge_mm.sources.discovery import FoundDevice
from edge_mm.sources.gatt import CHARACTERISTICS, SERVICES, Characteristic

_NOT_HEARD = -127
"""What bleak says, in dBm, where BlueZ has no strength."""


async def find(address: str, label: str, scan_s: float) -> Any:
    """The device, as bleak names it.

    Args:
        address: part of its name, in any case, or its address.
        label: the device, for messages.
        scan_s: longest scan.

    Raises:
        NotInRange: nothing of that name was heard.
        BleakError: Bluetooth does not work, and other exceptions; see ``ble_words``.
    """
    import bleak

    wanted = address.lower()

    def fits(device: Any, name: str | None) -> bool:
        return device.address.lower() == wanted or (bool(name) and wanted in str(name).lower())

    # A process that was killed leaves its connection in BlueZ, and a connected device does not advertise.
    if hasattr(bleak, "BleakAdapter"):  # from bleak 3.1 on
        adapter = await bleak.BleakAdapter.get()
        for device in await adapter.get_connected_devices(list(SERVICES)):
            if fits(device, device.name):
                return device
    # Any change of a device that BlueZ remembers comes here too, such as its disconnection; one that is heard has a
    # strength.
    found = await bleak.BleakScanner.find_device_by_filter(
        lambda device, seen: seen.rssi > _NOT_HEARD and fits(device, seen.local_name or device.name), timeout=scan_s
    )
    if found is None:
        raise NotInRange(
            f"{label} is not in range: {scan_s:g} s of scanning did not find it; wear it or switch it on, end its "
            "connection to a phone, and look for its name with bluetoothctl scan on."
        )
    return found


def chosen(kinds: Sequence[StreamKind], there: Collection[str], label: str) -> tuple[Characteristic, ...]:
    """What is to be listened to: for each kind the best characteristic that the device has, a steady one first.

    Args:
        kinds: what is wanted.
        there: UUIDs of the device's characteristics.
        label: the device, for the message.

    Raises:
        SourceError: it does not give one of them; the text says what it gives.
    """
    best: dict[str, Characteristic] = {}
    for kind in kinds:
        giving = [each for each in CHARACTERISTICS if kind in each.kinds and each.uuid in there]
        if not giving:
            has = sorted({known for each in CHARACTERISTICS if each.uuid in there for known in each.kinds})
            raise SourceError(
                f"{label} gives no {kind} ({', '.join(has) or 'none of the services that are read'}); change the "
                "source's kind, or name another device."
            )
        best[giving[0].uuid] = giving[0]
    return tuple(best.values())


def discover_ble(seconds: float = 8.0) -> list[FoundDevice]:
    """Devices in range that announce a service that is read, the nearest first.

    Args:
        seconds: how long to scan.

    Raises:
        SourceError: there is no bleak, no BlueZ, no adapter, or one that is off; the text says what to do.
    """
    load_bleak()
    import bleak

    async def scan() -> list[tuple[Any, Any]]:
        seen = await bleak.BleakScanner.discover(timeout=seconds, return_adv=True)
        return list(seen.values())

    try:
        seen = asyncio.run(scan())
    except Exception as error:  # bleak raises its own, D-Bus's, the system's and asyncio's
        raise explained(error, "Bluetooth") from error
    found = []
    for device, said in sorted(seen, key=lambda pair: -pair[1].rssi):
        titles = dict.fromkeys(SERVICES[uuid] for uuid in said.service_uuids if uuid in SERVICES)
        if titles:
            name = said.local_name or device.name or "no name"
            found.append(FoundDevice(f"ble:{device.address}", f"{name}: {', '.join(titles)} ({said.rssi} dBm)"))
    return found
