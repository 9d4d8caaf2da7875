"""Payloads that are no right request, for every verb and for none; the same seed gives the same ones."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from edge_mm.delivery.asking import read_request
from edge_mm.delivery.clock import now
from edge_mm.delivery.requests import REQUESTS, Acknowledge, Response, Silence

WITHHELD_BYTES = 70_000
"""So large that a broker which knows our limit (65,536) does not send it to us."""
MORE: dict[str, dict[str, Any]] = {
    "silence": {"seconds": 5}, "calibrate": {"seconds": 60}, "log_level": {"level": "error"},
    "waveforms": {"seconds": 5},
}  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, [], {}, [[[]]], "", " ", "x" * 65, "\x00", "\x1b[2J", "\u202e", "é", -1, 0, 0.5, 1e308, 10**15, 2**63,
    10**400, -(10**400), "0", "' OR 1=1", "../../etc/passwd", "${HOME}", {"issued_at": 1}, ["debug"], "DEBUG",
)  # fmt: skip
RAW = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 4090, "1." + "0" * 3000, "0x10", "1e-400", "-")
PUT_IN = (b"{", b"}", b"]", b'"', b",", b"\\u0000", b"\\ud800", b"\n", b"\0")
VERBS = (*REQUESTS, "", "Acknowledge", "acknowledge ", "ack", "..", "x" * 2000, "é" * 500, "unknown", "set", "%s")


@dataclass(frozen=True)
class Bad:
    """One message."""

    how: str
    verb: str
    payload: bytes
    qos: int
    retain: bool

    @property
    def arrives(self) -> bool:
        """Whether the broker sends it to the device at all."""
        return len(self.payload) < WITHHELD_BYTES


class BadRequests:
    """An endless supply.

    Args:
        seed: of the choice.
        incidents: of alarms that are there: nothing given may change them.
    """

    def __init__(self, seed: int, incidents: tuple[str, ...]) -> None:
        self._random, self._incidents = random.Random(seed), incidents
        self.refused = self.unknown_incident = 0
        self._ways: tuple[tuple[str, Callable[[str], bytes]], ...] = (
            ("random bytes", lambda _: self._random.randbytes(self._random.randrange(200))),
            ("a mutated request", self._mutated),
            ("another type", self._other_type),
            ("a number that is none", self._raw_number),
            ("another incident", self._other_incident),
            ("another time", self._other_time),
            ("a key twice", self._doubled),
            ("no UTF-8", self._no_utf8),
            ("nested", self._nested),
            ("a silence of no length", self._odd_silence),
            ("too long", lambda verb: self._text(verb, by="x" * self._random.choice((4096, 10_000, 60_000)))),
            ("far too long", lambda _: b" " * WITHHELD_BYTES),
        )
        self._weights = [3] * (len(self._ways) - 2) + [1, 0.05]

    def next(self) -> Bad:
        """One more; ``read_request`` has refused it, or it names an alarm that is none."""
        while True:
            verb = self._random.choice(VERBS if self._random.random() < 0.2 else tuple(REQUESTS))
            ((how, way),) = self._random.choices(self._ways, self._weights)
            if how in ("another incident", "a silence of no length"):
                verb = "silence" if how.startswith("a silence") else self._random.choice(("acknowledge", "silence"))
            payload = way(verb)
            found = read_request(verb, payload, now=now())
            if isinstance(found, Response):
                assert found.status == "error"
                assert found.error
                self.refused += 1
            elif isinstance(found, Acknowledge | Silence) and found.incident_id not in self._incidents:
                self.unknown_incident += 1
            else:  # by chance it is right
                continue
            return Bad(how, verb, payload, self._random.choice((0, 1, 1)), self._random.random() < 0.02)

    def _words(self, verb: str, **more: Any) -> dict[str, Any]:
        words: dict[str, Any] = {"issued_at": datetime.now(UTC).isoformat(), "transaction": self._random.randrange(99)}
        words |= {"by": "fuzz", **MORE.get(verb, {})}
        if verb in ("acknowledge", "silence"):
            words["incident_id"] = self._random.choice(self._incidents)
        return words | more

    def _text(self, verb: str, **more: Any) -> bytes:
        return json.dumps(self._words(verb, **more), ensure_ascii=self._random.random() < 0.5).encode()

    def _mutated(self, verb: str) -> bytes:
        raw = bytearray(self._text(verb))
        for _ in range(self._random.randint(1, 6)):
            at = self._random.randrange(len(raw))
            match self._random.randrange(4):
                case 0:
                    raw[at] = self._random.randrange(256)
                case 1:
                    del raw[at : at + self._random.randrange(1, 9)]
                case 2:
                    raw[at:at] = self._random.choice(
                        (b"{", b"}", b"]", b'"', b",", b"\\u0000", b"\\ud800", b"\n", b"\0")
                    )
                case 3:
                    raw += raw[at:]
            if not raw:
                break
        return bytes(raw[:20_000])

    def _other_type(self, verb: str) -> bytes:
        words = self._words(verb)
        words[self._random.choice([*words, "nonsense"])] = self._random.choice(ODD)
        if self._random.random() < 0.3:
            words.pop(self._random.choice(list(words)))
        return json.dumps(words).encode()

    def _raw_number(self, verb: str) -> bytes:
        words = self._words(verb)
        key = self._random.choice([*words, "nonsense"])
        return json.dumps(words | {key: "HERE"}).replace('"HERE"', self._random.choice(RAW)).encode()

    def _other_incident(self, verb: str) -> bytes:
        right = self._random.choice(self._incidents)
        at = self._random.randrange(len(right))
        other = right[:at] + self._random.choice("0123456789ABCDEFGHJKMNPQRSTVWXYZabc -") + right[at + 1 :]
        return self._text(
            verb, incident_id=self._random.choice((other, right.lower(), right[:-1], right + " ", "0" * 26))
        )

    def _other_time(self, verb: str) -> bytes:
        moment = datetime.now(UTC) + timedelta(seconds=self._random.choice((-1, 1)) * self._random.uniform(60, 1e9))
        odd = ("", "now", "0", "2026-02-30T00:00:00Z", "9999-12-31T23:59:60Z", "2026-11-28", moment.isoformat()[:-6])
        return self._text(verb, issued_at=self._random.choice((moment.isoformat(), self._random.choice(odd))))

    def _doubled(self, verb: str) -> bytes:
        words = self._words(verb)
        key = self._random.choice(list(words))
        text = json.dumps(words)
        return f"{text[:-1]}, {json.dumps(key)}: {json.dumps(words[key])}}}".encode()

    def _no_utf8(self, verb: str) -> bytes:
        raw = self._text(verb)
        at = self._random.randrange(len(raw))
        return raw[:at] + self._random.choice((b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5", b"\xe2\x82")) + raw[at:]

    def _nested(self, verb: str) -> bytes:
        depth = self._random.choice((10, 500, 990, 4000, 30_000))
        opened, closed = self._random.choice((("[", "]"), ('{"a":', "}")))
        bomb = opened * depth + ("1" + closed * depth if self._random.random() < 0.5 else "")
        if self._random.random() < 0.5:
            return bomb.encode()[:60_000]
        return json.dumps(self._words(verb) | {"by": "HERE"}).replace('"HERE"', bomb).encode()[:60_000]

    def _odd_silence(self, _verb: str) -> bytes:
        seconds = self._random.choice((0, -1, 600.0001, 1e308, -1e-9, "5", [5], True, 10**400, 10**19))
        return self._text("silence", seconds=seconds)
