"""Read a bundle (``NAME-VERSION.edgemm``): the one contract between ``converters`` and the device.

In: a ZIP with *stored* members. Out: a checked, immutable ``Bundle``: manifest, graphs as bytes, arrays, golden sample.
Nothing in a bundle can run code: no pickle, no path is followed, sizes are bounded (``models.archive``), every member's
SHA-256 is in the manifest and checked before the member is parsed. Not here: running a graph (``perception.litert``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Protocol

import msgspec
import numpy.typing as npt
from msgspec import Meta

from edge_mm.errors import BundleError
from edge_mm.models.archive import arrays, stored_members
from edge_mm.models.shipped import newest

SCHEMA = 1
MAX_BYTES = 64 * 1024 * 1024
"""A bundle larger than this is refused before it is read; the reference bundles are under 2 MB."""
MAX_MEMBERS = 64
MAX_MANIFEST_BYTES = 1024 * 1024
"""The manifest is parsed before its bundle is known to be whole; that of the reference bundle has 13 KB."""

Tap = Callable[[str, Mapping[str, npt.NDArray[Any]], Mapping[str, npt.NDArray[Any]]], None]
"""Is told the name of each graph that runs, what it was given and what it answered."""


class Host(Protocol):
    """What runs graphs elsewhere."""

    def graph(self, name: str, content: bytes, *, stateful: bool) -> Any:
        """A graph that is called as ``perception.litert.Graph`` is."""
        ...

    def settle(self) -> None:
        """Wait until graphs that do not answer do so again, or it is known that they will not."""
        ...


Stretch = Annotated[float, Meta(ge=0.01, le=600)]
"""Seconds: from faster than any sensor's frame to ten minutes."""
Share = Annotated[float, Meta(ge=0, le=1)]
Word = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,64}\Z")]
"""Passes in a file name, a topic and a graph's signature."""


class GraphSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ``.tflite`` member."""

    file: str
    """Member name, for example ``encoders/eye.tflite``."""
    stateful: bool = False
    """True for fused LSTM graphs: variable tensors are reset before every invoke."""
    recipe: str = ""
    """Name of the recipe that made it."""
    macs: int = 0
    """Multiply-accumulates of one invoke; 0 where nobody counted them."""
    arena_bytes: int = 0
    """Planned activation arena; 0 where nobody computed it."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``manifest.json``."""

    schema: int
    """Schema of this file; this code reads ``SCHEMA``."""
    name: Word
    """For example ``driver``."""
    version: Annotated[str, Meta(pattern=r"^[0-9A-Za-z.+-]{1,64}\Z")]
    """Semantic version."""
    window_s: Stretch
    """Length of a fusion window, seconds."""
    hop_s: Stretch
    """Seconds from one window to the next; at most ``window_s``."""
    modalities: Annotated[list[Word], Meta(min_length=1, max_length=16)]
    """In the order of the fusion graph's presence vector; each once."""
    heads: Annotated[list[Word], Meta(max_length=64)]
    """Outputs of the fusion graph besides ``alpha``; each once."""
    graphs: dict[str, GraphSpec]
    """Name -> graph; ``fusion`` is always there."""
    front_ends: dict[str, dict[str, Any]]
    """Modality -> parameters of its front end (rates, sizes, labels, thresholds)."""
    files: dict[str, str]
    """Member -> SHA-256 in hex, for every member but the manifest."""
    min_quality: Share = 0.25
    """Embeddings below this do not enter the fusion."""
    min_coverage: Share = 0.25
    """A modality that covers less of a window than this counts as absent."""
    licence: str = ""
    """Licence of the weights."""
    data_card: str = ""
    """One paragraph: what it was trained on."""
    boards: list[str] = []
    """Board profiles whose budgets it was checked against."""


class Bundle:
    """A bundle whose digests were checked.

    Attributes:
        manifest: what is in it.
        digest: SHA-256 of the whole file, hex.
        source: where it came from, for messages.
        tap: hears of each run of a graph, None for nobody; see ``tapped``.
        host: runs the graphs, None for this process; see ``hosted``.
    """

    tap: Tap | None = None
    host: Host | None = None

    def __init__(self, manifest: Manifest, members: Mapping[str, bytes], digest: str, source: str) -> None:
        self.manifest = manifest
        self.digest = digest
        self.source = source
        self._members = MappingProxyType(dict(members))

    def with_graph(self, name: str, content: bytes) -> Bundle:
        """The same in memory with another graph of this name, as a trainer needs it; its digest is that of no file.

        Raises:
            BundleError: the bundle has no such graph.
        """
        self.graph(name)
        members = {**self._members, self.manifest.graphs[name].file: content}
        return Bundle(self.manifest, members, "0" * 64, self.source)

    def tapped(self, tap: Tap) -> Bundle:
        """The same, whose graphs tell ``tap`` what they were given and what they answered.

        It is what the device's own front ends make of a recording: to look at, or to learn from.
        """
        other = Bundle(self.manifest, self._members, self.digest, self.source)
        other.tap = tap
        return other

    def hosted(self, host: Host) -> Bundle:
        """The same, whose graphs run elsewhere: in a process that may hang or crash, on an accelerator."""
        other = Bundle(self.manifest, self._members, self.digest, self.source)
        other.tap, other.host = self.tap, host
        return other

    def graph(self, name: str) -> bytes:
        """Bytes of the ``.tflite`` graph called ``name``.

        Raises:
            BundleError: the bundle has no such graph.
        """
        spec = self.manifest.graphs.get(name)
        if spec is None:
            have = ", ".join(sorted(self.manifest.graphs))
            raise BundleError(f"{self.source}: no graph named {name!r}; it has {have}")
        return self.member(spec.file)

    def member(self, name: str) -> bytes:
        """Bytes of any member.

        Raises:
            BundleError: there is none of that name.
        """
        try:
            return self._members[name]
        except KeyError:
            raise BundleError(f"{self.source}: member {name!r} is missing") from None

    def has(self, name: str) -> bool:
        """Whether a member is there."""
        return name in self._members

    def arrays(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """The arrays of an ``.npz`` member: booleans and numbers, stored and not compressed.

        Raises:
            BundleError: there is no such member, or something else in it.
        """
        content = self.member(name)
        try:
            return arrays(content, max_bytes=MAX_BYTES)
        except ValueError as error:
            raise BundleError(f"{self.source}: {name} cannot be read: {error}") from error

    def front_end(self, modality: str) -> dict[str, Any] | None:
        """Parameters of a modality's front end, None if the bundle has none."""
        return self.manifest.front_ends.get(modality)

    def replace(self, **graphs: bytes) -> Bundle:
        """A copy with other graphs under the same names, for experiments and sabotage tests; its digest differs."""
        members = dict(self._members)
        hasher = hashlib.sha256(self.digest.encode())
        for name, content in sorted(graphs.items()):
            members[self.manifest.graphs[name].file] = content
            hasher.update(name.encode() + content)
        return Bundle(self.manifest, members, hasher.hexdigest(), f"{self.source} (modified)")


def load_bundle(name_or_path: str | Path) -> Bundle:
    """Load a shipped bundle by name (``driver``) or any bundle by path.

    Raises:
        UsageError: nothing of that name or path.
        BundleError: truncated, altered, of another schema, or too large.
    """
    path = Path(name_or_path)
    try:
        if not path.is_file():
            path = newest(str(name_or_path))
        if path.stat().st_size > MAX_BYTES:
            raise BundleError(f"{path}: larger than {MAX_BYTES // 2**20} MiB; this is not a bundle for a device")
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from error
    return read_bundle(content, source=str(path))


def read_bundle(content: bytes, *, source: str = "bundle") -> Bundle:
    """Check a bundle's bytes and give the Bundle.

    Raises:
        BundleError: what is wrong and with which member.
    """
    again = "copy it again from where it was built, or build it again with 'make bundle'"
    try:
        members = stored_members(content, max_members=MAX_MEMBERS, max_bytes=MAX_BYTES)
    except ValueError as error:
        raise BundleError(f"{source}: not a whole bundle ({error}); {again}") from error
    raw = members.pop("manifest.json", None)
    if raw is None:
        raise BundleError(f"{source}: not a whole bundle (manifest.json is missing); {again}")
    if len(raw) > MAX_MANIFEST_BYTES:
        raise BundleError(f"{source}: manifest.json: larger than {MAX_MANIFEST_BYTES // 1024} KiB")
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except (ValueError, RecursionError) as error:  # ValueError: msgspec's own errors, and text that is not UTF-8
        raise BundleError(f"{source}: manifest.json: {error}") from error
    if manifest.schema != SCHEMA:
        raise BundleError(f"{source}: schema {manifest.schema}, this version of edge-mm reads {SCHEMA}")
    _check(manifest, members, source, again)
    return Bundle(manifest, members, hashlib.sha256(content).hexdigest(), source)


def _check(manifest: Manifest, members: Mapping[str, bytes], source: str, again: str) -> None:
    for name, expected in manifest.files.items():
        if name not in members:
            raise BundleError(f"{source}: member {name!r} is missing; {again}")
        if hashlib.sha256(members[name]).hexdigest() != expected:
            raise BundleError(f"{source}: member {name!r} was altered (SHA-256 differs); {again}")
    strangers = sorted(set(members) - set(manifest.files))
    if strangers:
        raise BundleError(f"{source}: member {strangers[0]!r} is not in the manifest; {again}")
    for name, graph in manifest.graphs.items():
        if graph.file not in members:
            raise BundleError(f"{source}: graph {name!r} names {graph.file!r}, which is not there")
    if "fusion" not in manifest.graphs:
        raise BundleError(f"{source}: no fusion graph")
    if manifest.hop_s > manifest.window_s:
        raise BundleError(f"{source}: manifest.json: hop_s must not be longer than window_s")
    for field, names in (("modalities", manifest.modalities), ("heads", manifest.heads)):
        if len(set(names)) < len(names):
            raise BundleError(f"{source}: manifest.json: {field}: the same name twice in {', '.join(names)}")
