"""A note as numbers, without a vocabulary: words are hashed into buckets.

In: text in any language that separates words. Out: token ids of fixed length for an ``Embedding`` layer; 0 is padding.
The hashing trick (Weinberger et al. 2009) needs no download and knows every word; rare words may share a bucket. A
number becomes its magnitude (``69`` -> ``#6x``): an exact age or a case number would identify a person rather than
describe one. Not here: what the words mean (the graph ``text.note``).
"""

from __future__ import annotations

import re
import unicodedata
import zlib

import numpy as np
import numpy.typing as npt

BUCKETS = 512
"""Ids are 1 .. BUCKETS - 1."""
LENGTH = 24
"""Tokens of a note that are read; later ones are not."""
LONGEST = 10_000
"""Characters that are looked at: a note is a few lines."""

_WORD = re.compile(r"[^\W\d_]+|\d+")


def words(text: str) -> list[str]:
    """The words of a note: accents and case folded, numbers as ``#`` + leading digit + one ``x`` per further digit."""
    folded = unicodedata.normalize("NFKD", text[:LONGEST]).casefold()
    plain = "".join(char for char in folded if not unicodedata.combining(char))
    return [f"#{w[0]}{'x' * (len(w) - 1)}" if w[0].isdigit() else w for w in _WORD.findall(plain)]


def tokens(text: str, *, length: int = LENGTH, buckets: int = BUCKETS) -> npt.NDArray[np.int32]:
    """Token ids, (length,) int32: zeros, then the first ``length`` words, so that a recurrent net ends on a word.

    The same on every machine (CRC-32).
    """
    ids = [1 + zlib.crc32(word.encode()) % (buckets - 1) for word in words(text)[:length]]
    return np.array([0] * (length - len(ids)) + ids, np.int32)
