"""What the outbox keeps of one transition: the alert, its number, its ids.

In: an ``Alert`` and who numbers it. Out: a frozen ``Record``. Not here: storing it (``outbox``), rendering it
(``payloads``).
"""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING

import msgspec

from edge_mm.delivery.clock import Anchor
from edge_mm.types import Alert

if TYPE_CHECKING:
    from edge_mm.models.bundle import Bundle

TAIL_BYTES = 10
OWN_INCIDENTS = 2**47
"""From here on incidents are numbered that are none of the alarm machine's; its own count from 1."""
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32, as in a ULID
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_LETTERS = _ALPHABET.encode("ascii") * 8
_ID_CHARS = 26
CHANCE_BYTES = 16
"""Of these 80 bits are used, as many as ``TAIL_BYTES`` have."""


class BundleRef(msgspec.Struct, frozen=True):
    """Which bundle an alert was made with."""

    name: str
    """For example ``driver``."""
    version: str
    """Semantic version."""
    sha256: str
    """Digest of the bundle's file, hex."""

    @classmethod
    def of(cls, bundle: Bundle) -> BundleRef:
        """The reference to a loaded bundle."""
        return cls(bundle.manifest.name, bundle.manifest.version, bundle.digest)


class Record(msgspec.Struct, frozen=True):
    """One transition, numbered."""

    seq: int
    """1, 2, 3 ... per device without a gap."""
    id: str
    """Unique; sorts like ``seq`` within one device."""
    incident_id: str
    """Shared by the raised and the cleared transition of one alarm."""
    boot_id: str
    """Which boot ``alert.t_ns`` counts from."""
    alert: Alert
    """The transition."""
    bundle: BundleRef | None = None
    """What it was made with."""
    onset_anchor: Anchor | None = None
    """The last anchor of the boot that ``alert.onset_ns`` counts from, if that is an earlier one than ``boot_id``."""


def sortable_id(number: int, tail: bytes) -> str:
    """26 characters shaped like a ULID, with a counter where a ULID has the time.

    A board's wall clock may be wrong or jump back; the counter never does.

    Args:
        number: 0 <= number < 2**48; ids sort by it.
        tail: 10 bytes that make it unique.
    """
    return _counted(number) + _tail(tail)


def event_id(number: int, chance: bytes) -> str:
    """The same shape for what is named once.

    Args:
        number: 0 <= number < 2**48; ids sort by it.
        chance: ``CHANCE_BYTES`` random bytes; 5 bits of each are used, which needs no arithmetic.
    """
    return _counted(number) + chance.translate(_LETTERS).decode("ascii")


def _counted(number: int) -> str:
    return "".join([_PAIRS[(number >> place) & 1023] for place in (40, 30, 20, 10, 0)])


@functools.lru_cache(maxsize=16)  # of an outbox there is one
def _tail(tail: bytes) -> str:
    value = int.from_bytes(tail, "big")
    return "".join([_PAIRS[(value >> place) & 1023] for place in range(70, -1, -10)])


def number_of(text: str, tail: bytes) -> int | None:
    """The number in an id of ``sortable_id``; None: it is none, or has another tail."""
    if len(text) != _ID_CHARS:
        return None
    value = 0
    for letter in text:
        place = _ALPHABET.find(letter)
        if place < 0:
            return None
        value = (value << 5) | place
    number = value >> 8 * TAIL_BYTES
    return number if number < 2**48 and sortable_id(number, tail) == text else None


def replay_record(alert: Alert, *, seq: int, digest: str, bundle: BundleRef | None) -> Record:
    """The record of a replayed alert; its ids follow from the input alone, so two replays agree.

    Args:
        alert: the transition.
        seq: its number in this replay, from 1.
        digest: digest of the input, hex.
        bundle: what the replay ran with.
    """
    return Record(
        seq=seq,
        id=sortable_id(seq, _derived(digest, "event", seq)),
        incident_id=sortable_id(alert.incident, _derived(digest, "incident", 0)),
        boot_id="replay",
        alert=alert,
        bundle=bundle,
    )


def _derived(digest: str, what: str, number: int) -> bytes:
    return hashlib.sha256(f"{digest}/{what}/{number}".encode()).digest()[:TAIL_BYTES]
