"""What an alert was based on: quality per sense, attention weights, contributions.

In: the observations and estimates that the policies saw. Out: the newest evidence at a moment. Only what is recent is
shown: an attention weight of minutes ago explains nothing. Not here: computing weights and contributions (fusion).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edge_mm.alerts.hold import ns
from edge_mm.alerts.sensors import QUALITY
from edge_mm.kinds import MODALITY_OF, Modality
from edge_mm.types import Estimate, Observation, PolicyInput

RECENT_S = 30.0
"""Older readings and estimates explain nothing: ours."""
SENSES: tuple[Modality, ...] = tuple(dict.fromkeys(MODALITY_OF.values()))


@dataclass(frozen=True, slots=True)
class Explanation:
    """The explaining fields of an ``Alert``."""

    sources: tuple[Modality, ...]
    quality: Mapping[str, float | None]
    attention: Mapping[str, float]
    contribution: Mapping[str, float]


class Evidence:
    """The newest estimate, and the newest quality of each sense.

    Args:
        senses: those that the bundle has; of others nothing is said.
    """

    __slots__ = ("_estimate", "_quality", "_senses")

    def __init__(self, senses: Iterable[str] = SENSES) -> None:
        wanted = frozenset(senses)
        self._senses = tuple(sense for sense in SENSES if sense in wanted)
        self._estimate: Estimate | None = None
        self._quality: dict[str, tuple[int, float]] = {}

    def take(self, event: PolicyInput) -> None:
        """Remember what explains later alerts."""
        if isinstance(event, Observation):
            quality = event.value if event.name == QUALITY else event.quality
            self._quality[event.source] = (event.t_ns, quality)
        elif isinstance(event, Estimate):
            self._estimate = event

    def explain(self, t_ns: int, *, sources: tuple[Modality, ...], head: str) -> Explanation:
        """The evidence for a transition at ``t_ns``.

        Args:
            t_ns: time of the transition.
            sources: the senses that the condition rests on; for a fused one those that took part are found here.
            head: head of the Estimate, for a fused condition.
        """
        estimate = self._estimate
        if estimate is not None and t_ns - estimate.t_ns > ns(RECENT_S):
            estimate = None
        quality = self._qualities(t_ns, estimate)
        attention: dict[str, float] = {} if estimate is None else dict(estimate.weights)
        contribution: dict[str, float] = {}
        if head:
            if estimate is not None:
                contribution = dict(estimate.contributions.get(head, {}))
                # The senses that had a say; after a long silence those named by the raised transition remain.
                sources = tuple(sense for sense in self._senses if estimate.weights.get(sense, 0.0) > 0.0) or sources
        elif len(sources) == 1:
            contribution = {sense: float(sense == sources[0]) for sense in self._senses}
        return Explanation(sources, quality, attention, contribution)

    def _qualities(self, t_ns: int, estimate: Estimate | None) -> dict[str, float | None]:
        found: dict[str, float | None] = dict.fromkeys(self._senses)
        if estimate is not None:
            for sense, value in estimate.quality.items():
                found[sense] = value if estimate.coverage.get(sense, 0.0) > 0.0 else None
            return found
        for sense, (read_ns, value) in self._quality.items():
            if t_ns - read_ns <= ns(RECENT_S):
                found[sense] = value
        return found
