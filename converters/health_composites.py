"""Composite episodes of the bundle ``health``: real streams of different recordings that are said to share states.

In: tracks of heart, note, skin, motion and sound, one side of the split. Out: windows cut by the device's aligner, with
the states (several may hold at once) and with which modality was corrupted. What an episode assumes is written here,
before any training:

========== =========================== ============ ============================ =======================================
state      heart                       skin         motion                       sound
========== =========================== ============ ============================ =======================================
calm       regular ECG 0.55, resting   resting      daily life                   speech 0.3, room 0.3, quiet 0.4
(0.36)     pulse 0.45
arrhythmia ECG with an arrhythmia      resting      daily life                   as calm
(0.18)
distress   pulse in a task 0.45,       in a stress  daily life                   speech 0.3, room 0.1, quiet 0.2,
(0.20)     regular ECG 0.55            task                                      complaint 0.4
event      as calm                     resting      a fall, 10 s into the        as calm
(0.14)                                              episode
========== =========================== ============ ============================ =======================================

and with 0.06 each an arrhythmia with a fall, and an arrhythmia in distress. Pulse and skin of one episode are of one
person and one state: those are truly synchronous recordings (Stress-Predict). The note is that of the patient whose ECG
is heard; with a pulse it is anybody's. The link between states of different senses is assumed, not measured. In 50 of
100 episodes one present modality is corrupted; the state stays what it is. Not here: training, pooling.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from converters.acceptance import Case, trimmed
from converters.episodes import Composite, windows_of
from converters.tracks import Array, Track
from edge_mm.alerts.limits import Limits
from edge_mm.kinds import StreamKind
from edge_mm.types import NS_PER_S

MODALITIES = ("physio", "skin", "motion", "audio", "text")
HEADS = ("arrhythmia", "distress", "event")
STATES: Mapping[str, float] = {
    "calm": 0.36, "arrhythmia": 0.18, "distress": 0.20, "event": 0.14, "arrhythmia+event": 0.06,
    "arrhythmia+distress": 0.06,
}  # fmt: skip
"""State -> share of the episodes."""
SOUND: Mapping[str, Mapping[str, float]] = {
    "calm": {"speech": 0.3, "room": 0.3, "quiet": 0.4},
    "distress": {"speech": 0.3, "room": 0.1, "quiet": 0.2, "complaint": 0.4},
}
PULSE = 0.45
"""Share of the episodes without an arrhythmia whose heart is a pulse at the wrist; calm or in distress, or the kind of
sensor would tell distress. No pulse with an arrhythmia is in the data: of a pulse the fusion says none."""
CORRUPTED, ABSENT = 0.5, 0.25
"""Chance that one modality is corrupted; that one is absent (at least one sense stays)."""
CORRUPTIONS = ("frozen", "noise", "broken")
"""As in the bundle ``driver``; ``broken`` where there are broken recordings (heart, sound), a note is only ever wrong
(``frozen``: another patient's)."""
LENGTH_S, FALL_AT_S, EVERY = 24.0, 10.0, 3
FALL_SEEN_S = 3.0
"""A window has an event from so long after the fall until the fall leaves it; windows that end before are left out."""
EPISODES, HELD_OUT_EPISODES = 2600, 520
MOST: Mapping[str, int] = {}
RAISED: Mapping[str, float] = {"event": 0.7, "arrhythmia": Limits().arrhythmia_enter}
"""Heads that the acceptance asks for, and the score from which they count as said (``event`` has no rule)."""
WANTED = (
    ("event", "physio", "", 8), ("event", "audio", "", 8), ("event+arrhythmia", "skin", "", 8),
    ("arrhythmia", "audio", "", 8), ("arrhythmia", "motion", "", 8), ("calm", "physio", "noise", 8),
    ("calm", "audio", "", 8), ("calm", "motion", "noise", 8), ("calm", "skin", "", 8),
)  # fmt: skip
"""Acceptance windows: state, corrupted modality, how (empty draws it), how many."""
LENGTHS = {"physio": 10, "skin": 10, "motion": 10, "audio": 20, "text": 1}
_KIND: Mapping[str, StreamKind] = {"physio": "ecg", "skin": "eda", "motion": "acc", "audio": "audio", "text": "note"}


class Studio:
    """Composes episodes from one side of the split."""

    def __init__(self, tracks: Iterable[Track], *, held_out: bool, seed: int) -> None:
        """Sort the tracks.

        Args:
            tracks: all of them.
            held_out: which side to take.
            seed: of everything that is drawn.
        """
        self._rng = np.random.default_rng([seed, held_out])
        self._by_kind: dict[tuple[str, str], list[Track]] = {}
        for one in tracks:
            if one.held_out == held_out:
                self._by_kind.setdefault((one.modality, one.kind), []).append(one)

    def episodes(self, count: int) -> Iterator[list[Composite]]:
        """``count`` episodes, each as its windows."""
        for _ in range(count):
            yield self.episode(str(self._rng.choice(list(STATES), p=list(STATES.values()))))

    def episode(
        self, state: str, *, present: Sequence[str] | None = None, corrupted: str | None = None, corruption: str = ""
    ) -> list[Composite]:
        """One episode; what is not given is drawn by the recipe.

        Args:
            state: heads joined by ``+``, or ``calm``.
            present: modalities that are there.
            corrupted: the corrupted one; empty for none.
            corruption: how; empty draws it.
        """
        rng = self._rng
        if present is None:
            present = [m for m in MODALITIES if rng.random() >= ABSENT]
            if not set(present) - {"text"}:
                present = [*present, str(rng.choice(MODALITIES[:-1]))]
        if corrupted is None:
            corrupted = str(rng.choice(list(present))) if rng.random() < CORRUPTED else ""
        streams = {m: s for m, s in self._streams(state).items() if m in present}
        shows = dict.fromkeys(streams, state)
        if corrupted in streams:
            how = CORRUPTIONS if (corrupted, "broken") in self._by_kind else CORRUPTIONS[:2]
            corruption = "frozen" if corrupted == "text" else corruption or str(rng.choice(how))
            lie = str(rng.choice([s for s in STATES if s != state]))
            streams[corrupted] = self._corrupt(corrupted, lie, corruption, streams[corrupted])
            shows[corrupted] = lie if corruption == "frozen" else ""
        else:
            corrupted = corruption = ""
        found = []
        for i, window in enumerate(windows_of(streams, _KIND, MODALITIES, LENGTH_S)):
            end_s = window.end_ns / NS_PER_S
            if i % EVERY != EVERY - 1:
                continue
            now, seen = state, shows
            if "event" in state.split("+"):
                if FALL_AT_S < end_s < FALL_AT_S + FALL_SEEN_S or end_s > FALL_AT_S + 10.0:
                    continue
                if end_s <= FALL_AT_S:  # it has not happened yet
                    now = _without(state, "event")
                    seen = {m: _without(said, "event") if said else "" for m, said in shows.items()}
            found.append(Composite(window, now, corrupted, corruption, seen))
        return found

    def _streams(self, state: str) -> dict[str, tuple[Array, float]]:
        """Modality -> (n, d) embeddings of an episode and their period."""
        rng, heads = self._rng, state.split("+")
        distress = "distress" in heads
        skin_kind = "stress" if distress else "rest"
        skin = self._any("skin", skin_kind)
        pulse = "arrhythmia" not in heads and rng.random() < PULSE
        if pulse:
            heart = self._any("physio", skin_kind, group=skin.group)
        else:
            heart = self._any("physio", "arrhythmia" if "arrhythmia" in heads else "regular")
        note = self._any("text", "note", group="" if pulse else heart.group)
        chances = SOUND["distress" if distress else "calm"]
        sound = self._any("audio", str(rng.choice(list(chances), p=list(chances.values()))))
        motion = self._piece(self._any("motion", "active"))
        if "event" in heads:
            motion = _pasted(motion, self._any("motion", "fall"))
        return {
            "physio": self._piece(heart), "skin": self._piece(skin), "motion": motion, "audio": self._piece(sound),
            "text": (note.vectors[:1], LENGTH_S),
        }  # fmt: skip

    def _any(self, modality: str, kind: str, *, group: str = "") -> Track:
        """A track of a kind; of the group where it has one."""
        pool = self._by_kind[modality, kind]
        own = [one for one in pool if one.group == group] if group else []
        pool = own or pool
        return pool[int(self._rng.integers(len(pool)))]

    def _piece(self, one: Track) -> tuple[Array, float]:
        length = max(1, round(LENGTH_S / one.period_s))
        start = int(self._rng.integers(max(1, len(one.vectors) - length + 1)))
        return np.resize(one.vectors[start : start + length], (length, one.vectors.shape[1])), one.period_s

    def _corrupt(self, modality: str, lie: str, how: str, stream: tuple[Array, float]) -> tuple[Array, float]:
        rng = self._rng
        vectors, period_s = stream
        if how == "broken":
            return self._piece(self._any(modality, "broken"))
        if how == "noise":
            pool = [t for (m, kind), pool in self._by_kind.items() if m == modality and kind != "broken" for t in pool]
            sample = np.concatenate([pool[int(i)].vectors for i in rng.integers(len(pool), size=20)])
            wild = rng.standard_normal(vectors.shape) * rng.uniform(1.0, 2.0) * sample.std(axis=0) + sample.mean(axis=0)
            return wild.astype(np.float32), period_s
        stuck, _ = self._streams(lie)[modality]
        at = int(rng.integers(len(stuck)))
        return np.repeat(stuck[at : at + 1], len(vectors), axis=0), period_s


def _pasted(stream: tuple[Array, float], fall: Track) -> tuple[Array, float]:
    """Daily life with the seconds of a fall put in, its impact at ``FALL_AT_S``."""
    vectors, period_s = stream[0].copy(), stream[1]
    start = round((FALL_AT_S - 1.0) / period_s)
    count = min(len(fall.vectors), len(vectors) - start)
    vectors[start : start + count] = fall.vectors[:count]
    vectors[start + count :] = fall.vectors[count - 1]  # the person lies there
    return vectors, period_s


def _without(state: str, head: str) -> str:
    return "+".join(one for one in state.split("+") if one != head) or "calm"


def cases(studio: Studio) -> list[Case]:
    """Held-out windows with everything present and one modality corrupted: what a fusion must survive.

    Windows are the last of each episode that has the state, none is chosen for its score.
    """
    chosen = []
    for state, corrupted, how, count in WANTED:
        for _ in range(count):
            one = studio.episode(state, present=MODALITIES, corrupted=corrupted, corruption=how)[-1]
            chosen.append(Case(trimmed(one.window, LENGTHS), one.state, corrupted))
    return chosen
