"""What lint must know of a board: which runtimes graphs are promised for, and whether it has an Edge TPU.

In: a profile. Out: a ``Board``. Not here: the rules.
"""

from __future__ import annotations

from typing import NamedTuple

from edge_mm.models.profile import Profile, load_profile


class Board(NamedTuple):
    """A board as far as its graphs are concerned."""

    name: str
    """Of the profile."""
    runtimes: tuple[str, ...]
    """Python packages in which each graph must run."""
    edgetpu: bool
    """Graphs are compiled for an Edge TPU."""


def board_of(profile: Profile) -> Board:
    """The board that a profile describes; a GPU is not judged: graphs run on the CPU there."""
    return Board(profile.name, profile.runtimes, profile.delegate == "edgetpu")


def find_board(name: str) -> Board:
    """The board of a shipped profile, or of a ``.toml``.

    Raises:
        ConfigError: there is no such profile, or the file is wrong.
    """
    return board_of(load_profile(name))
