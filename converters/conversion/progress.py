"""What a conversion is doing, for people who wait for it.

In: words and counts from whoever works. Out: a line on the standard error while it is a terminal, nothing otherwise.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str, int, int], None]
"""What is being done, how much of it is done, of how much; 0 of 0 where nobody counts."""

_COUNTED, _PLAIN = "{desc}: {n_fmt} of {total_fmt} {bar} {elapsed}", "{desc} ..."


def silent(what: str, done: int, total: int) -> None:
    """Says nothing."""


@contextmanager
def shown() -> Iterator[Say]:
    """A line on the standard error while the block runs, where that is a terminal."""
    if not sys.stderr.isatty():
        yield silent
        return
    from tqdm import tqdm

    columns = os.get_terminal_size(sys.stderr.fileno()).columns or 80  # a serial console says 0 of 0
    with tqdm(total=0, desc="starting", leave=False, bar_format=_PLAIN, ncols=columns, nrows=24) as bar:

        def say(what: str, done: int, total: int) -> None:
            if bar.disable:  # the block is over
                return
            if bar.desc != what:
                bar.bar_format = _COUNTED if total else _PLAIN
                bar.desc = what  # first: a reset shows the line at once
                bar.reset(total)
            if total:
                bar.update(done - bar.n)

        yield say
