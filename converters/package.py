"""Pack graphs, parameters and documents into one ``NAME-VERSION.edgemm``.

In: manifest fields, graphs, golden sample, report, recipe. Out: a ZIP with stored members in a fixed order and with
fixed dates, so that the same input gives the same bytes. Not here: what the graphs are.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edge_mm.errors import BundleError
from edge_mm.models.bundle import MAX_BYTES, Bundle, Manifest, read_bundle

_EPOCH = (1980, 1, 1, 0, 0, 0)


def packed(manifest: Manifest, members: Mapping[str, bytes]) -> bytes:
    """The bytes of a bundle.

    Args:
        manifest: with an empty ``files``; the digests are filled in here.
        members: member name -> bytes, all but ``manifest.json``.
    """
    files = {name: hashlib.sha256(members[name]).hexdigest() for name in sorted(members)}
    whole = msgspec.structs.replace(manifest, files=files)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        head = msgspec.json.format(msgspec.json.encode(whole, order="deterministic"), indent=1)
        archive.writestr(zipfile.ZipInfo("manifest.json", _EPOCH), head)
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), members[name])
    return buffer.getvalue()


def write_bundle(
    manifest: Manifest,
    members: Mapping[str, bytes],
    folder: Path,
    *,
    max_bytes: int = MAX_BYTES,
    check: Callable[[Bundle], None] | None = None,
) -> Path:
    """Write ``folder/NAME-VERSION.edgemm`` once it has been read back and found good.

    Args:
        manifest: see ``packed``, as ``members``.
        members: all but ``manifest.json``.
        folder: where to; made if absent.
        max_bytes: a larger bundle is refused.
        check: raises if it finds anything wrong with the bundle.

    Returns:
        The path of the bundle. What is refused is not written: a bundle that was there before stays.

    Raises:
        BundleError: too large, it does not read back, or it cannot be written; and whatever ``check`` raises.
    """
    path, content = folder / f"{manifest.name}-{manifest.version}.edgemm", packed(manifest, members)
    if len(content) > max_bytes:
        size, most = len(content) / 2**20, max_bytes / 2**20
        raise BundleError(f"{path}: {size:.2f} MiB, more than {most:.2f} MiB; make an encoder smaller")
    bundle = read_bundle(content, source=str(path))
    if check is not None:
        check(bundle)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".bundle-", dir=folder) as beside:
            whole_file = Path(beside) / path.name
            whole_file.write_bytes(content)
            whole_file.replace(path)
    except OSError as error:
        raise BundleError(f"{path}: cannot be written: {error.strerror}") from error
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
