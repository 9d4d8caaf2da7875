"""Loads PyAudio and finds an input device by name.

In: a name pattern. Out: PortAudio's record of the device. Not here: reading sound (``microphone``),
its C libraries' noise (``edge_mm.quiet``).

An index is never kept: PortAudio numbers devices anew at each start and each plug.
"""

from __future__ import annotations

import contextlib
import ctypes
import fnmatch
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_mm.errors import SourceError

_SOUND, _DELETED = "/dev/snd/", " (deleted)"
Handle = int | tuple[int, int]
"""A descriptor, or where memory of a card is mapped and how much."""
opening = threading.Lock()
"""Held while a stream is opened, so that it is known what of the card is its own."""
# Not microphones: loopbacks of outputs, and ALSA plug-ins that only pass on what another name gives.
_NOT_A_MICROPHONE = re.compile(
    r"monitor|^(null|sysdefault|dmix|dsnoop|surround\d+|iec958|spdif|lavrate|samplerate|speexrate|speex|upmix|vdownmix|"
    r"a52|jack|oss|front|rear|center_lfe|side|hdmi)\b",
    re.IGNORECASE,
)


def load_pyaudio() -> Any:
    """The ``pyaudio`` module.

    Raises:
        SourceError: it is not installed.
    """
    try:
        import pyaudio
    except ImportError as error:
        raise SourceError(
            "A microphone needs PyAudio: apt install portaudio19-dev, then pip install 'edge-mm[mic]' "
            f"({error.__class__.__name__}: {error})."
        ) from None
    return pyaudio


def input_devices(audio: Any) -> list[dict[str, Any]]:
    """PortAudio's records of everything that can be recorded from, in its order."""
    records = (dict(audio.get_device_info_by_index(index)) for index in range(audio.get_device_count()))
    return [record for record in records if record["maxInputChannels"] > 0]


def is_microphone(name: str) -> bool:
    """False for monitors of outputs and for ALSA's plug-in names."""
    return not _NOT_A_MICROPHONE.search(name)


def find_input(audio: Any, pattern: str) -> dict[str, Any]:
    """The first input device that the pattern names.

    Args:
        audio: A ``pyaudio.PyAudio``.
        pattern: ``default`` (what the system records from), a part of a device name in any case, or a shell pattern
            (``*USB*Mono*``). Monitors of outputs match only a pattern that is their whole name or says ``monitor``.

    Raises:
        SourceError: nothing matches; the text lists what is there.
    """
    devices = input_devices(audio)
    if pattern.lower() == "default":
        try:
            return dict(audio.get_default_input_device_info())
        except OSError:
            raise SourceError(
                "There is no default microphone; plug one in, or name one that `edge-mm devices` lists."
            ) from None
    wanted = pattern.lower()
    exact = [device for device in devices if device["name"].lower() == wanted]
    alike = [
        device
        for device in devices
        if (wanted in device["name"].lower() or fnmatch.fnmatchcase(device["name"].lower(), wanted))
        and (is_microphone(device["name"]) or "monitor" in wanted)
    ]
    for device in exact + alike:
        return device
    there = ", ".join(repr(device["name"]) for device in devices if is_microphone(device["name"])) or "no microphone"
    raise SourceError(f"No microphone's name contains {pattern!r}; this machine has {there}.")


def sound_handles() -> dict[Handle, str]:
    """What this process holds of sound cards: descriptors and mapped memory -> what they point to."""
    found: dict[Handle, str] = {}
    with contextlib.suppress(OSError):
        for link in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError, ValueError):
                target = str(link.readlink())
                if target.startswith(_SOUND):
                    found[int(link.name)] = target
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/maps").read_text(errors="replace").splitlines():
            place, *_, target = line.split(maxsplit=5)
            if target.startswith(_SOUND):
                begin, end = (int(number, 16) for number in place.split("-"))
                found[begin, end - begin] = target
    return found


def let_go(ours: Mapping[Handle, str]) -> int:
    """Close what PortAudio forgets when a card is pulled out: its abort fails then, and it does not close.

    The kernel keeps the card's number, and some drivers do not part with it, while a descriptor is open or memory of
    it is mapped.

    Args:
        ours: what was new when the stream was opened. Only what belongs to a card that is gone is closed.

    Returns:
        How much was left.
    """
    gone = {f"{target.removesuffix(_DELETED)}{_DELETED}" for target in ours.values()}
    left = [handle for handle, target in sound_handles().items() if handle in ours and target in gone]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    for handle in left:
        if isinstance(handle, int):
            with contextlib.suppress(OSError):
                os.close(handle)
        else:
            libc.munmap(*handle)
    return len(left)
