"""The files of another machine's ``/proc`` and ``/sys`` in a folder: a board that is not here."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_mm.models.board import Board


def board_in(
    folder: Path,
    *,
    machine: str = "aarch64",
    bits: int = 64,
    model: str = "",
    compatible: Sequence[str] = (),
    cores: str = "0-3",
    memory_mib: int = 4096,
    available_mib: int = 2048,
    zones: Mapping[str, float] | None = None,
    throttled: str = "",
    usb: Sequence[str] = (),
) -> Board:
    """Write the files and give the board.

    Args:
        cores: as in ``/sys/devices/system/cpu/online``.
        zones: type of a thermal zone -> degrees Celsius.
        throttled: the Raspberry Pi's flags as its kernel writes them; no file when empty.
        usb: ``vendor:product`` of what is plugged in.
    """
    files = {
        "proc/meminfo": f"MemTotal:  {memory_mib * 1024} kB\nMemFree: 1 kB\nMemAvailable: {available_mib * 1024} kB\n",
        "sys/devices/system/cpu/online": f"{cores}\n",
    }
    if model:
        files["proc/device-tree/model"] = f"{model}\0"
    if compatible:
        files["proc/device-tree/compatible"] = "".join(f"{one}\0" for one in compatible)
    if throttled:
        files["sys/devices/platform/soc/soc:firmware/get_throttled"] = f"{throttled}\n"
    for i, (kind, degrees) in enumerate((zones or {}).items()):
        files[f"sys/class/thermal/thermal_zone{i}/type"] = f"{kind}\n"
        files[f"sys/class/thermal/thermal_zone{i}/temp"] = f"{round(degrees * 1000)}\n"
    for i, one in enumerate(usb):
        vendor, _, product = one.partition(":")
        files[f"sys/bus/usb/devices/1-{i}/idVendor"] = f"{vendor}\n"
        files[f"sys/bus/usb/devices/1-{i}/idProduct"] = f"{product}\n"
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Board(folder, machine=machine, bits=bits)
