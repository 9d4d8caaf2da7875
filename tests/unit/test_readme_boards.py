"""The README's table of boards is what the profiles say."""

from pathlib import Path

import pytest

from edge_mm.models.profile import known_profiles, load_profile
from firmware_profiles.render import BEGIN, END, replaced, section

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_shows_the_boards_as_the_profiles_have_them():
    text = README.read_text(encoding="utf-8")
    assert replaced(text) == text, "run: python -m firmware_profiles.render --write"


@pytest.mark.parametrize("name", known_profiles())
def test_every_board_is_a_row_that_says_how_it_runs_and_that_its_time_is_estimated(name):
    (row,) = (line for line in section().splitlines() if f"| `{name}` |" in line)
    profile = load_profile(name)
    assert profile.title in row
    assert f"| {profile.support} |" in row
    assert row.endswith(f"{profile.budget.latency} |")
    assert row.count("|") == 9


def test_the_rest_of_the_readme_is_left_alone():
    assert replaced(f"before\n{BEGIN}\nold\n{END}\nafter\n") == f"before\n{section()}\nafter\n"


def test_a_readme_without_the_markers_is_refused():
    with pytest.raises(ValueError, match="boards"):
        replaced("no markers here\n")
