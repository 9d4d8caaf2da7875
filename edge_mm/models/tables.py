"""Read a TOML file into frozen Structs and say everything that is wrong with it, not only the first thing.

In: the path of a TOML file and a ``msgspec.Struct`` class. Out: the Struct, or a ``ConfigError`` whose ``problems``
each name file, key and what is allowed. Not here: what the keys mean (``models.profile``, ``daemon.config``).
"""

from __future__ import annotations

import difflib
import tomllib
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from edge_mm.errors import ConfigError, UsageError

T = TypeVar("T", bound=msgspec.Struct)
MAX_BYTES = 1024 * 1024
"""A configuration larger than this is a mistake."""
MAX_DEPTH = 16
"""Tables and lists inside each other; no configuration has more than three. Who walks a table may recurse."""
_NESTED = f"nested more than {MAX_DEPTH} deep; this is not a configuration"
_WHOLE = range(-(2**63), 2**63)
"""Whole numbers of TOML 1.0; Python refuses to print much longer ones."""


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file.

    Raises:
        UsageError: there is no such file.
        ConfigError: it cannot be read, is not TOML (the text names the line), is nested too deep, or has a whole number
            of more than 64 bits.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_BYTES // 1024} KiB; this is not a configuration")
        table = tomllib.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; 'edge-mm init' writes one to start from") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    except RecursionError:
        raise ConfigError(f"{path}: {_NESTED}") from None
    except ValueError as error:  # int() has a limit of digits
        raise ConfigError(f"{path}: not valid TOML: {str(error).partition(';')[0]}") from error
    problem = _unfit(table)
    if problem:
        raise ConfigError(f"{path}: {problem}")
    return table


def _unfit(table: dict[str, Any]) -> str:
    """What makes a table unfit to be walked or printed, or nothing."""
    level: list[Any] = [table]
    for _ in range(MAX_DEPTH + 1):
        if any(isinstance(value, int) and value not in _WHOLE for value in level):
            return "a whole number of more than 64 bits"
        inner = [
            value.values() if isinstance(value, dict) else value for value in level if isinstance(value, dict | list)
        ]
        level = [value for values in inner for value in values]
    return _NESTED if level else ""


def decode(raw: Mapping[str, Any], cls: type[T], *, file: str) -> T:
    """Make a Struct of a parsed table.

    Args:
        raw: what ``read_toml`` gave.
        cls: the Struct to make; keys that it does not have are refused.
        file: name of the file, for the messages.

    Raises:
        ConfigError: with every problem that was found.
    """
    problems: list[str] = []
    value = _struct(raw, cls, "", lambda key, text: problems.append(f"{file}: {key}: {text}" if key else text))
    if problems or value is None:
        raise ConfigError(*problems)
    return value


Say = Callable[[str, str], None]


def _struct(raw: Any, cls: type[T], where: str, say: Say) -> T | None:
    if not isinstance(raw, Mapping):
        say(where, f"must be a table, not {_kind(raw)}")
        return None
    fields = {field.encode_name: field for field in msgspec.structs.fields(cls)}
    wrong = False
    for key in raw:
        if key not in fields:
            wrong = True
            say(_join(where, key), f"unknown key{_guess(key, fields)}; allowed: {', '.join(fields)}")
    values: dict[str, Any] = {}
    for key, field in fields.items():
        if key in raw:
            ok, value = _value(raw[key], field.type, _join(where, key), say)
            wrong |= not ok
            values[field.name] = value
        elif field.required:
            wrong = True
            say(_join(where, key), f"missing; it must be {_allowed(field.type)}")
    if wrong:
        return None
    try:
        return cls(**values)
    except (ConfigError, ValueError) as error:  # a Struct's own check of what fits together
        say(where, str(error).removeprefix(f"{where}: "))
        return None


def _value(raw: Any, kind: Any, where: str, say: Say) -> tuple[bool, Any]:
    for option in _options(kind):
        if isinstance(option, type) and issubclass(option, msgspec.Struct):
            value = _struct(raw, option, where, say)
            return value is not None, value
        if get_origin(option) is tuple and _is_struct(get_args(option)[0]):
            return _rows(raw, get_args(option)[0], where, say)
    try:
        return True, msgspec.convert(raw, kind)
    except (msgspec.ValidationError, ValueError):
        # Where a table belongs, a text may hold what its values would: headers, options of a plug-in.
        shown = "the value" if "password" in where else _kind(raw) if get_origin(kind) is dict else _shown(raw)
        say(where, f"{shown} is wrong: it must be {_allowed(kind)}")
        return False, None


def _rows(raw: Any, cls: type[T], where: str, say: Say) -> tuple[bool, tuple[T | None, ...]]:
    if not isinstance(raw, list):
        say(where, f"write it as [[{where}]], one table for each")
        return False, ()
    rows = tuple(_struct(row, cls, f"{where}[{i}]", say) for i, row in enumerate(raw))
    return None not in rows, rows


def _options(kind: Any) -> Iterator[Any]:
    if get_origin(kind) in (Union, types.UnionType):
        yield from get_args(kind)
    else:
        yield kind


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _guess(key: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _kind(raw: Any) -> str:
    names = {dict: "a table", list: "a list", str: "text", bool: "true/false", int: "a number", float: "a number"}
    return names.get(type(raw), type(raw).__name__)


def _shown(raw: Any) -> str:
    return f"{raw!r:.60}" if isinstance(raw, str | int | float | bool) else _kind(raw)


_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false", type(None): ""}


def _allowed(kind: Any) -> str:
    """The allowed values in words."""
    origin = get_origin(kind)
    if origin is Literal:
        return "one of " + ", ".join(repr(value) for value in get_args(kind))
    if origin in (Union, types.UnionType):
        return " or ".join(filter(None, (_allowed(option) for option in get_args(kind))))
    if hasattr(kind, "__metadata__"):
        return _allowed(get_args(kind)[0]) + "".join(_bounds(meta) for meta in kind.__metadata__)
    if origin is tuple:
        return "a list of " + _allowed(get_args(kind)[0])
    if origin is dict:
        value = get_args(kind)[1]
        return "a table" if value is Any else f"a table of {_allowed(value)}"
    return _NAMES.get(kind, getattr(kind, "__name__", str(kind)))


def _bounds(meta: Any) -> str:
    if not isinstance(meta, msgspec.Meta):
        return ""
    if meta.description:
        return f": {meta.description}"
    if meta.gt is not None:
        return f" above {meta.gt:g}"
    if meta.ge is not None and meta.le is not None:
        return f" from {meta.ge} to {meta.le}"
    return ""
