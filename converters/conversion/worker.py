"""The child process that converts: lines of JSON in, lines of JSON out, until its input ends.

A calibrator that meets what it cannot take may end its whole process, so it runs apart from the program that waits for
it (``child.py``). A job is one line; its answer is ``{"say": [...]}`` for every step on the way, then ``{"bytes": n}``
or ``{"error": "..."}``. Files go through a folder; this process reads and writes nothing else. Not here: retries,
messages.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from converters.conversion.progress import Say
from edge_mm.errors import ConvertError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


def main() -> int:
    """Serve until the standard input ends; gives the exit status."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer

    def answer(said: dict[str, Any]) -> None:
        answers.write(json.dumps(said) + "\n")

    for line in sys.stdin:
        job = json.loads(line)
        try:
            content = _done(job, lambda what, done, total: answer({"say": [what, done, total]}))
            Path(job["out"]).write_bytes(content)
            answer({"bytes": len(content)})
        except ConvertError as error:
            answer({"error": str(error)})
        except Exception as error:  # whatever a library raises becomes a sentence in the parent
            traceback.print_exc()
            text = " ".join(str(error).split())[:300]
            answer({"error": f"{job['what']}: unexpected {type(error).__name__}: {text}"})
    return 0


def _done(job: dict[str, Any], say: Say) -> bytes:
    source = Path(job["source"])
    if job["kind"] == "tflite":
        from converters.conversion.adoption import adopted

        return adopted(source.read_bytes())
    say("loading TensorFlow", 0, 0)
    if job["kind"] == "int8":
        return _int8(source, job, say)
    return _from_model(source, say, weights_only=job["kind"] == "dynamic")


def _int8(source: Path, job: dict[str, Any], say: Say) -> bytes:
    import numpy as np

    from converters.conversion.int8 import quantize_graph

    with np.load(job["samples"], allow_pickle=False) as arrays:
        stacked = {key: arrays[f"{i}"] for i, key in enumerate(job["inputs"])}
    count = len(next(iter(stacked.values())))
    samples = [{key: value[i : i + 1] for key, value in stacked.items()} for i in range(count)]
    return quantize_graph(
        source.read_bytes(), samples, float_layers=job["float_layers"], percentile=job["percentile"], say=say
    )


def _from_model(source: Path, say: Say, *, weights_only: bool) -> bytes:
    from converters.conversion import keras_graph
    from converters.conversion.agreement import check_agreement

    model: Any = source if source.is_dir() else keras_graph.load_keras(source)
    say(f"converting {source.name}", 0, 0)
    if weights_only:
        return keras_graph.dynamic_range_graph(model)
    content = keras_graph.saved_model_graph(source) if source.is_dir() else keras_graph.float_graph(model)
    say(f"comparing the float graph with {source.name}", 0, 0)

    says = keras_graph.signature_model(source) if source.is_dir() else keras_graph.keras_model(model)
    check_agreement(says, content, where=str(source))
    return content


if __name__ == "__main__":
    sys.exit(main())
