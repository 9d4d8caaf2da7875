"""Stands alone: runs one graph in one runtime and says what came out. Started by ``trial.py``.

In: ``RUNTIME GRAPH INPUTS.npz OUTPUTS.npz INVOKES``. Out: a line of JSON, and the outputs of each row as a ``.npz``.
Both files hold ``names``, and under the number of each name its rows: a name may be one that no file can have. Nothing
of edge-mm is imported: the Python of another runtime has numpy and that runtime, no more.
"""

import importlib
import json
import statistics
import sys
import time
from typing import Any

import numpy as np


def main() -> int:
    """Run each row, then time some invokes."""
    runtime, graph, given, out, invokes = sys.argv[1:]
    module = importlib.import_module(f"{runtime}.interpreter")
    interpreter = module.Interpreter(model_path=graph, num_threads=1)
    interpreter.allocate_tensors()
    runner = interpreter.get_signature_runner(next(iter(interpreter.get_signature_list())))
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    del runner  # while it lives, invoke() raises
    said: dict[str, list[Any]] = {name: [] for name in outputs}
    with np.load(given, allow_pickle=False) as rows:
        stacked = {str(name): rows[f"{i}"] for i, name in enumerate(rows["names"])}
    for i in range(len(next(iter(stacked.values())))):
        interpreter.reset_all_variables()
        for name, detail in inputs.items():
            interpreter.set_tensor(detail["index"], quantized(stacked[name][i : i + 1], detail))
        interpreter.invoke()
        for name, detail in outputs.items():
            said[name].append(real(interpreter.get_tensor(detail["index"]), detail))
    times = []
    for _ in range(int(invokes)):
        start = time.perf_counter()
        interpreter.invoke()
        times.append(time.perf_counter() - start)
    answers: dict[str, Any] = {f"{i}": np.concatenate(values) for i, values in enumerate(said.values())}
    np.savez(out, names=np.array(list(said)), **answers)
    print(json.dumps({"us": statistics.median(times) * 1e6 if times else None, "numpy": np.__version__}))
    return 0


def quantized(values: Any, detail: dict[str, Any]) -> Any:
    """Floats as the input wants them."""
    scale, zero = detail["quantization"]
    dtype = detail["dtype"]
    values = values.reshape(detail["shape"])
    if dtype in (np.int8, np.uint8):
        limits = np.iinfo(dtype)
        return np.clip(np.rint(values / scale) + zero, limits.min, limits.max).astype(dtype)
    return values.astype(dtype)


def real(values: Any, detail: dict[str, Any]) -> Any:
    """What the output says as floats."""
    scale, zero = detail["quantization"]
    if detail["dtype"] in (np.int8, np.uint8):
        values = (values.astype(np.float32) - zero) * np.float32(scale)
    return np.array(values, np.float32)


if __name__ == "__main__":
    sys.exit(main())
