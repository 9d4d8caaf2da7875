"""The end of a run: deliver what can be delivered.

In: the delivery thread and the outbox. Out: nothing that waits for the broker, or word of it. Not here: storing, other
sinks (``daemon.ways_out``).
"""

from __future__ import annotations

import logging

from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox

STOP_S = 5.0
"""Longest wait for the broker when stopping; what is left is delivered after the next start."""
LINK_S = 5.0
"""When all files have ended: longest wait for a broker that is not there."""
DRAIN_S = 30.0
"""When all files have ended: longest wait for confirmations of a broker that is there."""
_log = logging.getLogger("edge_mm.run")


def deliver_rest(sink: MqttSink, outbox: Outbox, *, patient: bool) -> None:
    """Deliver and disconnect.

    Args:
        sink: delivers.
        outbox: what is left in it is told.
        patient: nobody wants us to stop, the recordings have ended: wait for the broker.
    """
    try:
        if patient and sink.wait_link("online", timeout_s=LINK_S):
            sink.wait_drained(timeout_s=DRAIN_S)
    finally:
        if not sink.stop(timeout_s=STOP_S):
            _log.warning("alerts that wait for the broker; the next start delivers them: %d", outbox.waiting())
