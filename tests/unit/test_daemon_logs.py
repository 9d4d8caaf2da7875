"""Log lines as a time line in seconds: what repeats, and floods."""

import logging

from edge_mm.daemon.logs import MOST, NEWS, Once


class Journal:
    """Records that pass the filter, with a clock of our own."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._once = Once(clock_s=lambda: self.now_s)

    def write(self, text: str, **extra: bool) -> str:
        """What is written of a line; empty when it is held back."""
        record = logging.LogRecord("x", logging.INFO, "", 0, text, None, None)
        record.__dict__.update(extra)
        return record.getMessage() if self._once.filter(record) else ""


def test_a_flood_of_different_lines_is_cut_off_and_counted_and_the_next_minute_is_free_again():
    journal = Journal()
    written = [journal.write(f"sample {i} refused") for i in range(1000)]
    assert sum(map(bool, written)) == MOST
    journal.now_s = 61.0
    assert journal.write("what matters") == f"what matters (before it, {1000 - MOST} other lines were held back)"
    assert journal.write("and this") == "and this"


def test_a_line_that_repeats_is_written_once_a_minute_with_its_count():
    journal = Journal()
    assert journal.write("again") == "again"
    assert [journal.write("again") for _ in range(5)] == [""] * 5
    journal.now_s = 61.0
    assert journal.write("again") == "again (and 5 times more since)"


def test_a_change_is_no_repeat_although_the_line_is_the_same():
    journal = Journal()
    assert [journal.write("cam: lost", **NEWS), journal.write("cam: lost", **NEWS)] == ["cam: lost"] * 2
    assert sum(bool(journal.write(f"{i}", **NEWS)) for i in range(1000)) == MOST - 2
