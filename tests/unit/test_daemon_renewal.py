"""A new configuration while we watch: what comes next, and what becomes of a second request."""

import msgspec
import pytest

from edge_mm.daemon.config import Config
from edge_mm.daemon.renewal import Renewal
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
