"""The example of a model of one's own runs as its docstring says, from an empty folder."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_net_of_ones_own_goes_the_whole_way_and_leaves_every_file(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "convert_own_model.py"), "made"],
        cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for said in ("runs in ai_edge_litert", "runs in tflite_runtime 2.14", "The int8 graph passes", "all would run"):
        assert said in done.stdout
    assert {"digits.tflite", "digits.tflite.json", "digits.html", "small.keras"} <= {
        path.name for path in (tmp_path / "made").iterdir()
    }
