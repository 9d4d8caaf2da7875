"""Honesty about hardware: a source that never ran on a real device says so when it is first opened.

In: what it is and where it did run. Out: one line in the log. Not here: anything about the device.
"""

from __future__ import annotations

import logging

_log = logging.getLogger("edge_mm.source")


def say_unproven(what: str, ran_on: str) -> None:
    """Say it, at INFO.

    Args:
        what: the source, as its messages name it.
        ran_on: where it did run.
    """
    _log.info("%s: this kind of source ran so far on %s only, never yet on a real sensor", what, ran_on)
