"""A note about the person becomes one embedding that holds until another note is given.

In: Samples of kind ``note``: the UTF-8 bytes of what a person said about themselves or a nurse wrote down. Out: per
note, ``note.words`` (how many words were read) and an Embedding without an end. The note itself goes nowhere: neither
into an observation nor into a log. Not here: tokens (``text_tokens``), what follows for an alert (the fusion).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from edge_mm.errors import BundleError, SourceError
from edge_mm.kinds import MAX_NOTE_BYTES, STANDING_NS
from edge_mm.models.bundle import Bundle
from edge_mm.perception.litert import load_graph
from edge_mm.perception.params import Count, decoded
from edge_mm.perception.text_tokens import tokens, words
from edge_mm.types import Embedding, Observation, Sample, StreamSpec

GRAPH = "text.note"


class _Params(msgspec.Struct):
    buckets: Annotated[int, Meta(ge=2, le=65_536)]
    """Rows of the graph's embedding table."""
    length: Count
    """Tokens that the graph reads."""


class TextFrontEnd:
    """One stream of notes.

    Args:
        bundle: has front end ``text`` and the graph ``text.note``: ``tokens`` (1, length) int32 to ``embedding``.
        spec: the stream.

    Raises:
        BundleError: the bundle has no text front end, or its graph does not fit its parameters.
    """

    def __init__(self, bundle: Bundle, spec: StreamSpec) -> None:
        given = bundle.front_end("text")
        if given is None:
            raise BundleError(f"{bundle.source}: no text front end, but stream {spec.name} is a note")
        params = decoded(given, _Params, where=f"{bundle.source}: front end text")
        self._buckets, self._length = params.buckets, params.length
        self._graph = load_graph(bundle, GRAPH)
        if tuple(self._graph.inputs.get("tokens", ())) != (1, self._length):
            raise BundleError(f"{bundle.source}: {GRAPH} does not read {self._length} tokens; build the bundle again")
        self._name = spec.name

    @property
    def latency_s(self) -> float:
        """A note is read at once."""
        return 0.0

    def push(self, sample: Sample) -> list[Observation | Embedding]:
        """Take a note; an empty one takes back what the last one said.

        Raises:
            SourceError: it is not UTF-8, or longer than ``MAX_NOTE_BYTES``.
        """
        text = note_text(sample, stream=self._name)
        count = len(words(text))
        quality = 1.0 if count else 0.0
        read = Observation(sample.t_ns, "note.words", float(count), "1", quality, "text", self._name)
        ids = tokens(text, length=self._length, buckets=self._buckets)[None]
        vector = np.asarray(self._graph(tokens=ids)["embedding"], np.float32).reshape(-1)
        return [read, Embedding(sample.t_ns, STANDING_NS, self._name, vector, quality)]

    def flush(self) -> list[Observation | Embedding]:
        """Nothing waits."""
        return []


def note_text(sample: Sample, *, stream: str) -> str:
    """The text of a note.

    Raises:
        SourceError: it is none.
    """
    data = sample.data
    if data.ndim != 1 or data.dtype != np.uint8:
        raise SourceError(f"stream {stream!r} (note): got {data.shape} {data.dtype}, needs (n,) uint8, UTF-8 text")
    if data.size > MAX_NOTE_BYTES:
        raise SourceError(f"stream {stream!r}: a note of {data.size} bytes; at most {MAX_NOTE_BYTES} are read")
    try:
        return data.tobytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(f"stream {stream!r}: the note is not UTF-8 text (byte {error.start})") from None


__all__ = ["GRAPH", "TextFrontEnd", "note_text"]
