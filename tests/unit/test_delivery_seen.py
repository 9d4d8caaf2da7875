"""What a receiver has had is known for as long as a device may send it again."""

import random

from delivery_samples import alert
from hypothesis import given
from hypothesis import strategies as st

from edge_mm.delivery.outbox import MAX_RECORDS, Outbox
from edge_mm.delivery.seen import PAGE, PAGES, Seen


def name(device, seq):
    return f"{device} {seq}"


def test_all_that_an_outbox_can_hold_is_known_when_it_comes_again_in_any_order():
    seen, numbers = Seen(), list(range(1, MAX_RECORDS + 1))
    assert all(seen.add("edge_mm/d", seq, name("d", seq)) for seq in numbers)
    random.Random(1).shuffle(numbers)
    assert not any(seen.add("edge_mm/d", seq, name("d", seq)) for seq in numbers)


def test_two_devices_and_an_outbox_that_was_begun_anew_are_told_apart():
    seen = Seen()
    assert seen.add("edge_mm/a", 7, "x")
    assert seen.add("edge_mm/b", 7, "x")
    assert seen.add("edge_mm/a", 7, "y"), "the same number under another id is another event"
    assert not seen.add("edge_mm/a", 7, "y")


def test_what_was_not_dealt_with_is_new_again_and_nothing_else():
    seen = Seen()
    for seq in (1, 2):
        seen.add("edge_mm/a", seq, name("a", seq))
    seen.forget("edge_mm/a", 1, name("a", 1))
    seen.forget("edge_mm/a", 2, "another")
    seen.forget("edge_mm/nobody", 2, name("a", 2))
    assert [seen.add("edge_mm/a", seq, name("a", seq)) for seq in (1, 2)] == [True, False]


def test_numbers_that_somebody_makes_up_do_not_fill_the_memory():
    seen = Seen(pages=4)
    for number in range(100):
        assert seen.add("edge_mm/x", number * PAGE, "made up")
    assert len(seen._pages) == 4
    assert PAGES * PAGE * 8 == 16 * 2**20


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(-(2**63), 2**63 - 1) | st.integers(1, 50))))
def test_each_is_new_once(events):
    seen, had = Seen(), set()
    for device, seq in events:
        assert seen.add(device, seq, name(device, seq)) is ((device, seq) not in had)
        had.add((device, seq))


def test_ids_of_an_outbox_are_told_apart_by_their_marks(tmp_path):
    with Outbox(tmp_path / "o.sqlite", device="d") as outbox:
        records = outbox.commit([alert(n, incident=n) for n in range(1, 501)])
    seen = Seen()
    assert all(seen.add("edge_mm/d", 1, record.id) for record in records)
