"""Make a clean crop look like one from another camera, light or lens.

In and out: (h, w) uint8 grey. Everything is drawn from the generator that is given. Not here: geometry.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]


def one_channel(frame: U8, rng: np.random.Generator) -> U8:
    """Grey of a (h, w, 3) BGR frame: the usual mix half of the time, else another mix (as near infrared would be)."""
    if rng.random() < 0.5:
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)
    mix = rng.dirichlet((0.6, 0.8, 0.8)).astype(np.float32)
    return np.asarray(cv2.transform(frame, mix[None]), np.uint8).reshape(frame.shape[:2])


def weathered(crop: U8, rng: np.random.Generator, *, occlusion: float = 0.0) -> U8:
    """Random light, contrast, blur, resolution, noise; with probability ``occlusion`` something in front."""
    size = crop.shape[0]
    if rng.random() < occlusion:
        crop = _covered(crop, rng)
    if rng.random() < 0.35:
        small = max(int(size * rng.uniform(0.3 if size > 64 else 0.45, 0.9)), 12)
        how = cv2.INTER_AREA if rng.random() < 0.5 else cv2.INTER_LINEAR
        crop = np.asarray(cv2.resize(cv2.resize(crop, (small, small), interpolation=how), (size, size)), np.uint8)
    if rng.random() < 0.25:
        reach = int(rng.integers(1, max(size // 28, 1) + 1)) * 2 + 1
        kernel = np.zeros((reach, reach), np.float32)
        if rng.random() < 0.5:
            kernel[reach // 2] = 1 / reach
            kernel = kernel.T if rng.random() < 0.3 else kernel
            crop = np.asarray(cv2.filter2D(crop, -1, np.ascontiguousarray(kernel)), np.uint8)
        else:
            crop = np.asarray(cv2.GaussianBlur(crop, (reach, reach), 0), np.uint8)
    value = crop.astype(np.float32) / 255
    if rng.random() < 0.5:
        value = value ** np.float32(np.exp(np.clip(rng.normal(0, 0.35), -0.7, 0.7)))
    if rng.random() < 0.35:
        angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.7)
        line = np.linspace(-1, 1, size, dtype=np.float32)
        ramp = np.cos(angle) * line[None] + np.sin(angle) * line[:, None]
        hard = rng.uniform(1, 8)
        value *= (1 - depth / 2 + depth / 2 * np.tanh(hard * (ramp - rng.uniform(-0.5, 0.5)))).astype(np.float32)
    value *= np.float32(min(float(np.exp(rng.normal(-0.1, 0.35))), 0.5 / max(float(value.mean()), 0.05) + 0.4))
    value += np.float32(rng.normal(0, 0.04))
    if rng.random() < 0.5:
        grain = rng.uniform(0.02, 0.22) * float(value.std())
        value += rng.normal(0, grain, value.shape).astype(np.float32)
    crop = (np.clip(value, 0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.2:
        coded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 80))])[1]
        crop = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)
    return crop


def _covered(crop: U8, rng: np.random.Generator) -> U8:
    size = crop.shape[0]
    out = crop.copy()
    centre = tuple(int(v) for v in rng.uniform(0, size, 2))
    axes = tuple(int(v) for v in rng.uniform(0.05, 0.3, 2) * size + 1)
    shade = int(rng.integers(0, 256))
    if rng.random() < 0.5:
        cv2.ellipse(out, centre, axes, float(rng.uniform(0, 180)), 0, 360, shade, -1)
    else:
        corner = (centre[0] + axes[0] * 2, centre[1] + axes[1])
        cv2.rectangle(out, centre, corner, shade, -1)
    return out
