"""The binary protocol: what is damaged is never a number, and what came whole is never lost."""

import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_packets import crc16, description, packet, samples

from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources.serial_binary import Packets
from edge_mm.sources.serial_channels import Channel, Tally
from edge_mm.sources.serial_lines import Lines
from edge_mm.sources.serial_packets import Framer
from edge_mm.sources.wanted import Wanted

ECG = ("ecg", 2, 250, 1.0, 0.0)
PER_PACKET = 10
STREAM = [
    samples([[(PER_PACKET * k + i, 2)] for i in range(PER_PACKET)], sequence=k, first=PER_PACKET * k) for k in range(40)
]


def reader(*wanted, channels=(ECG,)):
    """A reader that has heard the description."""
    streams = [Channel.of(one, "here") for one in wanted or [Wanted("e", "ecg")]]
    decoder = Packets(streams, where="here", tally=Tally("packets"))
    decoder.feed(description(channels, sequence=0xFFFF), 0.0)
    return decoder


def heard(decoder, data, now_s=0.0):
    decoder.feed(data, now_s)
    blocks = decoder.take()
    return blocks[0][1].tolist() if blocks else []


def test_the_check_sum_is_the_one_that_the_page_names():
    assert crc16(b"123456789") == 0x29B1  # CRC-16/CCITT-FALSE in every catalogue
    (whole,) = Framer().feed(packet(0x10, 7, b"123456789"))
    assert whole == (0x10, 7, b"123456789")


@pytest.mark.parametrize("size", [2, 3, 4])
def test_numbers_of_every_width_keep_sign_and_scale_and_the_most_negative_one_is_missing(size):
    top = 1 << 8 * size - 1
    decoder = reader(channels=[("ecg", size, 250, 0.5, 1.0)])
    counts = [0, 1, -1, 5, top - 1, -top + 1, -top]
    got = heard(decoder, samples([[(count, size)] for count in counts], sequence=0, first=0))
    assert got == pytest.approx([*(0.5 * count + 1.0 for count in counts[:-1]), np.nan], nan_ok=True, rel=1e-6)


def edited(data, how, chance):
    """A packet as it may arrive."""
    at, span = chance.randrange(len(data)), chance.randrange(1, 8)
    if how == "gone":
        return b""
    if how == "cut":
        return data[:at] + data[at + span :]
    if how == "flipped":
        damaged = bytearray(data)
        for _ in range(span):
            damaged[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        return bytes(damaged)
    if how == "garbage before":
        return chance.randbytes(40 * span) + data
    if how == "syncs before":
        return b"\xed\x4d\x11" * span + data
    return data


WHOLE = ("whole", "garbage before", "syncs before")


@settings(max_examples=300, deadline=None, derandomize=True)  # a chance of 1 in 65,536 per damage would fail some day
@given(
    st.lists(st.sampled_from([*WHOLE, "gone", "cut", "flipped"]), min_size=len(STREAM), max_size=len(STREAM)),
    st.randoms(use_true_random=False),
)
def test_damage_never_gives_a_wrong_value_and_costs_only_the_packets_it_hits(hows, chance):
    arrived = b"".join(edited(data, how, chance) for data, how in zip(STREAM, hows, strict=True)) + bytes(300)
    decoder, got, now_s = reader(), [], 0.0
    while arrived:
        length = chance.randrange(1, 400)
        got += heard(decoder, arrived[:length], now_s := now_s + 2.0)
        arrived = arrived[length:]
    values = np.array(got)
    first = next((k for k, how in enumerate(hows) if how in WHOLE), None)
    if first is None:
        return
    # NaN stands in the place of what was lost, so the k-th value is the k-th sample.
    start = round(float(values[0]))
    places = start + np.arange(len(values))
    there = ~np.isnan(values)
    assert (values[there] == places[there]).all()
    untouched = [k for k, how in enumerate(hows) if how in WHOLE]
    assert set(untouched) <= {int(place) // PER_PACKET for place in places[there]}
    assert start <= first * PER_PACKET


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=600), st.integers(0, 39))
def test_after_any_garbage_the_next_packet_is_read(garbage, k):
    decoder = reader()
    assert heard(decoder, garbage + STREAM[k] + bytes(300))[-PER_PACKET:] == [PER_PACKET * k + i for i in range(10)]


def test_random_packets_are_believed_as_seldom_as_sixteen_bits_promise():
    chance = random.Random(3)
    framer, believed = Framer(), 0
    for _ in range(600):
        believed += len(framer.feed(b"".join(b"\xed\x4d\x11\x08" + chance.randbytes(12) for _ in range(100))))
    assert framer.bad > 59_900
    assert believed <= 6  # 0.9 of 60,000 are to be expected


def test_a_gap_is_filled_so_far_as_time_has_passed_and_two_seconds_at_most():
    for away_s, lost, filled in (
        (0.4, 10, 10),
        (0.0, 60, 60),
        (0.0, 70, 0),
        (1.0, 300, 300),
        (60.0, 500, 500),
        (60.0, 510, 0),
    ):
        decoder = reader()
        heard(decoder, STREAM[0], 100.0)
        got = heard(decoder, samples([[(7, 2)]], sequence=2, first=PER_PACKET + lost), 100.0 + away_s)
        assert (len(got), got[-1]) == (filled + 1, 7.0)
        assert np.isnan(got[:-1]).all()


def test_lost_packets_and_unusable_ones_are_counted_and_a_restart_is_not():
    tally = Tally("packets")
    decoder = Packets([Channel.of(Wanted("e", "ecg"), "here")], where="here", tally=tally)
    decoder.feed(STREAM[3], 0.0)  # before the first description
    decoder.feed(description([ECG], sequence=4) + STREAM[5] + STREAM[9], 0.0)
    assert (tally.lost, tally.good, tally.unusable, tally.filled) == (3, 2, 0, 30)
    other = samples([[(1, 2)]], sequence=10, first=100, number=2)
    ragged = packet(0x11, 11, b"\x01\x01\x00\x64\x00\x01\x02\x03")
    no_channel = samples([[(1, 2)]], sequence=12, first=100, mask=2)
    no_frames = packet(0x11, 13, b"\x01\x01\x00\x64\x00")
    decoder.feed(other + ragged + no_channel + no_frames, 0.0)
    assert (tally.good, tally.unusable) == (2, 4)
    tally.note(0.0)
    decoder.feed(STREAM[0], 1.0)
    assert (tally.lost, tally.good) == (3, 3)
    decoder.feed(STREAM[1][:20] + STREAM[2], 1.0)
    assert (tally.bad, tally.lost, tally.good) == (1, 4, 4)
    decoder.feed(samples([[(1, 2)]], sequence=3, first=30), 1.0)
    decoder.feed(samples([[(1, 2)]], sequence=40_000, first=31) + STREAM[0], 1.0)
    assert tally.lost == 4  # so many at once are none: it started anew, and then again


def test_channels_of_different_rates_come_in_packets_of_their_own():
    channels = [ECG, ("eda", 4, 10, 1e-3, 0.0), ("ppg", 3, 250, 1.0, 0.0)]
    decoder = reader(Wanted("skin", "eda"), Wanted("heart", "ecg"), Wanted("again", "ecg"), channels=channels)
    both = samples([[(1, 2), (2, 3)], [(3, 2), (4, 3)]], sequence=0, first=0, mask=0b101)
    slow = samples([[(5000, 4)]], sequence=1, first=0, mask=0b010)
    decoder.feed(both + slow, 0.0)
    assert {channel.name: block.tolist() for channel, block in decoder.take()} == {
        "heart": [1, 3],
        "again": [1, 3],
        "skin": [5],
    }


def test_a_sensor_that_becomes_another_one_is_lost_and_not_misread():
    decoder = reader()
    decoder.feed(description([ECG], number=9), 0.0)
    assert heard(decoder, samples([[(1, 2)]], sequence=0, first=0, number=9)) == [1]
    with pytest.raises(SourceLost, match="in another way than before"):
        decoder.feed(description([("ecg", 2, 500, 1.0, 0.0)]), 0.0)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted("x", "eda"), r"channels are ecg, ppg, ppg: none of them may be 'x' \(eda\)"),
        (Wanted("x", "ppg"), "several of them may be 'x'"),
        (Wanted("x", "ppg", column=0), "channel 0 is ecg, not ppg"),
        (Wanted("x", "ppg", column=3), "there is no channel 3"),
    ],
)
def test_a_channel_that_is_not_meant_is_not_taken(wanted, said):
    with pytest.raises(SourceError, match=said):
        reader(wanted, channels=[ECG, ("ppg", 2, 250, 1.0, 0.0), ("ppg", 2, 250, 1.0, 0.0)])


@pytest.mark.parametrize(
    "channel",
    [
        ("ecg", 2, 0, 1.0, 0.0),
        ("ecg", 2, 2e5, 1.0, 0.0),
        ("speed", 2, 1, 1.0, 0.0),
        ("ecg", 2, 250, float("nan"), 0.0),
        ("ecg", 4, 250, 3e38, 0.0),
    ],
)
def test_a_description_that_cannot_be_is_not_believed(channel):
    tally = Tally("packets")
    decoder = Packets([Channel.of(Wanted("e", "ecg"), "here")], where="here", tally=tally)
    decoder.feed(description([channel]), 0.0)
    assert (tally.unusable, bool(decoder.missing)) == (1, True)


def test_packets_cost_a_fraction_of_what_lines_cost():
    channels = [ECG, ("ppg", 2, 250, 1.0, 0.0), ("eda", 2, 250, 1.0, 0.0)]
    wanted = [Wanted("a", "ecg", column=0), Wanted("b", "ppg", column=1), Wanted("c", "eda", column=2)]
    counts = np.random.default_rng(1).integers(-30_000, 30_000, (200, 25, 3)).tolist()
    packets = [
        samples([[(count, 2) for count in frame] for frame in block], sequence=k, first=25 * k, mask=7)
        for k, block in enumerate(counts)
    ]
    lines = ["".join(f"{a},{b},{c}\n" for a, b, c in block).encode() for block in counts]

    def seconds(make, blocks):
        best = float("inf")
        for _ in range(5):
            decoder = make()
            began = time.process_time()
            for block in blocks:
                decoder.feed(block, 0.0)
                assert len(decoder.take()) == 3
            best = min(best, time.process_time() - began)
        return best

    def line_reader():
        streams = [Channel.of(one, "here") for one in wanted]
        decoder = Lines(streams, where="here", tally=Tally("lines"), strict=True)
        decoder.feed(b"\n#edge-mm columns=ecg:mV,ppg,eda:uS rate_hz=250\n", 0.0)
        return decoder

    ratio = seconds(line_reader, lines) / seconds(lambda: reader(*wanted, channels=channels), packets)
    print(f"lines cost {ratio:.1f} times what packets cost")
    assert ratio > 1.0
