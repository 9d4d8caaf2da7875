"""When a message is suspected of being too large, and for how long."""

from edge_mm.delivery.suspicion import HOLDS_S, LEAST_BYTES, Suspicion


def test_the_same_large_message_five_times_in_a_row_is_suspected_for_a_while(caplog):
    now_s = [0.0]
    suspicion = Suspicion(clock_s=lambda: now_s[0])
    for size in (9000, 9000, 9000, 9000, 0, 9000, 9000, 9000, 9000):
        suspicion.ended("b:1883", size)
    assert suspicion.packet_bytes is None  # it went through once
    suspicion.ended("b:1883", 9000)
    assert suspicion.packet_bytes == 8999
    assert "b:1883 hung up 5 times at a message of 9000 bytes" in caplog.text
    now_s[0] = HOLDS_S
    assert suspicion.packet_bytes is None


def test_small_messages_and_a_network_that_breaks_anywhere_are_never_suspected():
    suspicion = Suspicion()
    for size in [LEAST_BYTES - 1] * 20 + [5000, 6000] * 10 + [0] * 20:
        suspicion.ended("b", size)
    assert suspicion.packet_bytes is None
