"""Files: read with an error that names them, written whole or not at all.

In: paths that somebody asked for, later the bytes for them. Out: the files. Not here: what is in them, but for whether
it is a graph.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from converters.graphs.reader import read_graph
from edge_mm.errors import ConvertError

_ZIP = b"PK\x03\x04"
_SAVED_WHEN, _CONFIG = "metadata.json", "config.json"
_SHARED = re.compile(rb'("shared_object_id": )(\d+)')
"""Keras writes the address of a layer or regularizer that is used in several places."""


def read_file(path: Path) -> bytes:
    """The bytes of a file; what cannot be read is a sentence."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConvertError(f"{path}: {error.strerror}") from error


def graph_file(path: Path) -> bytes:
    """The bytes of a ``.tflite``.

    Raises:
        ConvertError: it cannot be read, or is no graph.
    """
    content = read_file(path)
    if content.startswith(_ZIP):
        raise ConvertError(f"{path}: not a .tflite but a .keras model or a bundle: quantize it, or unpack its graphs")
    try:
        read_graph(content)
    except ConvertError as error:
        raise ConvertError(f"{path}: {error}") from None
    return content


def file_digest(path: Path) -> str:
    """SHA-256 of a file, or of the files of a folder with their names. Of a ``.keras`` that of its members but for what
    says when it was saved and where its objects lay in memory: the same model trained twice has the same digest.

    Raises:
        ConvertError: one cannot be read.
    """
    if not path.is_dir():
        content = read_file(path)
        return (_keras_digest(content) if path.suffix == ".keras" else "") or hashlib.sha256(content).hexdigest()
    hasher = hashlib.sha256()
    for one in sorted(path.rglob("*")):
        if one.is_file():
            hasher.update(f"{one.relative_to(path)} {file_digest(one)}\n".encode())
    return hasher.hexdigest()


def _keras_digest(content: bytes) -> str:
    """Empty where it is no whole archive: that is for those to say who read the model."""
    hasher = hashlib.sha256()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in sorted(archive.namelist()):
                if name != _SAVED_WHEN:
                    member = _SHARED.sub(_by_order({}), archive.read(name)) if name == _CONFIG else archive.read(name)
                    hasher.update(f"{name} {hashlib.sha256(member).hexdigest()}\n".encode())
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError):
        return ""
    return hasher.hexdigest()


def _by_order(seen: dict[bytes, int]) -> Callable[[re.Match[bytes]], bytes]:
    """Numbers objects as they come."""
    return lambda found: b"%b%d" % (found[1], seen.setdefault(found[2], len(seen)))


def check_outputs(outputs: Mapping[str, Path], inputs: Sequence[Path], *, ending: str = ".tflite") -> None:
    """Whether files can be written there; to be asked before hours of work.

    Args:
        outputs: option (``--out``) -> path.
        inputs: what must not be overwritten.
        ending: that each must have; empty for any.

    Raises:
        ConvertError: a path is a folder, an input or another output, or its folder is missing or cannot be written to.
    """
    taken = list(inputs)
    for option, path in outputs.items():
        where = f"{option} {path}"
        if ending and path.suffix != ending:
            raise ConvertError(f"{where}: must end in {ending}")
        if not path.parent.is_dir():
            raise ConvertError(f"{where}: there is no folder {path.parent}")
        for file in (path, record_path(path)):
            if file.is_dir():
                raise ConvertError(f"{where}: {file} is a folder")
        if any(_same(path, other) for other in taken):
            raise ConvertError(f"{where}: would overwrite what it is made from or another output: take another name")
        taken.append(path)
        try:
            with tempfile.TemporaryFile(dir=path.parent):
                pass
        except OSError as error:
            raise ConvertError(f"{where}: {path.parent} cannot be written to: {error.strerror}") from error


def record_path(path: Path) -> Path:
    """Where the record of how a graph was made lies: ``eye.tflite.json`` beside ``eye.tflite``."""
    return path.with_name(f"{path.name}.json")


def write_files(files: Mapping[Path, bytes]) -> None:
    """Write all of them, then give them their names, the last one last: who stops between leaves what was there.

    Raises:
        ConvertError: one cannot be written.
    """
    parts = {path: path.with_name(f".{path.name}.{os.getpid()}.part") for path in files}
    try:
        for path, content in files.items():
            parts[path].write_bytes(content)
        for path, part in parts.items():
            part.replace(path)
    except OSError as error:
        raise ConvertError(f"{error.filename or next(iter(files))}: cannot be written: {error.strerror}") from error
    finally:
        for part in parts.values():
            with suppress(OSError):  # a folder that cannot be written to says so above
                part.unlink()


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()
