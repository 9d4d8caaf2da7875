"""What annotated videos hold, for their tests."""

import cv2


def frames_of(path):
    capture = cv2.VideoCapture(str(path))
    rate, frames = capture.get(cv2.CAP_PROP_FPS), []
    while (got := capture.read())[0]:
        frames.append(got[1])
    return rate, frames


def left_over(folder):
    return sorted(one.name for one in folder.iterdir() if one.name.startswith("."))
