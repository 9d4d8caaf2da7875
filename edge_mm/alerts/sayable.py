"""What a policy says, as an alert can hold it: of the right types, finite in length, in letters that can be sent.

In: a ``Condition`` of anyone's. Out: one that the outbox can store and the broker can take, or an error that names the
policy. An alert that could not be stored would block every later one, so nothing else gets into an alarm. Not here:
judging (``alarms``).
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import Any, get_args

from edge_mm.errors import ConfigError
from edge_mm.kinds import Category, Modality, Priority
from edge_mm.protocols import Policy
from edge_mm.types import Condition, Reason

LONGEST_NAME = 200
"""Characters of a kind, key, unit, head or code; a longer one is an error: a key is part of a topic."""
LONGEST_TEXT = 2000
"""Characters of a sentence; more are cut off."""
MOST_PARAMS = 16
_PARAM = 200
"""Characters of a parameter's text; more are cut off."""
_PRIORITIES, _CATEGORIES, _SENSES = (frozenset(get_args(each)) for each in (Priority, Category, Modality))
_T_NS = 2**63


def sayable(condition: Condition, policy: Policy) -> Condition:
    """The condition as it can be stored and sent.

    numpy scalars and flags become numbers, None becomes not-a-number (JSON's null), other letters than UTF-8 escapes.

    Raises:
        ConfigError: something in it means nothing; the text names the policy, the kind and the field.
    """
    if type(condition) is Condition and _plain(condition):
        return condition
    if not isinstance(condition, Condition):
        raise ConfigError(f"policy {type(policy).__name__}: it gave {_short(condition)}, not a Condition")
    field = ""
    try:
        found: dict[str, Any] = {}
        for field, rule in _RULES.items():
            found[field] = rule(getattr(condition, field))
        return replace(condition, **found)
    except Exception as error:  # whatever a foreign object does when it is asked for its value
        raise ConfigError(
            f"policy {type(policy).__name__}: a condition of kind {_short(condition.kind)} with {field} = "
            f"{_short(getattr(condition, field))}: {error}"
        ) from error


def readings_of(values: Mapping[Any, float | None]) -> dict[str, float | None]:
    """What explains an alert: a number for each sense that is known; whatever else there is is left out."""
    found: dict[str, float | None] = {}
    for sense, value in values.items():
        if sense in _SENSES and (value is None or isinstance(value, Real)):
            with contextlib.suppress(OverflowError):  # a number that is none of 64 bits
                found[sense] = value if value is None else float(value)
    return found


def numbers_of(values: Mapping[Any, float]) -> dict[str, float]:
    """The same where each must be a number."""
    return {name: value for name, value in readings_of(values).items() if value is not None}


def _plain(one: Condition) -> bool:
    """Whether there is nothing to do; quick, because it is asked of every condition."""
    reason = one.reason
    return (
        type(one.t_ns) is type(one.onset_ns) is int
        and -_T_NS <= one.t_ns < _T_NS
        and -_T_NS <= one.onset_ns < _T_NS
        and type(one.active) is type(one.latch) is bool
        and type(one.value) is type(one.limit) is float
        and type(one.priority) is str
        and type(one.category) is str
        and one.priority in _PRIORITIES
        and one.category in _CATEGORIES
        and type(one.sources) is tuple
        and all(type(sense) is str and sense in _SENSES for sense in one.sources)
        and all(
            type(name) is str and name.isascii() and len(name) <= LONGEST_NAME
            for name in (one.kind, one.key, one.unit, one.head)
        )
        and bool(one.kind)
        and type(reason) is Reason
        and type(reason.code) is type(reason.text) is str
        and reason.code.isascii()
        and reason.text.isascii()
        and len(reason.code) <= LONGEST_NAME
        and len(reason.text) <= LONGEST_TEXT
        and type(reason.params) is dict
        and len(reason.params) <= MOST_PARAMS
        and all(
            type(name) is str
            and name.isascii()
            and len(name) <= LONGEST_NAME
            and (type(value) is float or (type(value) is str and value.isascii() and len(value) <= _PARAM))
            for name, value in reason.params.items()
        )
    )


def _time(value: Any) -> int:
    try:
        t_ns = operator.index(value)
    except TypeError:
        t_ns = round(value)
    if not -_T_NS <= t_ns < _T_NS:
        raise ValueError("not a time in nanoseconds of 64 bits")
    return t_ns


def _number(value: Any) -> float:
    if isinstance(value, str):
        raise TypeError("not a number")
    return float("nan") if value is None else float(value)


def _text(value: Any, longest: int = LONGEST_TEXT) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    text = str(value).encode(errors="backslashreplace").decode()
    return text if len(text) <= longest else text[: longest - 3] + "..."


def _name(value: Any) -> str:
    text = _text(value, 2**31)
    if len(text) > LONGEST_NAME:
        raise ValueError(f"longer than {LONGEST_NAME} characters")
    return text


def _kind(value: Any) -> str:
    if not (name := _name(value)):
        raise ValueError("empty")
    return name


def _one_of(value: Any, known: frozenset[str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"not one of {', '.join(sorted(known))}")
    return str(value)


def _senses(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        raise TypeError("a text, not a tuple of senses")
    return tuple(dict.fromkeys(_one_of(each, _SENSES) for each in value))


def _reason(value: Any) -> Reason:
    if not isinstance(value, Reason):
        raise TypeError("not a Reason")
    if not isinstance(value.params, Mapping):
        raise TypeError("its params are not a mapping")
    if len(value.params) > MOST_PARAMS:
        raise ValueError(f"more than {MOST_PARAMS} params")
    params = {_name(name): _param(each) for name, each in value.params.items()}
    return Reason(_name(value.code), params, _text(value.text))


def _param(value: Any) -> float | str:
    return _text(value, _PARAM) if isinstance(value, str) else _number(value)


def _short(value: object) -> str:
    try:
        text = repr(value)
    except Exception:
        text = f"an object of type {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:80]}..."


_RULES: Mapping[str, Any] = {
    "t_ns": _time,
    "kind": _kind,
    "active": bool,
    "onset_ns": _time,
    "priority": lambda value: _one_of(value, _PRIORITIES),
    "category": lambda value: _one_of(value, _CATEGORIES),
    "reason": _reason,
    "value": _number,
    "limit": _number,
    "unit": _name,
    "key": _name,
    "sources": _senses,
    "head": _name,
    "latch": bool,
}
