"""A process with a part of a core, or with so much memory: cgroup v1, as root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_ROOT = Path("/sys/fs/cgroup")
_PERIOD_US = 100_000


@contextmanager
def limited(*, cores: float | None = None, memory_mib: int | None = None) -> Iterator[tuple[str, ...]]:
    """Words that stand before a command which is to be limited, its children included.

    Args:
        cores: of CPU time.
        memory_mib: resident memory and page cache.
    """
    wanted: dict[str, dict[str, str]] = {}
    if cores is not None:
        wanted["cpu"] = {"cpu.cfs_period_us": str(_PERIOD_US), "cpu.cfs_quota_us": str(round(cores * _PERIOD_US))}
    if memory_mib is not None:
        wanted["memory"] = {"memory.limit_in_bytes": str(memory_mib << 20)}
    groups: list[Path] = []
    try:
        for controller, settings in wanted.items():
            group = _ROOT / controller / f"edge-mm-{os.getpid()}-{controller}"
            try:
                group.mkdir()
                groups.append(group)
                for key, value in settings.items():
                    (group / key).write_text(value)
            except OSError as error:
                pytest.skip(f"not here: no cgroup v1 controller {controller!r} to limit with ({error.strerror})")
        enter = "; ".join(f"echo $$ > {group / 'cgroup.procs'}" for group in groups)
        yield ("sh", "-c", f'{enter}; exec "$@"', "sh")
    finally:
        for group in groups:
            _remove(group)


def _remove(group: Path) -> None:
    """A group goes when its last process has gone."""
    for line in (group / "cgroup.procs").read_text().split():
        (group.parent / "cgroup.procs").write_text(line)
    group.rmdir()


def peak_mib(controller_group: Path) -> float:
    """Most that was used at once."""
    return int((controller_group / "memory.max_usage_in_bytes").read_text()) / 2**20
