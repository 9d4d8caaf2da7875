"""Processes that this one has started, whichever of its threads did."""

from __future__ import annotations

from pathlib import Path


def children() -> list[int]:
    """Their numbers, the newest last."""
    lists = [path.read_text() for path in Path("/proc/self/task").glob("*/children")]
    return sorted(int(pid) for text in lists for pid in text.split())
