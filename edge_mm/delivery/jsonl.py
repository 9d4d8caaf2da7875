"""A replay as lines of JSON, the same bytes for the same input.

In: what leaves the monitor, in order. Out: one line each on a text stream. An alert's line is its MQTT payload with
``"type":"alert"`` and ``t`` in front; the CloudEvents type stands in ``event``. Not here: MQTT, running the replay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TextIO

import msgspec

from edge_mm.delivery.bridge_payloads import encode, finite
from edge_mm.delivery.payloads import estimate_parts, replay_event, seconds, tidy
from edge_mm.delivery.record import BundleRef
from edge_mm.errors import DeliveryError
from edge_mm.types import Alert, Estimate, Observation, Output


class JsonLines:
    """A Sink that writes lines.

    Args:
        stream: where to.
        origin_ns: ``t_ns`` of the earliest input; ``t`` counts from it, in seconds.
        digest: digest of the input, hex; ids derive from it.
        bundle: what the replay runs with.
        source: the events' source.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        origin_ns: int,
        digest: str,
        bundle: BundleRef | None = None,
        source: str = "edge_mm/replay",
    ) -> None:
        self._stream = stream
        self._origin_ns = origin_ns
        self._digest = digest
        self._bundle = bundle
        self._source = source
        self._seq = 0

    def send(self, output: Output) -> None:
        """Write one line.

        Raises:
            DeliveryError: the stream cannot be written. A closed pipe stays a BrokenPipeError: the reader had enough.
        """
        match output:
            case Observation():
                self._write(self._observation(output))
            case Estimate():
                self._write(self._estimate(output))
            case Alert():
                self._write(self._alert(output))

    def summary(self, summary: Mapping[str, Any]) -> None:
        """The last line.

        Raises:
            DeliveryError: as ``send``.
        """
        self._write({"type": "summary", **finite(summary)})

    def _t(self, t_ns: int) -> float:
        return seconds(t_ns - self._origin_ns)

    def _observation(self, reading: Observation) -> dict[str, Any]:
        line: dict[str, Any] = {
            "type": "observation",
            "t": self._t(reading.t_ns),
            "name": reading.name,
            "value": tidy(reading.value),
            "unit": reading.unit,
            "quality": tidy(reading.quality, digits=3),
            "source": reading.source,
        }
        if reading.label:
            line["label"] = reading.label
        return line

    def _estimate(self, estimate: Estimate) -> dict[str, Any]:
        return {"type": "estimate", "t": self._t(estimate.t_ns), **estimate_parts(estimate)}

    def _alert(self, alert: Alert) -> dict[str, Any]:
        self._seq += 1
        event = replay_event(
            alert,
            seq=self._seq,
            digest=self._digest,
            origin_ns=self._origin_ns,
            bundle=self._bundle,
            source=self._source,
        )
        payload = msgspec.structs.asdict(event)
        kind = payload.pop("type")
        return {"type": "alert", "t": self._t(alert.t_ns), "event": kind, **payload}

    def _write(self, line: Mapping[str, Any]) -> None:
        try:
            self._stream.write(encode(line).decode() + "\n")
        except BrokenPipeError:
            raise
        except OSError as error:
            raise DeliveryError(f"the output cannot be written: {error.strerror or error}") from error
