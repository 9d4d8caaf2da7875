"""A plan of one graph that needs no TensorFlow: the shipped fusion, float graph and made graph at once."""

import numpy as np

from converters.graphs.names import shortened
from converters.graphs.reader import read_graph
from converters.recipe import toml
from edge_mm.models.bundle import load_bundle
from edge_mm.perception.litert import Graph

ROWS = 400
AS_IT_IS = 'name = "as-it-is"\nsummary = "nothing is done"\nruntimes = ["ai_edge_litert"]\n[quantize]\nmode = "float"\n'


def fusion_graph():
    """The shipped fusion as the conversion hands on what is a ``.tflite`` already."""
    return shortened(load_bundle("driver").graph("fusion"))


def write_fusion_plan(folder, *, graph=None, rows=ROWS, **changes):
    """``folder/tiny.toml`` and what it names; gives its path.

    Args:
        folder: made if absent.
        graph: another ``.tflite``.
        rows: of random numbers, with what the graph says of ``drowsy`` as the target.
        changes: keys of the plan, or of its only graph (``fusion=dict(...)``); None leaves a key out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = graph or fusion_graph()
    (folder / "fusion.tflite").write_bytes(content)
    (folder / "as-it-is.toml").write_text(AS_IT_IS)
    read, rng = read_graph(content), np.random.default_rng(0)
    shapes = {key: read.tensors[place].shape[1:] for key, place in read.signature_inputs.items()}
    arrays = {key: rng.uniform(0, 1, (rows, *shape)).astype(np.float32) for key, shape in shapes.items()}
    run = Graph(content, name="fusion")
    said = np.array([run(**{key: value[i] for key, value in arrays.items()})["drowsy"] for i in range(rows)])
    np.savez(folder / "rows.npz", drowsy=(said >= np.median(said)).astype(np.float32), **arrays)
    fusion = {
        "model": "fusion.tflite", "representative": "rows.npz", "evaluation": "rows.npz", "metric": "auroc:drowsy",
        **changes.pop("fusion", {}),
    }  # fmt: skip
    shipped = load_bundle("driver").manifest
    head = {
        "name": "tiny", "version": "1.0", "window_s": 10.0, "hop_s": 1.0, "modalities": list(shipped.modalities),
        "heads": list(shipped.heads), "recipe": "as-it-is.toml", **changes,
    }  # fmt: skip
    lines = [f"{key} = {toml(value)}" for key, value in head.items() if value is not None]
    lines += ["[graphs.fusion]", *(f"{key} = {toml(value)}" for key, value in fusion.items() if value is not None)]
    path = folder / "tiny.toml"
    path.write_text("\n".join(lines) + "\n")
    return path
