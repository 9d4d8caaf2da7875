"""The other side of the benchmark: CPU and memory that MediaPipe Face Mesh 0.10.14 needs for a video.

In: a video file, ``iris`` or ``plain``. Out: one JSON line. Runs in an environment of its own (``.venv-bench``), in
video mode, as its own example does. ``loop_cpu_s`` leaves out imports and the loading of its graphs, ``frame_cpu_s``
decoding as well.
"""

from __future__ import annotations

import json
import sys
import time


def main() -> None:
    import cv2
    import mediapipe as mp

    cv2.setNumThreads(1)
    capture = cv2.VideoCapture(sys.argv[1])
    frames, found, spent = 0, 0, 0.0
    with mp.solutions.face_mesh.FaceMesh(max_num_faces=1, refine_landmarks=sys.argv[2] == "iris") as mesh:
        before = time.process_time()
        while True:
            ok, frame = capture.read()
            if not ok:
                break
            frames += 1
            begun = time.process_time()
            found += bool(mesh.process(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)).multi_face_landmarks)
            spent += time.process_time() - begun
        loop = time.process_time() - before
    print(json.dumps({"frames": frames, "faces": found, "loop_cpu_s": loop, "frame_cpu_s": spent}))


if __name__ == "__main__":
    main()
