"""A folder of recordings through a front end of the device: what calibrates a graph is what the board will feed it.

In: WAV, FLAC or OGG files (``log_mel``), PNG or JPEG files (``image``), the shape of the model's input. Out: a
``DataSet`` without targets; each file is a group. Colours are in the order of the device's cameras, blue first. Not
here: the front ends (``edge_mm.perception``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from converters.dataset import DataSet, digest
from edge_mm.errors import ConvertError

F32 = npt.NDArray[np.float32]
Shape = tuple[int, ...]
_SOUNDS, _PICTURES = (".wav", ".flac", ".ogg"), (".png", ".jpg", ".jpeg")


def read_recordings(folder: Path, kind: str, inputs: Mapping[str, Shape]) -> DataSet:
    """Rows for a model with one input.

    Args:
        folder: searched with its subfolders.
        kind: ``log_mel`` or ``image``.
        inputs: input name -> shape without the batch: (frames, bands[, 1]) or (height, width, 1 or 3).

    Raises:
        ConvertError: no such front end, no such files, a file that cannot be read, a shape that it cannot give.
    """
    readers: dict[str, tuple[tuple[str, ...], Callable[[Path, Shape], Iterator[F32]]]] = {
        "log_mel": (_SOUNDS, _log_mel),
        "image": (_PICTURES, _image),
    }
    if kind not in readers:
        raise ConvertError(f"no front end {kind!r}: one of {', '.join(readers)}")
    if len(inputs) != 1:
        raise ConvertError(f"the front end {kind} feeds one input, the model has {', '.join(inputs)}: give a .npz")
    if not folder.is_dir():
        raise ConvertError(f"{folder}: no such folder; the front end {kind} reads a folder of recordings")
    ((name, shape),) = inputs.items()
    endings, read = readers[kind]
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings)
    if not files:
        raise ConvertError(f"{folder}: no {', '.join(endings)} files for the front end {kind}")
    rows, groups = [], []
    for number, path in enumerate(files):
        for row in read(path, shape):
            rows.append(row.reshape(shape))
            groups.append(number)
    if not rows:
        raise ConvertError(f"{folder}: every recording is shorter than one window of {shape[0]} frames")
    arrays = {name: np.stack(rows).astype(np.float32)}
    return DataSet(arrays, {}, np.array(groups), digest(arrays))


def _log_mel(path: Path, shape: Shape) -> Iterator[F32]:
    """Windows of log-mel frames, one after the other, normalised as the device does."""
    import soundfile

    from edge_mm.perception.audio_mel import LogMel, MelSettings, encoder_input

    settings = MelSettings()
    if len(shape) not in (2, 3) or shape[1] != settings.mels or shape[2:] not in ((), (1,)):
        raise ConvertError(
            f"log_mel gives (frames, {settings.mels}) or (frames, {settings.mels}, 1); the model reads {shape}"
        )
    size, mel = settings.samples(shape[0]), LogMel(settings)
    try:
        with soundfile.SoundFile(path) as file:
            if file.samplerate != settings.rate_hz:
                raise ConvertError(
                    f"{path}: {file.samplerate} samples a second, the front end takes {settings.rate_hz}: resample it "
                    "(sox, ffmpeg)"
                )
            for sound in file.blocks(size, dtype="float32", always_2d=True):
                if len(sound) == size:
                    yield encoder_input(mel(np.asarray(sound.mean(axis=1), np.float32))[None])[0]
    except (RuntimeError, OSError) as error:
        raise ConvertError(f"{path}: cannot be read as sound: {error}") from error


def _image(path: Path, shape: Shape) -> Iterator[F32]:
    """The picture in the model's size and in 0..1: grey levelled as the device's crops are, colour as it is."""
    import cv2

    from edge_mm.perception.vision_geometry import levelled

    if len(shape) != 3 or shape[2] not in (1, 3):
        raise ConvertError(f"image gives (height, width, 1 or 3); the model reads {shape}")
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE if shape[2] == 1 else cv2.IMREAD_COLOR)
    if picture is None:
        raise ConvertError(f"{path}: cannot be read as a picture")
    small = np.asarray(cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), np.uint8)
    if shape[2] == 1:
        small = levelled(small)
    yield np.asarray(small.astype(np.float32) / np.float32(255))
