"""Pack graphs, parameters and documents into one ``NAME-VERSION.edgemm``.

In: manifest fields, graphs, golden sample, report, recipe. Out: a ZIP with stored members in a fixed order and with
fixed dates, so that the same input gives the same bytes. Not here: what the graphs are.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edge_mm.models.bundle import Manifest, read_bundle

_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_bundle(manifest: Manifest, members: Mapping[str, bytes], folder: Path) -> Path:
    """Write ``folder/NAME-VERSION.edgemm`` and read it back.

    Args:
        manifest: with an empty ``files``; the digests are filled in here.
        members: member name -> bytes, all but ``manifest.json``.
        folder: where to.

    Returns:
        The path of the bundle.

    Raises:
        BundleError: what was written does not read back.
    """
    files = {name: hashlib.sha256(members[name]).hexdigest() for name in sorted(members)}
    whole = msgspec.structs.replace(manifest, files=files)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        head = msgspec.json.format(msgspec.json.encode(whole, order="deterministic"), indent=1)
        archive.writestr(zipfile.ZipInfo("manifest.json", _EPOCH), head)
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), members[name])
    path = folder / f"{manifest.name}-{manifest.version}.edgemm"
    read_bundle(buffer.getvalue(), source=str(path))
    path.write_bytes(buffer.getvalue())
    return path


def npz(arrays: Mapping[str, npt.NDArray[np.generic]]) -> bytes:
    """Arrays as the bytes of an uncompressed ``.npz`` with fixed dates, so that equal arrays give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            one = io.BytesIO()
            np.lib.format.write_array(one, np.asarray(arrays[name]), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), one.getvalue())
    return buffer.getvalue()
