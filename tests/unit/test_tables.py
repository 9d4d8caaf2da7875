"""Any TOML text gives a table or a ConfigError; what is read is shallow and small enough to walk and to print."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_mm.daemon.config import load_config
from edge_mm.errors import ConfigError
from edge_mm.models.profile import Profile
from edge_mm.models.tables import decode, read_toml


def written(folder: Path, text: str) -> Path:
    path = folder / "some.toml"
    path.write_text(text, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a = " + "[" * 5000, "nested"),
        ("a = " + "{a = " * 3000 + "1" + "}" * 3000, "nested"),
        (".".join("a" * 3000) + " = 1", "nested"),
        ("a = " + "[" * 40 + "]" * 40, "nested"),
        ("[" + ".".join("a" * 40) + "]", "nested"),
        ("version = " + "1" * 5000, "4300 digits"),
        ("version = 0x" + "f" * 5000, "64 bits"),
        ("a = [1, {b = 9223372036854775808}]", "64 bits"),
        ("a = -9223372036854775809", "64 bits"),
        ("a = 1979-13-45", "not valid TOML"),
        ("# " + "x" * 2**20, "larger than 1024 KiB"),
    ],
    ids=[
        "lists",
        "tables",
        "dotted key",
        "40 lists",
        "40 tables",
        "digits",
        "hex",
        "65 bits",
        "-65 bits",
        "date",
        "large",
    ],
)
def test_text_that_is_no_configuration_is_a_config_error_that_names_the_file(tmp_path, text, why):
    path = written(tmp_path, text)
    for read in (read_toml, load_config):
        with pytest.raises(ConfigError, match=why) as error:
            read(path)
        assert str(error.value).startswith(str(path))
        assert len(str(error.value)) < 500


def test_the_largest_whole_numbers_of_toml_are_read(tmp_path):
    table = read_toml(written(tmp_path, "a = 9223372036854775807\nb = [-9223372036854775808]\n"))
    assert table == {"a": 2**63 - 1, "b": [-(2**63)]}


def tried(text: str) -> None:
    """Read the text, and make a profile of it: a value or a ConfigError."""
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), text)
        try:
            table = read_toml(path)
            assert isinstance(table, dict)
            decode(table, Profile, file=str(path))
        except ConfigError as error:
            assert error.problems
            assert all(str(path) in problem for problem in error.problems)


@settings(deadline=None, max_examples=300)
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=60))
def test_any_text_gives_a_table_or_a_config_error(text):
    tried(text)


KEYS = st.sampled_from(["name", "cores", "camera", "camera.width", "model", "memory_mib", "a", '"b c"', "a.b.c"])
VALUES = st.one_of(
    st.sampled_from(["nan", "-inf", "1e999", "true", "1979-05-27", "07:32:00", "0x" + "f" * 5000, "1" * 5000, "''"]),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.text("ab\\\"'\n", max_size=5).map(lambda text: f'"{text}"'),
    st.tuples(st.integers(1, 3000), st.sampled_from(["[]", "{a=}"])).map(
        lambda nest: nest[1][:-1] * nest[0] + "1" + nest[1][-1] * nest[0]
    ),
)
LINES = st.one_of(
    st.tuples(KEYS, VALUES).map(" = ".join),
    KEYS.map(lambda key: f"[{key}]"),
    KEYS.map(lambda key: f"[[{key}]]"),
    st.text("[]{}=.,'\"#\\a1 ", max_size=20),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(LINES, max_size=6).map("\n".join))
def test_any_lines_of_toml_give_a_table_or_a_config_error(text):
    tried(text)
