"""Numbers as arguments of the command line, each with what it may be.

In: the text after an option. Out: the number, or an error that argparse prints. Not here: the options (``cli``).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from typing import TypeVar

N = TypeVar("N", int, float)


def number(text: str, *, kind: Callable[[str], N], least: N, most: N, what: str) -> N:
    """A number from ``least`` to ``most``, not 0."""
    try:
        value = kind(text)
    except ValueError:
        value = kind("0")
    if not least <= value <= most or value in (0, float("inf")):
        raise argparse.ArgumentTypeError(f"{text} is not {what}")
    return value


positive = partial(number, kind=float, least=0.0, most=float("inf"), what="a positive number")
rate = partial(number, kind=float, least=0.1, most=100_000.0, what="a rate from 0.1 to 100000 samples per second")
minutes = partial(number, kind=float, least=2.0, most=30.0, what="a number of minutes from 2 to 30")
whole = partial(number, kind=int, least=1, most=sys.maxsize, what="a whole number above 0")
port = partial(number, kind=int, least=1, most=65_535, what="a port from 1 to 65535")
