"""Streams of different rates -> half-open windows, each closed exactly once and in order.

In: embeddings of any number of streams in any order, and word of how far each stream has come. Out: ``Window`` s whose
ends are ``origin + k * hop`` (k = 1, 2, ...; origin is the first time it is told), each ``window_s`` long. The first
windows begin before the origin: their coverage counts what exists, so it is low until a window has filled.
Memory is bounded: a stream keeps at most ``MAX_EMBEDDINGS``. Not here: what an embedding means, de-jittering
(``clock``), clocks and threads.

A window closes when every stream that still runs has passed its end, or when anything at all happens later than its
end plus that stream's lateness. What comes after that enters the later windows that it overlaps (counted in ``late``),
or none (counted in ``dropped``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from edge_mm.errors import BundleError, UsageError
from edge_mm.kinds import CONTEXT, MODALITY_OF, SourceState
from edge_mm.perception.rings import MAX_EMBEDDINGS, Ring
from edge_mm.types import NS_PER_S, Embedding, StreamSpec, Window

MAX_SILENT_WINDOWS = 3600
"""After so many windows in a row with nothing in them (an hour at a hop of 1 s) the rest of the silence is skipped."""
WAITED_FOR: frozenset[SourceState] = frozenset(("starting", "live", "degraded"))
"""A stream in another state holds no window back."""


class Aligner:
    """Cuts the common time line of all streams into windows.

    Attributes:
        late: embeddings that came after a window they belong to had closed.
        dropped: embeddings that came after every window they belong to, or that did not fit into ``MAX_EMBEDDINGS``.
        skipped: windows left out of a silence longer than ``MAX_SILENT_WINDOWS``.
    """

    def __init__(
        self,
        streams: Mapping[str, StreamSpec],
        *,
        window_s: float,
        hop_s: float,
        modalities: Sequence[str],
        min_quality: float,
    ) -> None:
        """Start with nothing known.

        Args:
            streams: name -> what the stream promises.
            window_s: length of a window, seconds.
            hop_s: from one window's end to the next one's, seconds; ``0 < hop_s <= window_s``.
            modalities: the senses that the fusion knows; streams of other senses only tell the time.
            min_quality: embeddings below this are ignored, 0..1.

        Raises:
            UsageError: hop and window do not fit.
        """
        if not 0 < hop_s <= window_s:
            raise UsageError(f"a window of {window_s} s cannot have a hop of {hop_s} s: 0 < hop_s <= window_s")
        self.late = self.dropped = self.skipped = 0
        self._window_ns = round(window_s * NS_PER_S)
        self._hop_ns = round(hop_s * NS_PER_S)
        self._min_quality = min_quality
        self._modalities = tuple(modalities)
        self._modality: dict[str, str] = {}
        self._lateness_ns: dict[str, int] = {}
        self._waited_for: set[str] = set()
        self._passed_ns: dict[str, int] = {}
        self._rings: dict[str, Ring] = {}
        self._of: dict[str, list[str]] = {}
        self._dim: dict[str, int] = {}
        self._now_ns: int | None = None
        self._origin_ns = 0
        self._next_end_ns = 0
        self._silent = 0
        for spec in streams.values():
            self.add_stream(spec)

    def add_stream(self, spec: StreamSpec) -> None:
        """Announce a stream, or announce it again after its device came back; windows wait for it from now on."""
        modality = MODALITY_OF[spec.kind]
        if self._modality.get(spec.name, modality) != modality:
            self._forget(spec.name)
        if modality not in self._modalities:
            return
        self._lateness_ns[spec.name] = round(spec.lateness_s * NS_PER_S)
        self._waited_for.add(spec.name)
        if spec.name not in self._modality:
            self._modality[spec.name] = modality
            self._rings[spec.name] = Ring()
            self._of.setdefault(modality, []).append(spec.name)

    def _forget(self, stream: str) -> None:
        """The name now stands for another sense: what it said before belongs to no window."""
        self._of[self._modality.pop(stream)].remove(stream)
        del self._rings[stream], self._lateness_ns[stream]
        self._waited_for.discard(stream)
        self._passed_ns.pop(stream, None)

    def tick(self, t_ns: int) -> None:
        """The time is at least ``t_ns``. The first call (or ``add``, ``advance``) sets the origin."""
        if self._now_ns is None:
            self._now_ns = self._origin_ns = t_ns
            self._next_end_ns = t_ns + self._hop_ns
        elif t_ns > self._now_ns:
            self._now_ns = t_ns

    def advance(self, stream: str, t_ns: int) -> None:
        """No embedding of ``stream`` that starts before ``t_ns`` is still to come; it is also later than ``t_ns``.

        A stream that is not of the fusion's senses only tells the time.
        """
        self.tick(t_ns)
        if stream in self._modality and t_ns > self._passed_ns.get(stream, t_ns - 1):
            self._passed_ns[stream] = t_ns

    def status(self, stream: str, state: SourceState) -> None:
        """A stream changed its state: one that is stale, lost or off no longer holds windows back."""
        if stream not in self._modality:
            return
        if state in WAITED_FOR:
            self._waited_for.add(stream)
        else:
            self._waited_for.discard(stream)

    def add(self, embedding: Embedding) -> None:
        """Take one embedding; those of one stream usually come in time order, but need not.

        Raises:
            BundleError: its length differs from the others of its modality.
        """
        stream, t_ns = embedding.stream, embedding.t_ns
        self.advance(stream, t_ns)
        modality = self._modality.get(stream)
        if modality in CONTEXT:  # said anew: what was said before no longer holds, even if this says nothing
            for other in self._of[str(modality)]:
                self._rings[other].end_all(t_ns)
        if modality is None or not embedding.quality >= self._min_quality or embedding.span_ns <= 0:
            return
        dim = self._dim.setdefault(modality, embedding.vector.shape[0])
        if embedding.vector.shape != (dim,):
            raise BundleError(
                f"stream {stream}: its encoder gives {embedding.vector.shape} values where {modality} has ({dim},); "
                "encoders of one modality must agree"
            )
        self.late += self._missed_one(t_ns, t_ns + embedding.span_ns)
        if t_ns + embedding.span_ns <= self._next_end_ns - self._window_ns:
            self.dropped += 1
            return
        self.dropped += self._rings[stream].insert(embedding)

    def closed(self) -> list[Window]:
        """The windows that have closed since the last call, in order."""
        if self._now_ns is None or self._now_ns < self._next_end_ns:
            return []
        windows: list[Window] = []
        reached_ns = self._reached_ns(self._now_ns)
        while self._next_end_ns <= reached_ns:
            window = self._window(self._next_end_ns)
            self._silent = 0 if window.embeddings.keys() - CONTEXT else self._silent + 1
            windows.append(window)
            self._next_end_ns += self._hop_ns
            if self._silent >= MAX_SILENT_WINDOWS:
                self._skip_silence(reached_ns)
        return windows

    def _missed_one(self, start_ns: int, end_ns: int) -> bool:
        """Whether a window that has closed overlaps ``[start_ns, end_ns)``."""
        last_end_ns, first_end_ns = self._next_end_ns - self._hop_ns, self._origin_ns + self._hop_ns
        return last_end_ns >= first_end_ns and start_ns < last_end_ns and end_ns > first_end_ns - self._window_ns

    def _reached_ns(self, now_ns: int) -> int:
        """Up to here every stream has been heard or has had its time."""
        reached = now_ns
        for stream in self._waited_for:
            waited = now_ns - self._lateness_ns[stream] - 1  # later than, not at
            reached = min(reached, max(waited, self._passed_ns.get(stream, waited)))
        return reached

    def _skip_silence(self, reached_ns: int) -> None:
        """Go to the first window that has something, or to the last one that may close."""
        last_end = self._next_end_ns + (reached_ns - self._next_end_ns) // self._hop_ns * self._hop_ns
        senses = [ring for stream, ring in self._rings.items() if self._modality[stream] not in CONTEXT]
        starts = [start for ring in senses if (start := ring.first_start_ns()) is not None]
        target = min([last_end, *starts])
        hops = max(0, (target - self._next_end_ns) // self._hop_ns)
        self.skipped += hops
        self._next_end_ns += hops * self._hop_ns

    def _window(self, end_ns: int) -> Window:
        start_ns = end_ns - self._window_ns
        embeddings: dict[str, npt.NDArray[np.float32]] = {}
        coverage: dict[str, float] = {}
        quality: dict[str, float] = {}
        for modality, streams in self._of.items():
            parts = [part for s in streams if (part := self._rings[s].between(start_ns, end_ns)) is not None]
            for stream in streams:
                self._rings[stream].forget(start_ns + self._hop_ns)
            coverage[modality] = quality[modality] = 0.0
            if not parts:
                continue
            starts, ends, qualities, vectors = (np.concatenate(column) for column in zip(*parts, strict=True))
            if len(parts) > 1:
                order = np.argsort(starts, kind="stable")
                starts, ends, qualities, vectors = starts[order], ends[order], qualities[order], vectors[order]
            starts, ends = np.maximum(starts, start_ns), np.minimum(ends, end_ns)
            embeddings[modality] = vectors
            coverage[modality] = _union_ns(starts, ends) / self._window_ns
            quality[modality] = float(np.average(qualities, weights=ends - starts))
        return Window(start_ns, end_ns, embeddings, coverage, quality)


def _union_ns(starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> int:
    """Length of the union of intervals ``[starts[i], ends[i])``; starts ascend."""
    before = np.concatenate((starts[:1], np.maximum.accumulate(ends)[:-1]))
    return int(np.maximum(ends - np.maximum(starts, before), 0).sum())


__all__ = ["MAX_EMBEDDINGS", "MAX_SILENT_WINDOWS", "WAITED_FOR", "Aligner"]
