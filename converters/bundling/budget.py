"""What the graphs of a bundle cost together, against what a board can take.

In: graphs as bytes, the name of a profile. Out: costs; sentences that say by how much a budget is passed. Not here:
where a board's figures come from (``firmware_profiles``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from converters.graphs.cost import arena_bytes, macs
from converters.graphs.reader import read_graph
from edge_mm.models.profile import load_profile


class Cost(NamedTuple):
    """Of one graph, or of several together."""

    bytes: int
    macs: int
    """Multiply-accumulates of one invoke."""
    arena_bytes: int
    """Planned activation arena."""


def cost(content: bytes) -> Cost:
    """What one graph costs."""
    graph = read_graph(content)
    return Cost(len(content), macs(graph), arena_bytes(graph))


def total(costs: Mapping[str, Cost]) -> Cost:
    """What graphs cost together: one invoke of each, all of them loaded."""
    return Cost(*(sum(one[i] for one in costs.values()) for i in range(3)))


def over_budget(board: str, graphs: Mapping[str, bytes], *, bundle_bytes: int) -> list[str]:
    """By how much a bundle passes a board's budget, a sentence each; empty when it fits.

    Args:
        board: name of a profile or a ``.toml``.
        graphs: name -> bytes.
        bundle_bytes: of the whole file.

    Raises:
        ConfigError: no such profile.
    """
    both = total({name: cost(content) for name, content in graphs.items()})
    return load_profile(board).over_budget(bundle_bytes=bundle_bytes, macs=both.macs, arena_bytes=both.arena_bytes)
