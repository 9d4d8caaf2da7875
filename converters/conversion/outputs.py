"""Files that appear whole or not at all.

In: paths that somebody asked for, later the bytes for them. Out: the files. Not here: what is in them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_mm.errors import ConvertError


def check_outputs(outputs: Mapping[str, Path], inputs: Sequence[Path]) -> None:
    """Whether files can be written there; to be asked before hours of work.

    Args:
        outputs: option (``--out``) -> path.
        inputs: what must not be overwritten.

    Raises:
        ConvertError: a path is a folder, an input or another output, or its folder is missing or cannot be written to.
    """
    taken = list(inputs)
    for option, path in outputs.items():
        where = f"{option} {path}"
        if path.suffix != ".tflite":
            raise ConvertError(f"{where}: must end in .tflite")
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
            part.unlink(missing_ok=True)


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()
