"""Which scenes of the YawDD stills show the same people, and which of them are held out together.

In: the stills and their scenes. Out: groups of scenes that no known person crosses, and a split by whole groups. The
data set names no persons: its scenes are clusters of alike pictures, several people to a scene, some people in several
scenes. Two ways to join scenes: frames that are nearly one picture (``pictures``, ``ALIKE``), and people who were
recognised by looking at every scene (``SAME_PERSON``). Where nobody could tell, scenes are joined: it costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
Pair = tuple[str, str]

ALIKE = 0.92
"""Correlation of two small pictures from which they show one sitting. From 0.91 to 0.95 the scenes fall into the same
47 groups, the largest of 146 stills; at 0.90 different people before the same car seat begin to be joined."""
_SMALL = (40, 30)

SAME_PERSON: tuple[tuple[str, str, str], ...] = (
    ("002", "060", "woman in stripes; man in a dark T-shirt, with and without sunglasses"),
    ("002", "063", "woman in purple"),
    ("012", "015", "woman with glasses in pink"),
    ("015", "061", "woman with short hair in red"),
    ("015", "062", "woman with a grey headscarf"),
    ("024", "026", "young man with glasses in brown"),
    ("024", "029", "man in a floral shirt; man in wide stripes"),
    ("024", "067", "young man with glasses in brown"),
    ("026", "064", "man with glasses in beige"),
    ("027", "060", "woman with sunglasses in a white cardigan"),
    ("027", "069", "woman with glasses in blue"),
    ("029", "066", "man in a checked shirt"),
    ("029", "068", "man with a tie"),
    ("030", "065", "woman with long fair hair"),
    ("012", "020", "perhaps: one car on one place, as in 3.avi"),
    ("019", "057", "perhaps: one car on one place, as in 1.avi and 2.avi"),
    ("009", "016", "perhaps: man with short hair"),
    ("022", "028", "perhaps: man with curls and a red collar, with sunglasses and with glasses"),
    ("022", "039", "perhaps: woman with dark hair tied back"),
    ("031", "054", "perhaps: woman with black glasses and a fringe"),
)
"""Scene, scene, who was seen in both."""
CLIP_PERSON = {"1.avi": "019", "2.avi": "057", "3.avi": "012"}
"""Clip -> a scene of stills with its person."""
HELD_OUT_CLIP = "3.avi"
_ONE_IN = 5


def picture(frame: U8) -> npt.NDArray[np.float32]:
    """A frame as 1200 grey values of mean 0 and length 1: the dot product of two is their correlation."""
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) if frame.ndim == 3 else frame
    small = cv2.resize(grey, _SMALL, interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-6), np.float32)


def alike(scenes: Sequence[str], pictures: npt.NDArray[np.float32]) -> set[Pair]:
    """Pairs of different scenes that have a pair of frames above ``ALIKE``; row i of ``pictures`` is of scene i."""
    first, second = np.nonzero(np.triu(pictures @ pictures.T > ALIKE, 1))
    pairs = {(scenes[a], scenes[b]) for a, b in zip(first.tolist(), second.tolist(), strict=True)}
    return {(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]}


def groups(scenes: Iterable[str], pairs: Iterable[Pair]) -> list[list[str]]:
    """The scenes, joined wherever a pair joins two; sorted. Pairs of scenes that are not there are left out."""
    group = {scene: {scene} for scene in scenes}
    for a, b in pairs:
        if a in group and b in group and group[a] is not group[b]:
            group[a] |= group[b]
            for scene in group[b]:
                group[scene] = group[a]
    return sorted({min(one): sorted(one) for one in group.values()}.values())


def held_out(joined: Sequence[Sequence[str]]) -> set[str]:
    """The scenes to hold out: those with the held-out clip's person, and every fifth group that no clip decides."""
    held = {scene for one in joined if CLIP_PERSON[HELD_OUT_CLIP] in one for scene in one}
    free = [one for one in joined if not set(one) & set(CLIP_PERSON.values())]
    return held | {scene for one in free[::_ONE_IN] for scene in one}


def split(scenes: Sequence[str], pictures: npt.NDArray[np.float32]) -> tuple[list[list[str]], set[str]]:
    """Groups of scenes, and the scenes that are held out; ``scenes`` and ``pictures`` have one row per still.

    Raises:
        ValueError: the person of the held-out clip is joined with that of a learned one.
    """
    known = [(a, b) for a, b, _ in SAME_PERSON]
    joined = groups(set(scenes), [*sorted(alike(scenes, pictures)), *known])
    held = held_out(joined)
    wrong = [clip for clip, scene in CLIP_PERSON.items() if clip != HELD_OUT_CLIP and scene in held]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} cannot be learned from: joined with the person of {HELD_OUT_CLIP}")
    return joined, held
