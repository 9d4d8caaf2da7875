"""A bundle of the two wrist encoders alone, and signals of a wrist by formula."""

from pathlib import Path

import numpy as np

from edge_mm.models.bundle import SCHEMA, Bundle, GraphSpec, Manifest
from edge_mm.types import NS_PER_S as S
from edge_mm.types import Embedding, Observation, Sample, StreamSpec

GOLDEN = Path(__file__).parent / "golden"
FRONT_ENDS = {"motion": {"fall_threshold": 0.7}, "skin": {}}


def wrist_bundle(front_ends=None):
    graphs = {
        name: GraphSpec(file=f"encoders/{name}.tflite", stateful=False) for name in ("motion.fall", "skin.stress")
    }
    members = {one.file: (GOLDEN / f"{name}.tflite").read_bytes() for name, one in graphs.items()}
    manifest = Manifest(
        schema=SCHEMA, name="wrist", version="0", window_s=10.0, hop_s=1.0, modalities=["skin", "motion"], heads=[],
        graphs=graphs, front_ends=FRONT_ENDS if front_ends is None else front_ends, files={}, min_quality=0.25,
    )  # fmt: skip
    return Bundle(manifest, members, "0" * 64, "wrist")


def blocks(stream, values, rate_hz, *, size, start_ns=0):
    """Samples of ``size`` values each."""
    for begin in range(0, len(values), size):
        part = np.asarray(values[begin : begin + size], np.float32)
        yield Sample(stream, start_ns + round(begin * S / rate_hz), part, rate_hz)


def merged(*streams):
    """Samples of several streams in time order, as a replay pushes them."""
    return sorted((sample for stream in streams for sample in stream), key=lambda sample: sample.t_ns)


def spec(name, kind, rate_hz):
    return StreamSpec(name, kind, rate_hz, {"acc": "g", "gyro": "deg/s", "eda": "uS", "temp": "degC"}[kind])


def said(readings, name, stream=None):
    """(seconds, value) of the observations of one name."""
    return [
        (r.t_ns / S, r.value)
        for r in readings
        if isinstance(r, Observation) and r.name == name and stream in (None, r.stream)
    ]


def embeddings(readings):
    return [r for r in readings if isinstance(r, Embedding)]


def swing(seconds, rate_hz, *, blow_s=(), gravity=0.0):
    """(n, 3) g and (n, 3) deg/s of a hand that swings a little and is struck at some times (6 g, 60 ms wide)."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    acc = 0.2 * np.stack([np.sin(9 * at), np.cos(7 * at), np.sin(5 * at)], axis=1)
    acc[:, 2] += gravity
    turn = 20.0 * np.stack([np.cos(9 * at), np.sin(7 * at), np.cos(5 * at)], axis=1)
    for when in blow_s:
        shape = np.exp(-(((at - when) / 0.06) ** 2))
        acc += shape[:, None] * np.array([6.0, -1.0, 2.0])
        turn += np.exp(-(((at - when + 0.3) / 0.2) ** 2))[:, None] * np.array([300.0, 50.0, 0.0])
    return acc.astype(np.float32), turn.astype(np.float32)
