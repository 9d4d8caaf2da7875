"""How much of what anyone may publish is kept: the page and its memory stay small whatever arrives.

In and out: nothing; numbers, and text made harmless. Not here: who uses them.
"""

from __future__ import annotations

MAX_PAYLOAD_BYTES = 65_536
"""A longer message is passed over unread, and counted."""
MAX_DEVICES = 200
MAX_SENSORS = 64
"""Of one device."""
MAX_SENSORS_IN_ALL = 3_000
MAX_READINGS = 24
"""Of one sensor; a camera says 16."""
MAX_ALARMS = 64
"""Of one device, also those that are over."""
MAX_PERSONS = 8
MAX_SHARES = 12
"""Rows in a table of senses or heads; there are seven senses."""
MAX_EVENTS = 100
"""In the history of one device: none can push out what another said."""
MAX_DRAWN_SENSORS = 8
"""Of one device: with time lines or a waveform."""
LINE_S = 300.0
"""How far back a time line goes."""
LINE_POINTS = 320
WAVE_S = 8.0
"""How much of a waveform is shown."""
MAX_WAVE_RATE_HZ = 500.0
MAX_WAITING = 20_000
"""Messages between the broker's thread and the page's; beyond, the oldest are dropped and counted."""
STALE_S = 5.0
"""Readings come once a second; older ones are greyed and their age is said."""
SETTLE_S = 5.0
"""After a connect of ours or of a device: what it stands by has been said again by then."""
LONGEST_TEXT = 300
LONGEST_WORD = 64


def clean(text: str, longest: int = LONGEST_TEXT) -> str:
    """The text with a space for each letter that does something instead of showing (also those that turn the writing
    direction), cut to a length.
    """
    cut = text[:longest]
    shown = "".join(letter if letter.isprintable() else " " for letter in cut).strip()
    return shown + "…" if len(text) > longest else shown
