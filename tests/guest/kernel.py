"""The guest's devices: load and unload drivers, pull plugs, wait for what must come."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], what: str, *, limit_s: float = 20.0) -> T:
    """Ask again and again until the answer is true; give it."""
    deadline = time.monotonic() + limit_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {limit_s:g} s"
        time.sleep(0.02)
    return answer


def load(module: str, **options: object) -> None:
    command(["modprobe", module, *(f"{key}={value}" for key, value in options.items())])


def unload(module: str) -> None:
    command(["rmmod", module])


def is_loaded(module: str) -> bool:
    return Path("/sys/module", module.replace("-", "_")).exists()


def unbind(driver: str) -> None:
    """Take a driver's only platform device away from it: what happens when a cable is pulled."""
    command(["sh", "-c", _unbinding(driver)])


def unbinding(driver: str) -> subprocess.Popen[bytes]:
    """As ``unbind``, for a driver that waits until the last program lets go of the device.

    In a process: a thread that the kernel holds back would keep its whole process from ending.
    """
    return subprocess.Popen(["sh", "-c", _unbinding(driver)])


def bind(driver: str) -> None:
    """Give the device back that ``unbind`` took away: the cable is plugged in again."""
    (device,) = (entry.name for entry in Path("/sys/bus/platform/devices").glob(f"{driver}.*"))
    Path("/sys/bus/platform/drivers", driver, "bind").write_text(device)


def _unbinding(driver: str) -> str:
    folder = Path("/sys/bus/platform/drivers", driver)
    (device,) = (entry.name for entry in folder.glob("*.*"))
    return f"echo {device} >{folder}/unbind"


@contextlib.contextmanager
def soon(action: Callable[[], object], *, after_s: float = 0.5) -> Iterator[list[float]]:
    """Do it in a thread while the block runs; the list gets the moment. What went wrong is raised at the end."""
    moments: list[float] = []
    errors: list[BaseException] = []

    def act() -> None:
        moments.append(time.monotonic())
        try:
            action()
        except BaseException as error:
            errors.append(error)

    timer = threading.Timer(after_s, act)
    timer.start()
    try:
        yield moments
    finally:
        timer.join()
        if errors:
            raise errors[0]


@contextlib.contextmanager
def repeated(action: Callable[[], object], *, every_s: float = 0.1) -> Iterator[None]:
    """Do it again and again in a thread while the block runs."""
    over = threading.Event()

    def act() -> None:
        while not over.wait(every_s):
            action()

    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def driver(module: str, **options: object) -> Iterator[None]:
    """Loaded while the block runs."""
    load(module, **options)
    try:
        yield
    finally:
        if is_loaded(module):
            unload(module)


def command(words: list[str], *, limit_s: float = 30.0) -> str:
    """Run it; its output. What it wrote is in the failure."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=limit_s)
    assert done.returncode == 0, f"{' '.join(words)}: {done.returncode}\n{done.stderr}{done.stdout}"
    return done.stdout


def stub_number() -> str | None:
    """The bus of ``i2c-stub``; other adapters of the machine may have the first numbers."""
    lines = [line.split("\t") for line in command(["i2cdetect", "-l"]).splitlines()]
    return next((line[0].removeprefix("i2c-") for line in lines if "stub" in line[2].lower()), None)
