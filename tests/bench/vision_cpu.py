"""CPU of vision alone: each frame of a video from BGR to readings, through the device's own front end.

In: a video file. Out: one JSON line. Decoding and start-up are not in ``frame_cpu_s``; every frame is fresh and every
frame is looked at.
"""

from __future__ import annotations

import json
import sys
import time

import cv2

from edge_mm.models.bundle import load_bundle
from edge_mm.perception.vision import VisionFrontEnd
from edge_mm.types import NS_PER_S, Sample, StreamSpec

FPS = 30


def main() -> None:
    cv2.setNumThreads(1)
    capture = cv2.VideoCapture(sys.argv[1])
    front_end = VisionFrontEnd(load_bundle("driver"), StreamSpec("vision", "video", FPS, "bgr8"))
    frames, found, spent = 0, 0, 0.0
    while True:
        ok, frame = capture.read()
        if not ok:
            break
        sample = Sample("vision", frames * NS_PER_S // FPS, frame, FPS)
        before = time.process_time()
        readings = front_end.push(sample)
        spent += time.process_time() - before
        frames += 1
        found += any(getattr(one, "name", "") == "driver.eyes_closed" for one in readings)
    print(json.dumps({"frames": frames, "faces": found, "frame_cpu_s": spent}))


if __name__ == "__main__":
    main()
