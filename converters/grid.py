"""Who speaks in the GRID clips, and whom neither the vision nor the audio part learns from.

In: the name of a clip. Out: its speaker, its side of the split. One table for both senses: a face that vision holds out
is a voice that audio holds out, so that composites of the two are of people whom no net has met.
"""

from __future__ import annotations

SPEAKERS = {
    "brbk7n": "woman in black",
    "id2_vcd_swwp2s": "man in a black shirt",
    "lbax4n": "man with glasses",
    "lbbc2a": "woman in pink",
    "lwbsza": "woman with grey curls",
    "pwij3p": "man in a black shirt",
    "sbwe5n": "man in a white collar",
}
"""Clip -> speaker, told apart by looking: seven clips, six people."""
HELD_OUT_SPEAKERS = ("woman with grey curls", "man in a white collar")


def speaker(clip: str) -> str:
    """Who speaks in ``clip`` (the file's name without its suffix).

    Raises:
        ValueError: nobody has said who that is, so no side of the split is safe for it.
    """
    try:
        return SPEAKERS[clip]
    except KeyError:
        raise ValueError(f"GRID clip {clip}: look at it and add its speaker to converters/grid.py") from None


def held_out(clip: str) -> bool:
    """Whether the clip is only evaluated."""
    return speaker(clip) in HELD_OUT_SPEAKERS
