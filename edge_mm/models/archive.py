"""Read a ZIP that anyone may have made, and an ``.npz`` of arrays in one: nothing is inflated, every size is bounded.

In: bytes. Out: member -> bytes, or name -> array; otherwise a ValueError that says what is wrong. An archive is read
only as ``converters.package`` writes it: members are *stored*, and an array is plain numbers. Not here: digests, and
what the members mean (``models.bundle``).
"""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

MAX_ARRAYS = 1024
_ENTRY = b"PK\x01\x02"
"""Each entry of an archive's directory begins so."""
_MAX_ENTRIES = 4096
"""Entries in an archive and in the archives inside it; ``zipfile`` makes an object of some 600 bytes of each."""
_NPY = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '([<|](?:b1|[iu][1248]|f[248]))', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,9}, ?)*(?:\d{1,9})?)\), \} *\n"
)
"""Of NumPy's format 1.0, as every NumPy writes it for numbers. NumPy's own reader evaluates the header as Python text
and allocates what it asks for."""


def stored_members(content: bytes, *, max_members: int, max_bytes: int) -> dict[str, bytes]:
    """The members of a ZIP.

    Args:
        content: the whole archive.
        max_members: how many it may have.
        max_bytes: how large they may be together.

    Raises:
        ValueError: it is no whole ZIP, or has more members, larger or other ones than are allowed.
    """
    if content.count(_ENTRY) > _MAX_ENTRIES:
        raise ValueError(f"thousands of members, more than {max_members}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
            _check(infos, max_members, max_bytes)
            return {info.filename: archive.read(info) for info in infos}
    except EOFError as error:
        raise ValueError("it ends in the middle of a member") from error
    except (zipfile.BadZipFile, RuntimeError) as error:  # RuntimeError: encrypted, or another kind of ZIP
        raise ValueError(str(error)) from error


def _check(infos: list[zipfile.ZipInfo], max_members: int, max_bytes: int) -> None:
    if len(infos) > max_members:
        raise ValueError(f"{len(infos)} members, more than {max_members}")
    if sum(info.file_size for info in infos) > max_bytes:
        raise ValueError(f"the members together are more than {max_bytes // 2**20} MiB")
    seen = set()
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"member {info.filename!r} is compressed; members must be stored")
        if info.filename in seen:
            raise ValueError(f"member {info.filename!r} is there twice")
        seen.add(info.filename)


def arrays(content: bytes, *, max_bytes: int) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an ``.npz``: booleans, whole numbers and floats.

    Raises:
        ValueError: something in it is not such an array; objects, text and records are refused.
    """
    found = {}
    for member, raw in stored_members(content, max_members=MAX_ARRAYS, max_bytes=max_bytes).items():
        if not member.endswith(".npy"):
            raise ValueError(f"member {member!r} is not an array")
        found[member.removesuffix(".npy")] = _array(member, raw)
    return found


def _array(member: str, raw: bytes) -> npt.NDArray[Any]:
    start = len(_NPY) + 2
    if len(raw) < start or not raw.startswith(_NPY):
        raise ValueError(f"member {member!r} is not an array of NumPy's format 1.0")
    end = start + struct.unpack_from("<H", raw, len(_NPY))[0]
    header = _HEADER.fullmatch(raw[start:end])
    if header is None:
        raise ValueError(f"member {member!r} is not a plain array of numbers")
    kind, by_column, sizes = header.groups()
    dtype = np.dtype(kind.decode())
    shape = tuple(int(size) for size in sizes.split(b",") if size.strip())
    if math.prod(shape) * dtype.itemsize != len(raw) - end:
        raise ValueError(f"member {member!r} has {len(raw) - end} bytes, which is not the size of {dtype} {shape}")
    order: Any = "F" if by_column == b"True" else "C"
    return np.ndarray(shape, dtype, buffer=raw, offset=end, order=order).copy(order=order)
