"""Whether a broker lets us in.

In: settings. Out: nothing, or one sentence that says what is wrong. Not here: whether it takes messages (``echo``).
"""

from __future__ import annotations

import time

from edge_mm.delivery.connection import Connection
from edge_mm.delivery.settings import MqttSettings


def check_broker(settings: MqttSettings, *, timeout_s: float = 5.0) -> None:
    """Whether the broker lets us in, tried once with a session that leaves nothing behind.

    What we may publish there is not tried: that takes a message (``echo``).

    Raises:
        DeliveryError: one sentence: refused, wrong password, TLS, name, time-out.
    """
    probe = Connection(settings, client_id=f"edge_mm-check-{time.monotonic_ns():x}", clean_session=True)
    try:
        probe.open(timeout_s)
    finally:
        probe.close()
