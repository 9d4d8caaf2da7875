"""The line protocol under damage: with a check sum, what was not sent is hardly ever read; what came whole is."""

import functools
import operator
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_mm.errors import SourceError
from edge_mm.sources.serial_channels import Channel, Tally
from edge_mm.sources.serial_lines import Lines
from edge_mm.sources.wanted import Wanted

HEADER = b"#edge-mm columns=ecg:mV,ppg rate_hz=250"
SENT = [(round(0.017 * k - 1.3, 3), 500 + k) for k in range(60)]


def summed(body):
    return body + b"*%02X\n" % functools.reduce(operator.xor, body)


LINES = [summed(f"{ecg},{ppg}".encode()) for ecg, ppg in SENT]


def reader(*, strict=True):
    """A reader that has heard the header, with its check sum where it is strict."""
    channels = [Channel.of(Wanted("e", "ecg"), "here"), Channel.of(Wanted("p", "ppg"), "here")]
    lines = Lines(channels, where="here", tally=Tally("lines"), strict=strict)
    lines.feed(b"\n" + (summed(HEADER) if strict else HEADER + b"\n"), 0.0)
    assert (lines.missing, lines.settled) == ("", True)
    return lines


def heard(lines, data):
    lines.feed(data, 0.0)
    blocks = {channel.name: block.tolist() for channel, block in lines.take()}
    return list(zip(blocks.get("e", []), blocks.get("p", []), strict=True))


def edited(line, how, chance):
    at, span = chance.randrange(len(line)), chance.randrange(1, 5)
    if how == "gone":
        return b""
    if how == "cut":
        return line[:at] + line[at + span :]
    if how == "flipped":
        return line[:at] + bytes([line[at] ^ 1 << chance.randrange(8)]) + line[at + 1 :]
    if how == "garbage before":
        return chance.randbytes(20 * span) + b"\n" + line
    if how == "zeros before":
        return bytes(span) + b"\n" + line
    return line


WHOLE = ("whole", "garbage before", "zeros before")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from([*WHOLE, "gone", "cut", "flipped"]), min_size=len(LINES), max_size=len(LINES)),
    st.randoms(use_true_random=False),
)
def test_whole_lines_are_read_and_a_flipped_bit_never_makes_a_value(hows, chance):
    arrived = b"".join(edited(line, how, chance) for line, how in zip(LINES, hows, strict=True))
    lines, got = reader(), []
    while arrived:
        length = chance.randrange(1, 60)
        got += heard(lines, arrived[:length])
        arrived = arrived[length:]
    sent = {(np.float32(ecg).item(), float(ppg)) for ecg, ppg in SENT}
    wrong = [pair for pair in got if pair not in sent]
    assert len(wrong) <= 1  # of cuts one in 256 passes an exclusive-or
    before = ["whole", *hows]
    # A line whose neighbour lost its end has lost its beginning.
    safe = [pair for pair, how, last in zip(SENT, hows, before, strict=False) if how in WHOLE and last in WHOLE]
    assert {ppg for _, ppg in safe} <= {ppg for _, ppg in got}


def test_one_flipped_bit_is_always_noticed():
    for line in LINES[:10]:
        for at in range(len(line) - 1):
            for bit in range(8):
                damaged = line[:at] + bytes([line[at] ^ 1 << bit]) + line[at + 1 :]
                pairs = heard(reader(), damaged)
                # Its letters may change their case: hex digits mean the same.
                assert pairs in ([], [(np.float32(float(line.split(b",")[0])).item(), float(line[:-4].split(b",")[1]))])


def test_of_lines_that_lost_bytes_so_few_pass_as_the_page_says():
    chance, wrong, tries = random.Random(2), 0, 6000
    sent = {(np.float32(ecg).item(), float(ppg)) for ecg, ppg in SENT}
    lines = reader()
    for _ in range(tries):
        one, other = chance.choice(LINES), chance.choice(LINES)
        wrong += sum(pair not in sent for pair in heard(lines, edited(one, "cut", chance) + other))
    print(f"{wrong} of {tries} cut lines were read")
    assert tries / 256 < wrong < tries / 70  # two equal digits that are lost leave an exclusive-or as it was


def test_without_a_check_sum_a_lost_line_end_makes_another_number_as_the_page_says():
    lines = reader(strict=False)
    assert heard(lines, b"1,0.12" + b"34\n") == [(1.0, np.float32(0.1234).item())]


def test_a_value_that_overflows_in_its_unit_is_no_sample():
    channel = Channel.of(Wanted("e", "ecg", column=0, rate_hz=250, unit="V"), "here")
    lines = Lines([channel], where="here", tally=(tally := Tally("lines")), strict=True)
    lines.feed(b"\n1e36\n2\n", 0.0)
    ((_, block),) = lines.take()
    assert (block.tolist(), tally.bad, tally.good) == ([2000.0], 1, 1)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_numbers_or_nothing(data):
    lines = reader()
    try:
        pairs = heard(lines, data + b"\n")
    except SourceError as error:
        assert str(error).startswith("here: ")
    else:
        assert not np.isinf(np.array(pairs)).any()


def test_the_trouble_of_long_ago_is_forgotten():
    tally = Tally("lines")
    tally.note(0.0)
    tally.bad, tally.good = 50, 50
    tally.note(1.0)
    assert tally.trouble.startswith("50% of the lines of the last 10 s")
    tally.good += 10
    tally.note(12.0)
    assert tally.trouble == ""
    tally.bad += 4
    tally.note(12.5)
    assert tally.trouble.startswith("29%")

    tally.begin()
    assert tally.trouble == ""


@pytest.mark.parametrize(("seconds", "times"), [(0.5, 1), (1.0, 2), (3.2, 4)])
def test_a_reading_that_stays_the_same_is_said_once_a_second(seconds, times):
    channel = Channel.of(Wanted("s", "speed", column=0), "here")
    lines = Lines([channel], where="here", tally=Tally("lines"), strict=True)
    lines.feed(b"\n", 0.0)
    said = []
    for tenth in range(round(seconds * 10) + 1):
        lines.feed(b"50\n50\n", 7.0 + tenth / 10)
        said += [block.tolist() for _, block in lines.take()]
    assert said == [[50.0]] * times
