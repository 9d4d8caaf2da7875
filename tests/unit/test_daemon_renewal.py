"""A new configuration while we watch: what comes next, and what becomes of a second request."""

import threading

import msgspec
import pytest

from edge_mm.daemon.config import Config
from edge_mm.daemon.renewal import Renewal, Wish
from edge_mm.errors import ConfigError

NOW = Config(version=1, device_id="d")


def until(renewal: Renewal[str], wanted) -> None:
    """Turn until it is so; what takes time happens in a thread of its own."""
    for _ in range(2000):
        renewal.turn()
        if wanted():
            return
        renewal.join(0.01)
    raise AssertionError("it never came")


def test_what_was_asked_for_again_while_it_was_prepared_is_prepared_again():
    files = iter(["first", "second"])
    discarded, refused = [], []
    renewal = Renewal(NOW, lambda: NOW, lambda _config: next(files), refused.append, discard=discarded.append)
    renewal.ask()
    until(renewal, lambda: renewal.next == "first")
    renewal.ask()
    until(renewal, lambda: renewal.next == "second")
    assert renewal.turn()
    assert discarded == ["first"]
    assert refused == ["", ""]


@pytest.mark.parametrize(
    ("changed", "why"), [({"device_id": "e"}, "device_id has changed"), ({"bundle": ""}, "no such bundle")]
)
def test_what_cannot_be_run_leaves_the_old_one_and_says_why(changed, why):
    def make(config: Config) -> str:
        if not config.bundle:
            raise ConfigError("no such bundle")
        return "next"

    refused: list[str] = []
    renewal = Renewal(NOW, lambda: msgspec.structs.replace(NOW, **changed), make, refused.append)
    renewal.ask()
    until(renewal, lambda: refused)
    assert why in refused[0]
    assert not renewal.turn()


def test_what_is_asked_for_while_the_next_one_takes_over_is_carried_over_to_it():
    wish, made = Wish(), iter(["first", "second"])
    before = Renewal(NOW, lambda: NOW, lambda _config: next(made), lambda _why: None, wish=wish)
    before.ask()
    until(before, lambda: before.next == "first")
    assert before.turn()
    before.ask()  # by what belongs to the run that ends: a baseline that is stored late
    after = Renewal(NOW, lambda: NOW, lambda _config: next(made), lambda _why: None, wish=wish)
    until(after, lambda: after.next == "second")
    assert after.turn()


def test_what_is_ready_and_what_becomes_ready_after_the_end_is_discarded():
    discarded: list[str] = []
    ready = Renewal(NOW, lambda: NOW, lambda _config: "ready", lambda _why: None, discard=discarded.append)
    ready.ask()
    until(ready, lambda: ready.next)
    ready.close()
    assert (ready.next, discarded) == (None, ["ready"])
    making, ended = threading.Event(), threading.Event()

    def late(_config: Config) -> str:
        making.set()
        assert ended.wait(20)
        return "late"

    slow = Renewal(NOW, lambda: NOW, late, lambda _why: None, discard=discarded.append)
    slow.ask()
    slow.turn()
    assert making.wait(20)
    slow.close()
    ended.set()
    slow.join(20)
    assert (slow.next, discarded) == (None, ["ready", "late"])
