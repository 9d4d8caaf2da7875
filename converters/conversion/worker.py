"""The child process that converts: a line of JSON in, a line of JSON out, until its input ends.

A calibrator that meets what it cannot take may end its whole process, so it runs apart from the program that waits for
it (``child.py``). Files go through a folder; this process reads and writes nothing else. Not here: retries, messages.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


def main() -> int:
    """Serve until the standard input ends; gives the exit status."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    from edge_mm.errors import ConvertError

    for line in sys.stdin:
        job = json.loads(line)
        try:
            answer = _do(job)
        except ConvertError as error:
            answer = {"error": str(error)}
        except Exception as error:  # whatever a library raises becomes a sentence in the parent
            answer = {"error": f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:300]}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    return 0


def _do(job: dict[str, Any]) -> dict[str, Any]:
    kind, source, out = job["kind"], Path(job["source"]), Path(job["out"])
    if kind == "int8":
        content = _int8(source, job)
    else:
        content = _from_model(kind, source, None if job.get("samples") is None else Path(job["samples"]))
    out.write_bytes(content)
    return {"bytes": len(content)}


def _int8(source: Path, job: dict[str, Any]) -> bytes:
    import numpy as np

    from converters.conversion.int8 import quantize_graph

    with np.load(job["samples"], allow_pickle=False) as arrays:
        stacked = {key: arrays[key] for key in arrays.files}
    count = len(next(iter(stacked.values())))
    samples = [{key: value[i : i + 1] for key, value in stacked.items()} for i in range(count)]
    return quantize_graph(source.read_bytes(), samples, float_layers=job["float_layers"], percentile=job["percentile"])


def _from_model(kind: str, source: Path, _samples: Path | None) -> bytes:
    from converters.conversion import keras_graph
    from converters.conversion.agreement import check_agreement

    if kind == "dynamic":
        if source.is_dir():
            return keras_graph.dynamic_range_graph(source)
        return keras_graph.dynamic_range_graph(keras_graph.load_keras(source))
    if source.is_dir():
        return keras_graph.saved_model_graph(source)
    model = keras_graph.load_keras(source)
    content = keras_graph.float_graph(model)
    check_agreement(model, content, where=str(source))
    return content


if __name__ == "__main__":
    sys.exit(main())
