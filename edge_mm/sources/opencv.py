"""Loads OpenCV the way a small board wants it: one thread, quiet, a short V4L2 wait.

In: nothing. Out: the ``cv2`` module. Not here: any decoding.

OpenCV's own thread pool gains nothing on 640x480 frames and costs CPU time in spinning workers; the daemon already
has one thread per source. The V4L2 wait is read by OpenCV from the environment when it is loaded (10 s by default).
"""

from __future__ import annotations

import os
from typing import Any


def load_cv2() -> Any:
    """Import OpenCV once and set it up for the whole process.

    Returns:
        The ``cv2`` module (4.11 or later).
    """
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")  # seconds
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET: FFmpeg prints URLs with their passwords
    import cv2

    cv2.setNumThreads(1)
    return cv2
