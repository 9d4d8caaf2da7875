"""Whether what came to a request's topic is a request: pure, and afraid of nothing.

In: a verb, bytes from anybody, and the present. Out: a checked ``Asked``, or the ``Response`` that says in a sentence
what is wrong with it. Not here: where they come from and how many are heard (``hearing``), acting on them
(``daemon.commands``).
"""

from __future__ import annotations

import difflib
import json
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from edge_mm.delivery.clock import Anchor, iso
from edge_mm.delivery.requests import MAX_AGE_S, MAX_REQUEST_BYTES, MEANT, REQUESTS, TAKES, Asked, Response
from edge_mm.types import NS_PER_S

_MOST_BRACKETS = 256
"""A request is one flat object."""
UNKNOWN = "unknown"
"""Last level of the topic that an unknown verb is answered on: what somebody made up never becomes a topic."""
_LARGEST_NUMBER = 2**53
"""Beyond it JSON's readers do not agree on integers."""
_SHOWN = 40
_FIELD = re.compile(r"`\$\.(\w+)")
"""Where the decoder says that the mistake is."""
_RFC3339 = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", flags=re.ASCII)


class _BadRequestError(ValueError):
    """A sentence without its subject."""


def read_request(verb: str, payload: bytes, *, now: Anchor) -> Asked | Response:
    """What was asked for, or why it is none.

    Args:
        verb: last level of the topic.
        payload: as it came.
        now: the present.
    """
    kind = REQUESTS.get(verb)
    if kind is None:
        return refusal(f"unknown request {shown(verb)}; there are {', '.join(REQUESTS)}")
    if len(payload) > MAX_REQUEST_BYTES:
        return refusal(f"{verb}: a request has at most {MAX_REQUEST_BYTES} bytes, this one has {len(payload)}")
    found: Any = None
    try:
        found = _document(payload)
        asked = _typed(found, kind, verb)
        _check_words(asked)
        _check_age(asked.issued_at, now)
    except _BadRequestError as error:
        return refusal(f"{verb}: {error}", transaction=_transaction(found))
    except UnicodeEncodeError:  # JSON can say half of a pair: \ud800
        return refusal(f"{verb}: a text in it is no Unicode", transaction=_transaction(found))
    return asked


def refusal(error: str, *, transaction: str | int = "") -> Response:
    """The answer to what is not done."""
    return Response(status="error", error=error, transaction=transaction)


def issued_ns(text: str) -> int:
    """A moment of RFC 3339 as nanoseconds since 1970.

    Raises:
        ValueError: it is none, or has no zone.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(text)
    date, clock, fraction, zone = match.groups()
    leap = clock.endswith(":60")  # the one before it, a second later
    zone = "+00:00" if zone in "Zz" else zone
    moment = datetime.fromisoformat(f"{date}T{clock[:-2]}59{zone}" if leap else f"{date}T{clock}{zone}")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)  # exact, where timestamp() is a float
    return (since.days * 86_400 + since.seconds + leap) * NS_PER_S + int((fraction or ".")[1:].ljust(9, "0"))


def shown(text: str) -> str:
    """A word of a stranger, as it may stand in a sentence."""
    cut = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return ascii(cut)


def _document(payload: bytes) -> dict[str, Any]:
    """The JSON object; without doubles, NaN, and numbers that are none elsewhere."""
    if payload.count(b"[") + payload.count(b"{") > _MOST_BRACKETS:  # how deep Python itself reads differs by version
        raise _BadRequestError("the JSON is nested too deeply")
    try:
        found = json.loads(payload.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise _BadRequestError(f"the payload is no UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise _BadRequestError("the JSON is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise _BadRequestError(f"the payload is no JSON ({error.msg} at character {error.pos})") from None
    except ValueError as error:
        if isinstance(error, _BadRequestError):
            raise
        raise _BadRequestError("a number in it has too many digits") from None
    if not isinstance(found, dict):
        raise _BadRequestError('the payload is not a JSON object like {"issued_at": "2026-11-28T04:05:06Z"}')
    return found


def _typed(found: dict[str, Any], kind: type[Asked], verb: str) -> Asked:
    """As its type; in our words what it is not: the decoder's speak of types that no caller knows."""
    fields = {one.name: one for one in msgspec.structs.fields(kind)}
    for name in found:
        if name not in fields:
            raise _BadRequestError(f"unknown field {_plain(name)}; {_hint(name, list(fields))}")
    for name, field in fields.items():
        if field.required and name not in found:
            raise _BadRequestError(f"{name} is missing: {TAKES[name]}")
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        at = _FIELD.search(str(error))
        name = "" if at is None else at[1]
        if (text := TAKES.get(f"{verb}.{name}")) is not None:
            raise _BadRequestError(f"{text}; {name} is a number") from None
        raise _BadRequestError(f"{name} is not right: {TAKES.get(name, 'see its schema')}") from None


def _plain(name: str) -> str:
    return name if name.isascii() and name.isidentifier() and len(name) <= _SHOWN else shown(name)


def _hint(name: str, fields: list[str]) -> str:
    meant = MEANT.get(name.lower(), "")
    near = [meant] if meant in fields else difflib.get_close_matches(name[:_SHOWN].lower(), fields, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(fields)}"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _BadRequestError(f"{shown(key)} stands in it twice")
        found[key] = value
    return found


def _no_number(word: str) -> Any:
    raise _BadRequestError(f"{word} is no JSON")


def _check_words(asked: Asked) -> None:
    """What is stored and shown with an alarm must be printable."""
    for field in asked.__struct_fields__:
        value = getattr(asked, field)
        if isinstance(value, str) and not value.isprintable():
            raise _BadRequestError(f"{field} has a character that cannot be printed")
    if isinstance(asked.transaction, int) and abs(asked.transaction) > _LARGEST_NUMBER:
        raise _BadRequestError("transaction is a number beyond 2**53; send it as a text")


def _check_age(issued_at: str, now: Anchor) -> None:
    try:
        issued = issued_ns(issued_at)
    except ValueError:
        raise _BadRequestError(
            f"issued_at {shown(issued_at)} is no time of RFC 3339 with a zone, like 2026-11-28T04:05:06.789Z"
        ) from None
    age_s = (now.wall_ns - issued) / NS_PER_S
    if abs(age_s) <= MAX_AGE_S:
        return
    clock = "synchronised" if now.synced else "not synchronised"
    when = f"{age_s:.0f} s ago" if age_s > 0 else f"{-age_s:.0f} s from now"
    raise _BadRequestError(
        f"issued {when} by the clock of this device, which is {clock} and says {iso(now.wall_ns)}; "
        f"more than {MAX_AGE_S:g} s are refused: compare the clocks and ask again"
    )


def _transaction(found: Any) -> str | int:
    """The caller's own word, as far as it can be repeated."""
    word = found.get("transaction", "") if isinstance(found, dict) else ""
    if isinstance(word, str) and len(word) <= 64 and word.isprintable():
        return word
    if isinstance(word, int) and not isinstance(word, bool) and abs(word) <= _LARGEST_NUMBER:
        return word
    return ""
