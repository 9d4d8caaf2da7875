"""The words that go into a bundle: model card, data card, recipe.

In: the parts' reports. Out: Markdown and TOML. Every number comes from a report; only the sentences are written here.
Not here: measuring anything.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from converters import composites, fusion, hearing, pulse

LICENCE = (
    "Apache-2.0 for the weights. Trained in part on research data whose redistribution terms are not settled (YawDD); "
    "none of it is in the bundle."
)
DATA_CARD = (
    "Vision: YawDD driver stills and clips, GRID talking faces, Intel head-pose clips; audio: ESC-10, Speech Commands, "
    "GRID, Cough-Etiquette, synthetic sirens; physiology: MIT-BIH Arrhythmia. The fusion is trained on composites of "
    "these: no recording with face, voice and heart together was found."
)

_INTRO = """# {title}

int8 encoders for a driver's face, the sound around and the heart, and an attention fusion over them. Built by
`python -m converters.driver` (`make bundle`) from the recipe in `recipe.toml`; every number is from `report.json`.
**Not a medical device.** Scores are on people, sources and records that were not trained on.

## Data

| used for | source | licence |
|---|---|---|
| vision | YawDD stills and clips (split by scene) | research, terms to be checked before redistribution |
| vision | GRID talking faces, Intel head-pose clips | CC BY 4.0 |
| audio | ESC-10 folds 1-2 (split by source recording) | CC BY 3.0 |
| audio | Speech Commands (by speaker), GRID sound | CC BY 4.0 |
| audio | Cough-Etiquette (by person) | research |
| physiology | MIT-BIH Arrhythmia (by person; 208 is never trained on) | ODC-By 1.0 |

Teachers (MediaPipe Face Mesh and Iris) placed crops and labelled frames; nothing of them ships.

## What is composite, and what is simulated

- **Fusion windows are composites**: real streams of different recordings on one clock that are *said* to share a state.
  The assumed link between a state, the sound and the heart rate is in the recipe and is kept weak; it is not measured.
- **Closed eyes** are mostly drawn (the upper lid pulled down in a still): the shared data has few real ones.
- **Turned heads** of scenes whose camera stands aside are mirrored stills.
- **Road noise** is rain, sea, fire, engines and brown noise. **Sirens** in training are synthesised.
- Corrupted senses are stuck, random or broken inputs, as listed in the recipe.

## Known failures

- A head turned so far that no face is seen gives no embedding: fusion then has no camera. The rule on the head angle
  and on the missing face must speak.
- `distracted` is learned from few real turned heads; treat its score as weak.
- There is no head for stress: heart rate alone tells it at a within-person AUROC of about 0.65, which does not carry an
  alert.
- A slow heart or silence alone leaves `drowsy` below its limit by design.
- A camera that is stuck on a yawn while no other sense is present is believed: attention has nobody else to turn to.
- When the camera is the corrupted sense, sound and heart say little: drowsy drivers are then missed, not invented.
- The camera must be in use: with sound and heart alone the fusion says little about drowsiness (see "alone" below);
  the rule `driver.drowsy` takes no window without vision.
- **Vision**: closed eyes behind sunglasses are not seen; squinting in a yawn is often called closed; the smallest faces
  (10 to 20 % of the frame's height) are found least; no real infrared or night pictures were available. A camera at the
  side reads a turned head: set `neutral_yaw_deg`, or `driver.looking_away` stays on.
- **Sound**: sneeze, dog and baby cry rest on 5 or 6 held-out clips each. Animals that were not trained on (duck, pig,
  owl) are taken for a crying child, speech or a dog for about a second.
- **Heart**: use lead II; on chest leads many P and T waves are taken for beats. Fusion beats (F) are mostly called V,
  which EC57 does not count as an error. Irregular rhythm was learned from two people with atrial fibrillation and
  simulated intervals; of one of them, left out, half the segments were missed.

## How to read the scores

The held-out people, clips and records were looked at while the designs were chosen (eye-crop jitter, the fusion's
training, the running normal beat): the scores are mildly optimistic. One seed. Record 208, the demo's, was never
trained on but was looked at.
"""


def model_card(title: str, reports: Mapping[str, Mapping[str, Any]], members: Mapping[str, bytes]) -> str:
    """The card as Markdown.

    Args:
        title: name and version.
        reports: modality (or ``fusion``) -> its report.
        members: of the bundle, for sizes.
    """
    lines = [_INTRO.format(title=title), "## Sizes\n", "| member | bytes |", "|---|---|"]
    lines += [f"| {name} | {len(content)} |" for name, content in sorted(members.items()) if name.endswith(".tflite")]
    for part in ("fusion", "vision", "audio", "physio"):
        report = reports.get(part, {})
        lines += ["", f"## Scores: {part}", ""]
        if part == "fusion":
            lines += ["AUROC on held-out composites; `raised_int8`: share of windows with drowsy >= 0.6, by state.", ""]
        lines += ["| figure | value |", "|---|---|"]
        lines += [f"| {name} | {value} |" for name, value in _flat(report) if not name.startswith(("split", "tracks"))]
        if "split" in report:
            lines += ["", f"Split: {_short(report['split'])}"]
    return "\n".join(lines) + "\n"


def _flat(report: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Numbers and short texts of a nested report, dotted; long lists and matrices stay in ``report.json``."""
    if isinstance(report, Mapping):
        for key, value in report.items():
            yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(report, float):
        yield prefix, f"{report:.4g}"
    elif isinstance(report, bool | int | str):
        yield prefix, str(report).replace("|", "/").replace("\n", " ")
    elif isinstance(report, list) and len(report) <= 12 and all(isinstance(v, int | float | str) for v in report):
        yield prefix, ", ".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in report) or "none"


def _short(split: Any) -> str:
    if not isinstance(split, Mapping):
        return str(split)
    return "; ".join(
        f"{key}: {', '.join(map(str, value)) if isinstance(value, list) else value}" for key, value in split.items()
    )


def recipe(*, seed: int) -> str:
    """What rebuilds the bundle, as TOML: the command, the versions, every number of the composites and the fusion."""
    import keras
    import numpy as np
    import tensorflow as tf

    def table(name: str, rows: Mapping[str, Any]) -> list[str]:
        return ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in rows.items())]

    lines = [
        'command = "python -m converters.driver --data ../shared/data --work WORK --out edge_mm/bundles"',
        f"seed = {seed}",
        *table("versions", {
            "python": sys.version.split()[0], "tensorflow": tf.__version__, "keras": keras.__version__,
            "numpy": np.__version__,
        }),
        *table("composites", {
            "states": dict(composites.STATES), "corrupted": composites.CORRUPTED, "absent": composites.ABSENT,
            "corruptions": list(composites.CORRUPTIONS), "length_s": composites.LENGTH_S,
            "slow_bpm": pulse.SLOW_BPM, "fast_bpm": pulse.FAST_BPM, "sound_tracks": hearing.COUNTS,
        }),
        *table("composites.sound", composites.SOUND),
        *table("composites.heart", composites.HEART),
        *table("fusion", {
            "hidden": fusion.HIDDEN, "reach": fusion.REACH, "mask": fusion.MASK, "pooling": list(fusion.POOLING),
            "epochs": fusion.EPOCHS, "batch": fusion.BATCH, "rate": fusion.RATE,
            "attention_loss": fusion.ATTENTION_LOSS,
        }),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return repr(value)
