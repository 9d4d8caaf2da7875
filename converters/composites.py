"""Composite episodes: real streams of different recordings on one clock that are said to share a state.

In: tracks of the three senses, one side of the split. Out: windows cut by the device's aligner, with the episode's
state and with which sense was corrupted. No recording with face, voice and heart together was found, so an episode is
always a composite, and what it assumes is written here, before any training:

========== ============================================== ============================= ============================
state      vision                                         audio                         heart (physio)
========== ============================================== ============================= ============================
alert      looks ahead or talks; blinks (0.2 s) and       speech 0.5, road or quiet 0.5 slow 0.3, middle 0.4,
(0.42)     glances (up to 0.8 s) in between                                             fast 0.3
drowsy     yawns (3 to 6 s) or closed eyes (1.5 to 4 s),  speech 0.1, road or quiet 0.9 slow 0.6, middle 0.3,
(0.22)     1 to 4 s of looking ahead in between                                         fast 0.1
distracted turned away (3 to 8 s), 0.5 to 3 s of looking  speech 0.5, road or quiet 0.5 slow 0.3, middle 0.4,
(0.20)     ahead in between                                                             fast 0.3
stressed   as alert                                       as alert                      pulse in a stress task, or fast
(0.16)
========== ============================================== ============================= ============================

The skin (conductance and temperature of a wrist) is that of a stress task when stressed, at rest otherwise. Half of
the hearts, in every state, are the pulse of that wrist: pulse and skin of one episode are of one person and one task.

The differences in sound and heart rate are assumptions (a silent, slow-hearted driver is somewhat likelier to be
drowsy), kept weak on purpose: neither may raise an alarm alone. In 55 of 100 episodes one present sense is corrupted
(``CORRUPTIONS``), the state stays what it is. Not here: training, pooling.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from converters.acceptance import Case, trimmed
from converters.episodes import WINDOW_S, Composite, windows_of
from converters.tracks import Array, Track
from edge_mm.alerts.limits import Limits
from edge_mm.kinds import StreamKind

MODALITIES = ("vision", "audio", "physio", "skin")
HEADS = ("drowsy", "distracted", "stressed")
STATES: Mapping[str, float] = {"alert": 0.42, "drowsy": 0.22, "distracted": 0.20, "stressed": 0.16}
"""State -> share of the episodes."""
SOUND: Mapping[str, Mapping[str, float]] = {
    "alert": {"speech": 0.5, "road": 0.35, "quiet": 0.15},
    "drowsy": {"speech": 0.1, "road": 0.65, "quiet": 0.25},
    "distracted": {"speech": 0.5, "road": 0.35, "quiet": 0.15},
    "stressed": {"speech": 0.5, "road": 0.35, "quiet": 0.15},
}
HEART: Mapping[str, Mapping[str, float]] = {
    "alert": {"slow": 0.3, "middle": 0.4, "fast": 0.3},
    "drowsy": {"slow": 0.6, "middle": 0.3, "fast": 0.1},
    "distracted": {"slow": 0.3, "middle": 0.4, "fast": 0.3},
    "stressed": {"fast": 1.0},
}
PULSE = 0.5
"""Share of the episodes whose heart is a pulse at the wrist, of the person whose skin is felt; the same in every state,
or the kind of sensor would tell the state."""
LOOKS: Mapping[str, Sequence[str]] = {
    "alert": ("neutral",), "drowsy": ("yawn", "closed"), "distracted": ("turned",), "stressed": ("neutral",)
}  # fmt: skip
"""What a stuck camera shows when it shows a state."""
AHEAD_S = {"alert": (2.0, 6.0), "drowsy": (1.0, 4.0), "distracted": (0.5, 3.0), "stressed": (2.0, 6.0)}
"""Seconds of looking ahead between two looks of the state."""
CORRUPTED, ABSENT = 0.55, 0.2
"""Chance that one sense of an episode is corrupted; that a sense is absent (at least one stays)."""
CORRUPTIONS = ("frozen", "noise", "broken")
"""``frozen``: one embedding of another state, repeated (a stuck camera, a stuck buffer). ``noise``: random embeddings.
``broken``: a real front end on broken input (a hissing microphone), where that passes as usable; a dead camera and
loose electrodes do not, their quality is so low that the sense counts as absent."""
LENGTH_S, VISION_PERIOD_S = 24.0, 0.2
"""Of an episode; of its vision embeddings (5 per second are enough for pooling)."""
EVERY = 3
"""Every third window is used, they overlap."""
MOST = {"vision": round(WINDOW_S / VISION_PERIOD_S)}
"""Embeddings of a window that a camera may have more of; sound and signals have the same hop everywhere."""
EPISODES, HELD_OUT_EPISODES = 2500, 500
"""Episodes to train the fusion on, and to score it on."""
_KIND: Mapping[str, StreamKind] = {"vision": "video", "audio": "audio", "physio": "ecg", "skin": "eda"}


RAISED = Limits().drowsy_enter
"""From here on the rule ``driver.drowsy`` counts."""
WANTED = (
    ("drowsy", "audio", "", 12), ("drowsy", "physio", "", 12),
    ("alert", "vision", "frozen", 24), ("alert", "audio", "", 6), ("alert", "physio", "", 6),
)  # fmt: skip
"""Acceptance windows: state, corrupted sense, how (empty draws it), how many."""
LENGTHS = {"vision": 50, "audio": 20, "physio": 10, "skin": 10}
"""Embeddings kept of each window: 10 s of vision as it is, every second one of sound, one a second of the heart."""


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
        self._person: dict[tuple[str, str], list[Track]] = {}
        for one in tracks:
            if one.held_out != held_out:
                continue
            self._by_kind.setdefault((one.modality, one.kind), []).append(one)
            if one.modality == "vision":
                self._person.setdefault((one.group, one.kind), []).append(one)
        self._people = sorted({g for g, kind in self._person if kind in ("neutral", "talking")})

    def episodes(self, count: int) -> Iterator[list[Composite]]:
        """``count`` episodes, each as its windows."""
        for _ in range(count):
            yield self.episode(str(self._rng.choice(list(STATES), p=list(STATES.values()))))

    def episode(
        self,
        state: str,
        *,
        present: Sequence[str] | None = None,
        corrupted: str | None = None,
        corruption: str = "",
        lie: str = "",
    ) -> list[Composite]:
        """One episode; what is not given is drawn by the recipe.

        Args:
            state: key of ``STATES``.
            present: modalities that are there.
            corrupted: the corrupted one; empty for none.
            corruption: how; empty draws it.
            lie: the state that a frozen sense shows; empty draws another one than the episode's.
        """
        rng = self._rng
        if present is None:
            present = [m for m in MODALITIES if rng.random() >= ABSENT] or [str(rng.choice(MODALITIES))]
        if corrupted is None:
            corrupted = str(rng.choice(list(present))) if rng.random() < CORRUPTED else ""
        wrist = self._wrist(state)
        streams = {m: self._stream(m, state, wrist) for m in present}
        shows = dict.fromkeys(present, state)
        if corrupted:
            kinds = CORRUPTIONS if (corrupted, "broken") in self._by_kind else CORRUPTIONS[:2]
            corruption = corruption or str(rng.choice(kinds))
            lie = lie or str(rng.choice([s for s in STATES if s != state]))
            streams[corrupted] = self._corrupt(corrupted, lie, corruption, streams[corrupted])
            shows[corrupted] = lie if corruption == "frozen" else ""
        else:
            corruption = ""
        windows = [w for i, w in enumerate(windows_of(streams, _KIND, MODALITIES, LENGTH_S)) if i % EVERY == EVERY - 1]
        return [Composite(window, state, corrupted, corruption, shows) for window in windows]

    def _wrist(self, state: str) -> tuple[Track, Track | None]:
        """A person's skin, and the pulse that belongs to it where this episode's heart is a pulse."""
        kind = "stress" if state == "stressed" else "rest"
        skin = self._by_kind["skin", kind][int(self._rng.integers(len(self._by_kind["skin", kind])))]
        if self._rng.random() >= PULSE:
            return skin, None
        pulses = self._by_kind["physio", kind]
        own = [one for one in pulses if one.group == skin.group] or pulses
        return skin, own[int(self._rng.integers(len(own)))]

    def _stream(self, modality: str, state: str, wrist: tuple[Track, Track | None]) -> tuple[Array, float]:
        """(n, d) embeddings of an episode and their period."""
        if modality == "vision":
            return self._face(state), VISION_PERIOD_S
        if modality == "skin":
            return self._cut(wrist[0])
        if modality == "physio" and wrist[1] is not None:
            return self._cut(wrist[1])
        chances = (SOUND if modality == "audio" else HEART)[state]
        kind = str(self._rng.choice(list(chances), p=list(chances.values())))
        return self._piece(modality, kind)

    def _piece(self, modality: str, kind: str) -> tuple[Array, float]:
        """A stretch of a track; a kind that this side of the split lacks is replaced by another one."""
        pool = self._by_kind.get((modality, kind)) or self._any(modality)
        return self._cut(pool[int(self._rng.integers(len(pool)))])

    def _cut(self, one: Track) -> tuple[Array, float]:
        length = max(1, round(LENGTH_S / one.period_s))
        start = int(self._rng.integers(max(1, len(one.vectors) - length + 1)))
        return np.resize(one.vectors[start : start + length], (length, one.vectors.shape[1])), one.period_s

    def _any(self, modality: str) -> list[Track]:
        return [t for (m, kind), pool in self._by_kind.items() if m == modality and kind != "broken" for t in pool]

    def _face(self, state: str) -> Array:
        """A sequence of looks by the recipe, of one person where that person has the look."""
        rng = self._rng
        person = self._people[int(rng.integers(len(self._people)))]
        ahead = "talking" if (person, "talking") in self._person and rng.random() < 0.5 else "neutral"
        frames: list[Array] = []
        left = round(LENGTH_S / VISION_PERIOD_S)
        busy = rng.random() < 0.5
        favourite = str(rng.choice(["yawn", "closed", "both"]))
        while left > 0:
            if busy:
                if state == "drowsy":
                    look = str(rng.choice(["yawn", "closed"])) if favourite == "both" else favourite
                    seconds = rng.uniform(3, 6) if look == "yawn" else rng.uniform(1.5, 4)
                elif state == "distracted":
                    look, seconds = "turned", rng.uniform(3, 8)
                elif rng.random() < 0.7:
                    look, seconds = "closed", VISION_PERIOD_S
                else:
                    look, seconds = "turned", rng.uniform(0.2, 0.8)
            else:
                look, seconds = ahead, rng.uniform(*AHEAD_S[state])
            count = min(left, max(1, round(seconds / VISION_PERIOD_S)))
            frames.append(self._look(person, look, count))
            left -= count
            busy = not busy
        return np.concatenate(frames)

    def _look(self, person: str, look: str, count: int) -> Array:
        """``count`` embeddings of one look; a still is held for about a second, as a face is."""
        rng = self._rng
        pool = self._person.get((person, look)) or self._by_kind.get(("vision", look)) or self._any("vision")
        if (person, look) not in self._person:
            pool = [pool[int(rng.integers(len(pool)))]]
        parts: list[Array] = []
        left = count
        while left > 0:
            vectors = pool[int(rng.integers(len(pool)))].vectors
            held = min(left, int(rng.integers(3, 8)))
            parts.append(vectors[rng.integers(len(vectors), size=held)])
            left -= held
        return np.concatenate(parts)

    def _corrupt(self, modality: str, lie: str, how: str, stream: tuple[Array, float]) -> tuple[Array, float]:
        rng = self._rng
        vectors, period_s = stream
        if how == "broken":
            return self._piece(modality, "broken")
        if how == "noise":
            everything = self._any(modality)
            sample = np.concatenate([everything[int(i)].vectors for i in rng.integers(len(everything), size=20)])
            wild = rng.standard_normal(vectors.shape) * rng.uniform(1.0, 2.0) * sample.std(axis=0) + sample.mean(axis=0)
            return wild.astype(np.float32), period_s
        if modality == "vision":
            look = str(
                rng.choice(
                    {
                        "alert": ["neutral"],
                        "drowsy": ["yawn", "closed"],
                        "distracted": ["turned"],
                        "stressed": ["neutral"],
                    }[lie]
                )
            )
            chosen = self._by_kind.get(("vision", look)) or self._any("vision")
            stuck = chosen[int(rng.integers(len(chosen)))].vectors[:1]
        else:
            stuck = self._stream(modality, lie, self._wrist(lie))[0][:1]
        return np.repeat(stuck, len(vectors), axis=0), period_s


def cases(studio: Studio) -> list[Case]:
    """Held-out windows with all senses present and one corrupted: what a fusion must survive.

    Drowsy with the sound or the heart corrupted; alert with each of them corrupted, the camera stuck on a yawn or on
    closed eyes. Windows are the last of each episode, none is chosen for its score.
    """
    chosen = []
    for state, corrupted, how, count in WANTED:
        lie = "drowsy" if state == "alert" else "alert"
        for _ in range(count):
            one = studio.episode(state, present=MODALITIES, corrupted=corrupted, corruption=how, lie=lie)[-1]
            chosen.append(Case(trimmed(one.window, LENGTHS), state, corrupted))
    return chosen
