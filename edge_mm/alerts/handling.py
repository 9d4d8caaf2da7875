"""How an alarm is dealt with once its condition holds: dwell, end, latching, escalation; how long a silence may be.

In: the ``[alarms]`` table of ``edge-mm.toml``: a kind, a family (``"driver.*"``) or ``"*"`` -> what differs there. Out:
the ``Handling`` of each kind. Not here: the life of an alarm (``alarm``), when a condition holds (``rules``).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from edge_mm.errors import ConfigError
from edge_mm.kinds import SILENCE_S, Category, Priority

Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=3600.0)]


SOONEST_S = 5.0
"""An escalation comes no sooner: ours."""


class Handling(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The numbers of one kind of alarm."""

    for_s: Seconds = 0.0
    """The condition must have held for so long, beside what its rule waits for (Prometheus: ``for``)."""
    keep_s: Seconds = 2.0
    """An alarm lasts at least so long after its rule last said that it holds: one that flips with every frame makes one
    alert, not thirty per second (Prometheus: ``keep_firing_for``)."""
    cooldown_s: Seconds = 2.0
    """From one raise to the next at least so long. An alarm that is over sooner is kept until then, so that nothing
    that comes back is swallowed."""
    latching: bool = False
    """It stays until it is acknowledged, also when the condition is over."""
    escalate_s: Seconds = 0.0
    """Nobody has acknowledged it for so long: it is said again, one priority higher. 0: never."""


def longest_silence_s(priority: Priority) -> float:
    """How long an alarm of this priority may be silenced."""
    return SILENCE_S[priority]


_URGENT = Handling(escalate_s=60.0)
"""High priority about the person: who has not looked after a minute is told again. Ours."""
_PLAIN = Handling()


class Handlings:
    """How each kind is dealt with.

    Args:
        table: key -> what differs from the default, as read from TOML.
        where: how to call the table in messages.

    Raises:
        ConfigError: every unknown key and every number out of range, one sentence each.
    """

    def __init__(self, table: Mapping[str, Any] | None = None, *, where: str = "[alarms]") -> None:
        problems: list[str] = []
        names = Handling.__struct_fields__
        self._changes: dict[str, dict[str, Any]] = {}
        for pattern, changes in (table or {}).items():
            at = f'{where} "{pattern}"'
            if not pattern:
                problems.append(f'{at}: an empty name; give a kind, a family ("driver.*") or "*"')
            if not isinstance(changes, Mapping):
                problems.append(f'{at}: give a table, for example [alarms."driver.sleep"] and below it latching = true')
                continue
            for key in changes:
                if key not in names:
                    near = difflib.get_close_matches(str(key), names, n=1)
                    hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(names)}"
                    problems.append(f"{at} {key}: unknown key; {hint}")
            known = {key: value for key, value in changes.items() if key in names}
            try:
                msgspec.convert(known, type=Handling)
            except msgspec.ValidationError as error:
                problems.append(f"{at}: {str(error)[0].lower()}{str(error)[1:]}")
            if isinstance(soon := known.get("escalate_s"), (int, float)) and 0 < soon < SOONEST_S:
                problems.append(f"{at} escalate_s = {soon:g}: give 0 (never) or at least {SOONEST_S:g}")
            self._changes[pattern] = known
        if problems:
            raise ConfigError(*problems)

    @property
    def patterns(self) -> tuple[str, ...]:
        """What the table names."""
        return tuple(self._changes)

    def of(self, kind: str, *, category: Category, priority: Priority) -> Handling:
        """The numbers of a kind: its own before its family's before everybody's."""
        found = _URGENT if category == "physiological" and priority == "high" else _PLAIN
        family = f"{kind.partition('.')[0]}.*"
        for pattern in ("*", family, kind):
            if changes := self._changes.get(pattern):
                found = msgspec.structs.replace(found, **changes)
        return found
