"""Is what the sources need installed: packages, the TFLite runtime, the library of a Coral that is plugged in.

In: the configured sources, a profile, a root folder. Out: remarks. What may crash or hang (a runtime that was built for
another processor, an accelerator) is loaded in a child process with a deadline. Not here: permissions
(``daemon.doctor_access``).
"""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

from edge_mm.daemon.config_source import SourceConfig
from edge_mm.daemon.remark import CONFIG, Remark, error, ok, warning
from edge_mm.models.profile import Profile
from edge_mm.sources.wanted import scheme_of

ROOT = Path("/")
DEADLINE_S = 30.0
"""For a child; the first handshake with a Coral loads its firmware, which takes a few seconds."""
CORAL = {
    "1a6e:089a": "before its firmware is loaded (the first handshake loads it)",
    "18d1:9302": "with its firmware loaded",
}
"""``vendor:product`` of the USB Accelerator; coral.ai, USB Accelerator, FAQ."""
LIBRARY = "libedgetpu.so.1"
_RUNTIME = """
from edge_mm.perception.litert import backend_name
import importlib, importlib.metadata as m
name = backend_name()
importlib.import_module(name + ".interpreter")
print(name, m.version(name.replace("_", "-")))
"""
_HANDSHAKE = """
import importlib, sys
from edge_mm.perception.litert import backend_name
runtime = importlib.import_module(backend_name() + ".interpreter")
try:
    runtime.load_delegate(sys.argv[1])
except (OSError, ValueError) as error:
    print(error)
    sys.exit(3)
"""
_RECORDS = {".edf": ("edfio", "edf"), ".bdf": ("edfio", "edf"), ".hea": ("wfdb", "wfdb"), ".dat": ("wfdb", "wfdb")}
_SCHEMES = {"ble": ("bleak", "ble"), "i2c": ("smbus2", "i2c"), "lsl": ("pylsl", "lsl")}
_FILMS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".ts", ".m4a", ".aac")
_GET_LIBRARY = (
    "install libedgetpu1-std from Google's apt repository (coral.ai/software); until then graphs run on the CPU"
)


def packages(sources: Sequence[SourceConfig], *, live: Container[str]) -> Iterator[Remark]:
    """Python packages that the configured sources import when they are opened.

    Args:
        sources: of the configuration.
        live: names of those that are devices; the others are files.
    """
    for source in sources:
        for module, extra in _needs(source, source.name in live):
            part = f"source {source.name}"
            before = "sudo apt install portaudio19-dev gcc python3-dev, then " if extra == "mic" else ""
            if importlib.util.find_spec(module) is None:
                yield error(
                    part, f"needs {module}, which is not installed", f"{before}pip install 'edge-mm[{extra}]'", CONFIG
                )
            elif (problem := _import_problem(module)) is not None:
                yield error(
                    part, f"{module} is installed and does not load: {problem}", f"{before}install it anew", CONFIG
                )
            else:
                yield ok(part, f"{module} is installed")


def runtime() -> Iterator[Remark]:
    """The TFLite runtime, loaded where it cannot take us with it."""
    status, said = _child([sys.executable, "-c", _RUNTIME], DEADLINE_S)
    cure = "pip install --force-reinstall ai-edge-litert, or 'edge-mm[tflite]' on Python 3.11"
    if status == 0:
        yield ok("runtime", f"graphs run on {said}")
    elif status == -signal.SIGILL:
        yield error("runtime", "it uses instructions that this processor does not have", cure, CONFIG)
    else:
        yield error("runtime", f"it does not load: {_last_line(said)}{_how(status)}", cure, CONFIG)


def coral(
    profile: Profile, root: Path = ROOT, *, library: str = LIBRARY, deadline_s: float = DEADLINE_S
) -> Iterator[Remark]:
    """A Coral's handshake; nothing where none is plugged in and the profile names none.

    Args:
        profile: of the board, or of the accelerator.
        root: where ``dev`` and ``sys`` are.
        library: what is loaded.
        deadline_s: longest wait for it.
    """
    found = plugged(root)
    pcie = sorted((root / "dev").glob("apex_[0-9]*"))
    if not found and not pcie:
        if profile.delegate == "edgetpu" and profile.detect.usb:
            ids = " or ".join(profile.detect.usb)
            yield warning(
                "coral", f"profile {profile.name} names one, none is plugged in ({ids})", "plug it into a USB 3 port"
            )
            return
        if profile.delegate != "edgetpu":
            return
    for device, number in found:
        yield ok("coral", f"USB Accelerator {number}, {CORAL[number]}")
        speed = _text(device / "speed")
        if speed.isdecimal() and int(speed) < 5000:
            yield warning(
                "coral", f"it is on a USB 2 port or cable ({speed} Mbit/s)", "use a blue USB 3 port and its own cable"
            )
    yield handshake(library, deadline_s=deadline_s)


def handshake(library: str = LIBRARY, *, deadline_s: float = DEADLINE_S) -> Remark:
    """Load the Edge TPU's library as a delegate, in a child."""
    status, said = _child([sys.executable, "-c", _HANDSHAKE, library], deadline_s)
    if status == 0:
        return ok("coral", f"{library}: the delegate loads and answers")
    if "cannot open shared object" in said:
        return warning("coral", f"{library} is not installed", _GET_LIBRARY)
    if status is None:
        cure = "unplug it and plug it in again, without a hub; until it answers graphs run on the CPU"
        return warning("coral", f"{library}: no answer within {deadline_s:g} s", cure)
    return warning(
        "coral",
        f"{library}: the delegate does not load: {_last_line(said)}{_how(status)}",
        "sudo usermod -aG plugdev $USER and log in again; see that nothing else uses it; until then the CPU is used",
    )


def plugged(root: Path = ROOT) -> list[tuple[Path, str]]:
    """Coral USB Accelerators: folder in ``/sys`` and ``vendor:product``."""
    found = []
    for vendor in sorted(root.glob("sys/bus/usb/devices/*/idVendor")):
        number = f"{_text(vendor)}:{_text(vendor.with_name('idProduct'))}"
        if number in CORAL:
            found.append((vendor.parent, number))
    return found


def coral_nodes(root: Path = ROOT) -> list[Path]:
    """Their nodes below ``/dev/bus/usb``, whose group must let us in."""
    nodes = []
    for device, _ in plugged(root):
        bus, number = _text(device / "busnum"), _text(device / "devnum")
        if bus.isdecimal() and number.isdecimal():
            nodes.append(root / f"dev/bus/usb/{int(bus):03}/{int(number):03}")
    return [node for node in nodes if node.exists()]


def _needs(source: SourceConfig, live: bool) -> Iterator[tuple[str, str]]:
    """Module and extra."""
    word = str(source.device)
    suffix = Path(word).suffix.lower()
    if source.kind == "audio" and live:
        yield "pyaudio", "mic"
    elif source.kind == "audio" and suffix in _FILMS:
        yield "av", "media"
    elif source.kind in ("video", "note", "audio"):
        return
    elif not live and suffix in _RECORDS:
        yield _RECORDS[suffix]
    elif (scheme := scheme_of(word)) in _SCHEMES:
        yield _SCHEMES[scheme]


def _import_problem(module: str) -> str | None:
    """A package of C may be there and lack its library; loaded in a child, since it stays in memory otherwise."""
    status, said = _child([sys.executable, "-c", f"import {module}"], DEADLINE_S)
    return None if status == 0 else _last_line(said) + _how(status)


def _child(command: list[str], deadline_s: float) -> tuple[int | None, str]:
    """Exit status (None: killed at the deadline) and all that it said."""
    try:
        done = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=deadline_s
        )
    except subprocess.TimeoutExpired:
        return None, ""
    except OSError as error:
        return 127, str(error)
    return done.returncode, (done.stdout or done.stderr).strip()


def _how(status: int | None) -> str:
    if status is None:
        return f"no answer within {DEADLINE_S:g} s"
    return f" (ended by {signal.Signals(-status).name})" if status < 0 else ""


def _last_line(said: str) -> str:
    lines = said.splitlines()
    return lines[-1].strip()[:300] if lines else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
