"""The end of a run: deliver what can be delivered, to everybody at the same time.

In: the delivery thread, the other ways out and the outbox. Out: nothing that waits, or word of it. Where another run
follows at once it delivers what is left: nobody is watched meanwhile. Not here: storing.
"""

from __future__ import annotations

import logging
import threading

from edge_mm.daemon.ways_out import WaysOut
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox

STOP_S = 5.0
"""Longest wait for the broker when stopping; what is left is delivered after the next start."""
RELOAD_S = 1.0
"""The same when another configuration takes over: all that is waited for is the broker's word that we are offline."""
LINK_S = 5.0
"""When all files have ended: longest wait for a broker that is not there."""
DRAIN_S = 30.0
"""When all files have ended: longest wait for confirmations of a broker that is there."""
_log = logging.getLogger("edge_mm.run")


def deliver_rest(sink: MqttSink, ways: WaysOut, outbox: Outbox, *, patient: bool, renewed: bool) -> None:
    """Deliver and disconnect.

    Args:
        sink: delivers to the broker.
        ways: deliver elsewhere.
        outbox: what is left in it is told.
        patient: nobody wants us to stop, the recordings have ended: wait for the broker.
        renewed: the next run follows at once.
    """
    timeout_s = RELOAD_S if renewed else STOP_S
    try:
        if patient and sink.wait_link("online", timeout_s=LINK_S):
            sink.wait_drained(timeout_s=DRAIN_S)
    finally:
        beside = threading.Thread(target=_stop, args=(ways, timeout_s), name="parting", daemon=True)
        beside.start()
        if not sink.stop(timeout_s=timeout_s, drain=not renewed) and not renewed:
            _log.warning("alerts that wait for the broker; the next start delivers them: %d", outbox.waiting())
        beside.join()


def _stop(ways: WaysOut, timeout_s: float) -> None:
    try:
        ways.stop(timeout_s=timeout_s)
    except Exception:  # a sink of a user's own
        _log.exception("a sink could not be closed")
