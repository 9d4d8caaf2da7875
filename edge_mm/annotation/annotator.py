"""Makes the annotated video of a replay.

In: each event of the replay and what the monitor said to it. Out: frames in a ``Film``, at the recording's own frame
rate (25 per second where there is no picture), each at its time of the recording. Not here: the replay; where things
lie (``layout``) and how they look (``panel``, ``wave``, ``spectrum``).

What the monitor says about a moment comes up to a second and a half later, so a frame waits for ``WAIT_S`` of
recording. Frames wait as JPEG, small as they are shown: an hour takes no more memory than a minute.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from edge_mm.annotation import ink
from edge_mm.annotation.film import Film, writable_rate
from edge_mm.annotation.layout import Box, Layout, laid_out, shown_size
from edge_mm.annotation.panel import PRIORITY, Panel, draw_banner
from edge_mm.annotation.scene import Scene
from edge_mm.annotation.spectrum import Spectrum
from edge_mm.annotation.wave import Wave
from edge_mm.sources.opencv import load_cv2
from edge_mm.types import NS_PER_S, Event, Output, Sample, Status, StreamSpec, Tick

CANVAS_HZ = 25.0
"""Frame rate where there is no picture."""
WAIT_S = {"video": 0.5, "audio": 2.0}
"""Kind of stream -> seconds after which all that concerns a moment is known."""
_WAIT_S = 2.0
CUT_S = 60.0
"""When no stream gives anything for longer, the film goes on where the recording does: a file whose times begin in 1970
beside one that begins at 0 would make a film of fifty years."""
_QUALITY = 92  # of the JPEGs


class Annotator:
    """Draws one replay.

    Args:
        film: where frames go.
        streams: what is replayed; the first video is the picture.
        title: what it runs with, for the panel.
    """

    def __init__(self, film: Film, streams: Sequence[StreamSpec], *, title: str) -> None:
        self._film = film
        self._picture = next((spec for spec in streams if spec.kind == "video"), None)
        self._wait_ns = round(max((WAIT_S.get(spec.kind, _WAIT_S) for spec in streams), default=0.0) * NS_PER_S)
        keep_s = self._wait_ns / NS_PER_S + 1.0
        self._strips = {
            spec.name: (Spectrum if spec.kind == "audio" else Wave)(spec, keep_s=keep_s)
            for spec in streams
            if spec.kind != "video"
        }
        self._panel = Panel(tuple(streams), title=title)
        self._scene = Scene()
        self._rate_hz = writable_rate(CANVAS_HZ if self._picture is None else max(self._picture.rate_hz, 1.0))
        self._layout: Layout | None = None
        self._canvas: ink.U8 = np.zeros((0, 0, 3), np.uint8)
        self._frames: deque[tuple[int, tuple[int, int], Any]] = deque()  # time, width and height, JPEG
        self._shown: tuple[int, ink.U8] | None = None
        self._frame_size = (0, 0)
        self._pending: list[tuple[int, int, Output | Status]] = []
        self._count = 0
        self._begin: tuple[int, int] | None = None
        """A time of the recording, and the number of the frame that lies at it."""
        self._newest_ns = self._end_ns = 0

    def take(self, event: Event | None, outputs: Iterable[Output]) -> None:
        """One event and what followed from it; None: the replay is over."""
        if event is not None and not isinstance(event, Tick):
            if self._begin is None:
                self._begin = (event.t_ns, 0)
                self._newest_ns = self._scene.origin_ns = event.t_ns
            elif event.t_ns - max(self._newest_ns, self._end_ns) > CUT_S * NS_PER_S:
                self._write(max(self._newest_ns, self._end_ns))
                self._begin = (event.t_ns, self._film.frames)
            self._newest_ns = max(self._newest_ns, event.t_ns)
        if isinstance(event, Sample):
            self._end_ns = max(self._end_ns, event.end_ns)
            self._sample(event)
        elif isinstance(event, Status):
            self._later(event.t_ns, event)
        for output in outputs:
            self._later(output.t_ns, output)
        half_ns = round(NS_PER_S / self._rate_hz / 2)  # the end of the last frame is not the time of one more
        self._write(self._end_ns - half_ns if event is None else self._newest_ns - self._wait_ns)

    def _later(self, t_ns: int, what: Output | Status) -> None:
        self._count += 1
        heapq.heappush(self._pending, (t_ns, self._count, what))

    def _sample(self, sample: Sample) -> None:
        if sample.stream in self._strips:
            self._strips[sample.stream].take(sample)
        elif self._picture is not None and sample.stream == self._picture.name:
            cv2 = load_cv2()
            height, width = sample.data.shape[:2]
            small = shown_size(width, height)
            shown: Any = sample.data
            if small != (width, height):
                way = cv2.INTER_CUBIC if small[0] > width else cv2.INTER_AREA
                shown = cv2.resize(shown, small, interpolation=way)
            _, code = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
            self._frames.append((sample.t_ns, (width, height), code))

    def _write(self, until_ns: int) -> None:
        """Every frame of the film that lies before ``until_ns``."""
        if self._begin is None:
            return
        begin_ns, first = self._begin
        while (now_ns := begin_ns + round((self._film.frames - first) * NS_PER_S / self._rate_hz)) < until_ns:
            self._show(now_ns + round(NS_PER_S / self._rate_hz / 2))
            # Of the picture that is shown everything is known that has its time, and it may be half an interval later.
            shown_ns = now_ns if self._shown is None else max(now_ns, self._shown[0])
            while self._pending and self._pending[0][0] <= shown_ns:
                self._scene.take(heapq.heappop(self._pending)[2])
            self._scene.move(now_ns)
            self._draw()
            self._film.write(self._canvas)

    def _show(self, latest_ns: int) -> None:
        """The newest picture that is not later than ``latest_ns``."""
        newest = None
        while self._frames and self._frames[0][0] < latest_ns:
            newest = self._frames.popleft()
        if newest is not None:
            picture = load_cv2().imdecode(newest[2], 1)
            self._shown, self._frame_size = (newest[0], picture), newest[1]

    def _draw(self) -> None:
        if self._layout is None:
            first = None if self._picture is None else self._frame_size if self._shown else (640, 480)
            self._layout = laid_out(first, len(self._strips))
            self._canvas = np.full((self._layout.height, self._layout.width, 3), ink.BACKGROUND, np.uint8)
            self._film.begin(self._rate_hz, self._layout.width, self._layout.height)
        layout, canvas, scene = self._layout, self._canvas, self._scene
        draw_banner(canvas, layout.banner, scene)
        self._panel.draw(canvas, layout.panel, scene)
        for strip, box in zip(self._strips.values(), layout.strips, strict=True):
            strip.draw(canvas[box.y : box.y + box.h, box.x : box.x + box.w], scene)
        if layout.picture is not None and self._picture is not None:
            self._draw_picture(layout.picture, self._picture.name)

    def _draw_picture(self, box: Box, stream: str) -> None:
        canvas, scene = self._canvas, self._scene
        status = scene.states.get(stream)
        gone = status is not None and status.state in ("off", "lost")
        if self._shown is None or gone:
            ink.fill(canvas, box, ink.SURFACE)
            words = "no picture yet" if not gone else "the video has ended"
            ink.text(canvas, words, box.x + box.w // 2 - 70, box.y + box.h // 2, colour=ink.FAINT)
            return
        t_ns, picture = self._shown
        cv2 = load_cv2()
        share = min(box.w / picture.shape[1], box.h / picture.shape[0])
        if picture.shape[:2] != (box.h, box.w):  # the camera has changed its size
            ink.fill(canvas, box, ink.SURFACE)
            picture = cv2.resize(picture, (round(picture.shape[1] * share), round(picture.shape[0] * share)))
        left, top = box.x + (box.w - picture.shape[1]) // 2, box.y + (box.h - picture.shape[0]) // 2
        area = canvas[top : top + picture.shape[0], left : left + picture.shape[1]]
        area[...] = picture
        _draw_face(area, scene, stream, t_ns, picture.shape[1] / self._frame_size[0])
        standing = scene.standing()
        if standing:
            for edge in (box._replace(h=4), box._replace(y=box.y + box.h - 4, h=4), box._replace(w=4),
                         box._replace(x=box.x + box.w - 4, w=4)):  # fmt: skip
                ink.fill(canvas, edge, PRIORITY[standing[0].priority])


def _draw_face(area: ink.U8, scene: Scene, stream: str, t_ns: int, scale: float) -> None:
    """The box of the face and rings around the eyes, of this very picture or not at all."""
    places: dict[str, float] = {}
    for name in ("face_left", "face_top", "face_width", "face_height", *_EYES):
        one = scene.reading(f"driver.{name}", stream)
        if one is None or one.t_ns != t_ns:
            return
        places[name] = one.value * scale
    left, top = places["face_left"], places["face_top"]
    ink.frame(area, left, top, (places["face_width"], places["face_height"]), ink.GOOD)
    closed = scene.reading("driver.eyes_closed", stream)
    colour = ink.GOOD if closed is None or closed.value < 0.4 else ink.MEDIUM if closed.value < 0.6 else ink.HIGH
    # Rings as wide as an eye's crop, so that the eye itself stays free.
    radius = max(round(0.22 * abs(places["eye_right_x"] - places["eye_left_x"])), 4)
    for side in ("left", "right"):
        ink.circle(area, places[f"eye_{side}_x"], places[f"eye_{side}_y"], radius, colour, ring=2)


_EYES = ("eye_left_x", "eye_left_y", "eye_right_x", "eye_right_y")
