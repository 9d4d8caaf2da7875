"""One MQTT payload -> rows of one stream.

In: bytes, the kind wanted, its path in a JSON document and its unit. Out: (n,) or (n, 3) float32 in the kind's unit, or
``BadPayload``. Not here: any connection (``mqtt_topics``).
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_mm.errors import ConfigError
from edge_mm.kinds import READINGS, TRIPLES, StreamKind
from edge_mm.sources.json_path import JsonPath
from edge_mm.sources.reading_units import UNIT_OF_READING, conversion
from edge_mm.sources.wanted import Wanted

LONGEST_PAYLOAD = 65_536
"""Bytes; a longer one is a picture or an attack."""
_MOST_ROWS = 256
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_NO_VALUE = ("nan", "null", "none")
_LARGEST = float(np.finfo(np.float32).max)
_PRESSURES = (("systolic", "sys"), ("diastolic", "dia"), ("mean", "map"))


class BadPayload(ValueError):  # noqa: N818 - it names what it is
    """Not what was wanted; the text says why, and holds nothing of the payload: it is a person's."""


class Payloads:
    """Reads the payloads of one topic for one stream.

    Args:
        wanted: the stream; its address is the topic.

    Raises:
        ConfigError: kind, unit or path cannot be.
    """

    def __init__(self, wanted: Wanted) -> None:
        where = f"MQTT topic {wanted.address!r}"
        if wanted.kind not in READINGS:
            raise ConfigError(
                f"{where}: a {wanted.kind} is a signal, not a reading; topics give {', '.join(sorted(READINGS))}."
            )
        if wanted.column is not None:
            raise ConfigError(f"{where}: column means nothing here; say where the number stands with path.")
        self._kind: StreamKind = wanted.kind
        self._conversion = conversion(wanted.kind, wanted.unit, where=where)
        self._path = None if wanted.path is None else JsonPath(wanted.path, where=where)
        self.unit = UNIT_OF_READING.get(wanted.kind, wanted.unit or "1")

    def rows(self, payload: bytes) -> npt.NDArray[np.float32]:
        """The values of one payload.

        Raises:
            BadPayload: it has none.
        """
        if len(payload) > LONGEST_PAYLOAD:
            raise BadPayload(f"{len(payload)} bytes are more than {LONGEST_PAYLOAD}")
        try:
            text = payload.decode().strip()
        except UnicodeDecodeError:
            raise BadPayload("it is no UTF-8 text") from None
        value = self._located(text)
        if self._kind in TRIPLES:
            return np.array([self._pressure(value)], np.float32)
        values = value if self._kind == "rr" and isinstance(value, list) else [value]
        if not 0 < len(values) <= _MOST_ROWS:
            raise BadPayload(f"a list of {len(values)} values")
        return np.array([self._number(each) for each in values], np.float32)

    def _located(self, text: str) -> Any:
        """What stands at the path; the payload itself where there is none."""
        if self._path is None and not text.startswith(("[", "{", '"')):
            return text
        try:
            document = json.loads(text)
            return document if self._path is None else self._path.of(document)
        except (LookupError, TypeError):
            raise BadPayload(f"nothing stands at {self._path.text if self._path else ''!r}") from None
        except (ValueError, RecursionError):  # no JSON; a number of 5,000 digits; 10,000 brackets
            raise BadPayload("it is no JSON") from None

    def _pressure(self, value: Any) -> tuple[float, ...]:
        """Systolic, diastolic and, where it is said, mean: ``[120, 80]``, ``{"sys": 120, "dia": 80}``, ``120/80``."""
        if isinstance(value, dict):
            names = {str(name).lower(): each for name, each in value.items()}
            found = [next((names[name] for name in known if name in names), None) for known in _PRESSURES]
            if found[0] is None or found[1] is None:
                raise BadPayload("a blood pressure without systolic and diastolic")
            return tuple(self._number(each) for each in found)
        parts = value.split("/") if isinstance(value, str) else value
        if not isinstance(parts, list) or len(parts) not in (2, 3):
            raise BadPayload("no blood pressure; send [systolic, diastolic, mean] or 120/80")
        return tuple(self._number(each) for each in [*parts, None][:3])

    def _number(self, value: Any) -> float:
        if isinstance(value, str):
            text = value.strip().lower()
            if text in _NO_VALUE:
                return np.nan
            if not _NUMBER.fullmatch(text):
                raise BadPayload("a text that is no number" if text else "it is empty")
            value = float(text)
        if value is None:
            return np.nan
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadPayload(f"a {type(value).__name__} is no number")
        try:
            converted = self._conversion.of(float(value))
        except OverflowError:
            converted = np.inf
        if abs(converted) > _LARGEST:
            raise BadPayload("a number that is too large")
        return converted
