"""The other side of the benchmark: CPU and memory that MediaPipe Face Mesh 0.10.14 needs for a video.

In: a video file. Out: one JSON line. Runs in an environment of its own (``.venv-bench``), with the refined (iris) mesh
in video mode, as its own example does. ``loop_cpu_s`` leaves out imports and the loading of its graphs.
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
    frames = found = 0
    with mp.solutions.face_mesh.FaceMesh(max_num_faces=1, refine_landmarks=True) as mesh:
        before = time.process_time()
        while True:
            ok, frame = capture.read()
            if not ok:
                break
            frames += 1
            found += bool(mesh.process(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)).multi_face_landmarks)
        loop = time.process_time() - before
    print(json.dumps({"frames": frames, "faces": found, "loop_cpu_s": loop}))


if __name__ == "__main__":
    main()
