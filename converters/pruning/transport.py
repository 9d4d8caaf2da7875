"""How large a graph is on its way to the board.

In: the bytes of a file. Out: its size as it is, by zlib at level 9 (as in a ZIP) and by gzip (as over HTTP). What a
board loads and runs is the first number only.
"""

from __future__ import annotations

import gzip
import zlib
from typing import NamedTuple


class Transport(NamedTuple):
    """Bytes."""

    raw: int
    zlib9: int
    gzip: int


def transport(content: bytes) -> Transport:
    """The three sizes of one file."""
    return Transport(len(content), len(zlib.compress(content, 9)), len(gzip.compress(content, 9, mtime=0)))
