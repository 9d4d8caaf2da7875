"""What went wrong with Bluetooth, in one sentence that says what to do.

In: what bleak, D-Bus or BlueZ raised. Out: a ``SourceError``. Not here: any radio.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from edge_mm.errors import SourceError
from edge_mm.sources.files import said

_NO_SUCH_ADAPTER = re.compile(r"adapter '?\w+'? not found")
_UNPAIRED = re.compile(r"Insufficient (Authentication|Encryption)|NotPermitted|Authentication(Failed|Canceled)", re.I)


class NotInRange(SourceError):  # noqa: N818 - it names what happened
    """Bluetooth works, and the device is not there."""


def load_bleak() -> Any:
    """The package.

    Raises:
        SourceError: it is not installed.
    """
    try:
        import bleak
    except ImportError:
        raise SourceError("Bluetooth needs the package bleak: pip install 'edge-mm[ble]'.") from None
    return bleak


def explained(error: Exception, label: str) -> SourceError:
    """The sentence for an exception.

    Args:
        error: of ``open``, a scan or a connection.
        label: the device, for the message.
    """
    if isinstance(error, SourceError):
        return error
    reason = getattr(getattr(error, "reason", None), "name", "")
    name = str(getattr(error, "dbus_error", ""))
    text = said(error)
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        why = "there is no D-Bus here; apt install dbus bluez, and in a container mount /run/dbus"
    elif name.endswith((".ServiceUnknown", ".NameHasNoOwner", ".Spawn.ServiceNotFound")) or "org.bluez was not" in text:
        why = "BlueZ is not running; apt install bluez, then systemctl start bluetooth"
    elif reason == "DENIED_BY_SYSTEM" or name.endswith(".AccessDenied") or isinstance(error, PermissionError):
        why = "this user may not use Bluetooth; add it to the group bluetooth and log in again"
    elif reason == "POWERED_OFF" or name.endswith(".NotReady") or "No powered" in text:
        why = "the Bluetooth adapter is off; bluetoothctl power on (and rfkill unblock bluetooth)"
    elif (
        reason in ("NO_BLUETOOTH", "NO_BLE_CENTRAL_ROLE")
        or "No Bluetooth adapters" in text
        or _NO_SUCH_ADAPTER.search(text)
    ):
        why = "there is no Bluetooth adapter with Low Energy; plug one in, or switch the board's own on (hciconfig -a)"
    elif isinstance(error, asyncio.TimeoutError):
        why = "no answer in time; bring it nearer, end its connection to a phone; if it stays, restart bluetooth"
    elif name.endswith(".InProgress"):
        why = "BlueZ is busy with another scan or connection; it is tried again"
    elif _UNPAIRED.search(f"{name} {text}"):
        why = "it wants to be paired first; bluetoothctl scan on, then bluetoothctl pair ADDRESS"
    else:
        why = f"the connection failed ({text}); bring it nearer, and end its connection to a phone"
    return SourceError(f"{label}: {why}.")
