"""What a rule is called and says, and what it is made of.

In: what was compared with what. Out: the ``Condition`` of it. Not here: the policy over observations (``watch``), a
reading beyond a limit (``level``), measuring durations (``hold``), the numbers (``limits``), the tables (``driver``,
``vitals``, ``sound``), and making alerts of conditions (``alarms``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from edge_mm.alerts.hold import Hold
from edge_mm.kinds import Category, Modality, Priority
from edge_mm.types import Condition, Observation, Reason


@dataclass(frozen=True, slots=True)
class Measured:
    """What was compared with what, at a transition."""

    value: float
    """What was compared."""
    limit: float
    """With what."""
    params: Mapping[str, float | str]
    """What the sentences may name."""
    latch: str = ""
    """Why an alarm that this raises stays until it is acknowledged; empty: it does not."""


class Tracker(Protocol):
    """The state of one rule for one stream."""

    @property
    def hold(self) -> Hold:
        """What it has come to: whether it holds, since when, and the time of the last usable reading."""
        ...

    def read(self, reading: Observation) -> None:
        """Take a usable reading; one older than the last is ignored."""
        ...

    def measured(self) -> Measured:
        """What was compared at the last reading."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a rule is called and what it says; the sentences may name the tracker's ``params``."""

    kind: str
    """Kind of the alert."""
    priority: Priority
    """How urgent."""
    code: str
    """Stable code of the reason; the cleared one is this with ``_over``."""
    raised: str
    """Sentence when it holds."""
    cleared: str
    """Sentence when it is over."""
    unit: str
    """Unit of what is compared."""
    key: str = ""
    """Which instance of the kind, where there are several; empty: the kind itself."""
    category: Category = "physiological"
    """About the person, or about the device."""
    baseline: str = ""
    """What is usual for this person and has moved the limit; the reasons say so. Empty: the population's limit."""

    def condition(
        self,
        t_ns: int,
        *,
        active: bool,
        onset_ns: int | None,
        measured: Measured,
        sources: tuple[Modality, ...] = (),
        head: str = "",
    ) -> Condition:
        """What to tell the alarm machine."""
        code, text = (self.code, self.raised) if active else (f"{self.code}_over", self.cleared)
        said, params = text.format(**measured.params), dict(measured.params)
        if active and measured.latch:
            said = f"{said}; {measured.latch}"
        if self.baseline:
            said, params["baseline"] = f"{said}; personal baseline: {self.baseline}", self.baseline
        return Condition(
            t_ns=t_ns,
            kind=self.kind,
            active=active,
            onset_ns=t_ns if onset_ns is None else onset_ns,
            priority=self.priority,
            category=self.category,
            reason=Reason(code, params, said),
            value=measured.value,
            limit=measured.limit,
            unit=self.unit,
            key=self.key or self.kind,
            sources=sources if self.category == "physiological" else (),
            head=head,
            latch=active and bool(measured.latch),
        )


def ended(rule: Rule, t_ns: int, text: str, measured: Measured) -> Condition:
    """It is over without a reading that says so; ``measured`` is what was compared last."""
    return Condition(
        t_ns=t_ns,
        kind=rule.kind,
        active=False,
        onset_ns=t_ns,
        priority=rule.priority,
        category=rule.category,
        reason=Reason(f"{rule.code}_ended", {}, text),
        value=measured.value,
        limit=measured.limit,
        unit=rule.unit,
        key=rule.key or rule.kind,
    )
