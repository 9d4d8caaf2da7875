"""Rows that cannot calibrate a graph are refused with what is wrong, before anything is converted or overwritten."""

import io
import zipfile

import graph_by_hand
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from converters.cli import main
from converters.conversion.child import Converter
from converters.conversion.one import Wanted, convert_model
from converters.conversion.representative import representative
from converters.dataset import read_data
from edge_mm.errors import ConvertError

SHAPES = {"beat": (6,), "face": (2, 2)}


def float_graph():
    """A float ``.tflite`` with the inputs ``beat`` and ``face``."""
    beat, face = (graph_by_hand.tensor(1, *shape, dtype="float32") for shape in SHAPES.values())
    tensors = [beat, face, *(graph_by_hand.tensor(1, *shape, dtype="float32") for shape in SHAPES.values())]
    for tensor, name in zip(tensors, ("beat", "face", "loud", "bright"), strict=True):
        tensor.name = name.encode()
    weight, other = (graph_by_hand.tensor(1, *s, dtype="float32", value=np.ones((1, *s))) for s in SHAPES.values())
    made = graph_by_hand.graph(
        ("MUL", 1, [beat, weight], [tensors[2]], schema.MulOptionsT()),
        ("MUL", 1, [face, other], [tensors[3]], schema.MulOptionsT()),
    )
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(made, 0))
    body = model.subgraphs[0]
    names = [tensor.name for tensor in body.tensors]
    body.inputs = [names.index(b"beat"), names.index(b"face")]
    body.outputs = [names.index(b"loud"), names.index(b"bright")]
    builder = graph_by_hand.flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def good(rows=60):
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=(rows, *shape)).astype(np.float32) for name, shape in SHAPES.items()}


def spoilt(name, index, value):
    arrays = good()
    arrays[name][index] = value
    return arrays


@pytest.fixture(scope="module")
def converter():
    with Converter() as one:
        yield one


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "own.tflite"
    path.write_bytes(float_graph())
    return path


def packed(arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def archive(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


WHOLE = np.random.default_rng(0).integers(-100, 100, (60, 6))
BAD = {
    "another shape": (packed(good() | {"beat": np.zeros((60, 7))}), r"'beat' has rows of the shape \(7,\).*\(6,\)"),
    "a value that is no number": (packed(spoilt("beat", (3, 1), np.nan)), r"'beat' .*NaN or infinite.* 1 rows \(3\)"),
    "an infinite value": (packed(spoilt("face", (slice(0, 9), 0, 0), np.inf)), r"'face' .* 9 rows \(0, 1, 2, \.\.\.\)"),
    "beyond float32": (packed(good() | {"beat": np.full((60, 6), 1e300)}), "'beat' .*infinite.* in 60 rows"),
    "a constant input": (packed(good() | {"face": np.full((60, 2, 2), 3)}), "'face' is constant: every value is 3"),
    "equal rows": (
        packed({name: np.repeat(rows[:1], 60, axis=0) for name, rows in good().items()}),
        "all 60 rows are the same",
    ),
    "too few rows": (packed(good(49)), "too few rows: 49; give at least 50"),
    "no rows": (packed(good(0)), "no rows"),
    "int8": (packed(good() | {"beat": WHOLE.astype(np.int8)}), "'beat' is int8: it looks already quantized"),
    "uint8": (packed(good() | {"beat": WHOLE.astype(np.uint8)}), "'beat' is uint8: it looks already quantized"),
    "int8 in the clothes of float": (
        packed(good() | {"beat": WHOLE.astype(np.float32)}),
        "'beat' has only whole numbers from -100 to 99: it looks already quantized to int8",
    ),
    "a missing input": (
        packed({"beat": good()["beat"]}),
        "no rows for the input 'face'; the model reads 'beat', 'face'",
    ),
    "a strange key": (packed(good() | {"bat": np.zeros((60, 6))}), "'bat' is neither an input .* nor 'group'"),
    "other row counts": (packed(good() | {"face": np.zeros((61, 2, 2))}), "different numbers of rows: .*60.*61"),
    "a single number": (packed(good() | {"beat": np.float32(1)}), "'beat' is a single number, not rows"),
    "words": (packed(good() | {"beat": np.array(["a"] * 60)}), "'beat' holds <U1, not numbers"),
    "complex numbers": (packed(good() | {"beat": np.zeros((60, 6), complex)}), "'beat' holds complex128, not numbers"),
    "objects": (packed(good() | {"beat": np.array([{}] * 60)}), "Object arrays cannot be loaded"),
    "no archive": (b"image,label\n1,2\n", "cannot be read as arrays"),
    "nothing": (b"", "cannot be read as arrays"),
    "half an archive": (packed(good())[:900], "cannot be read as arrays"),
    "an empty archive": (archive(), "no rows for the input 'beat'; .* the file has nothing"),
    "a text in the archive": (archive(beat="no array"), "'beat' is a file, not an array"),
    "one array without a name": (npy(np.zeros((60, 6))), "one array, and the model has several inputs"),
    "more rows than memory": (
        archive(
            **{"beat.npy": npy(np.zeros((60, 6))).replace(b"(60, 6)", b"(10**14, 6)".replace(b"10**14", b"9" * 14))}
        ),
        "cannot be read as arrays",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_a_broken_set_is_refused_with_what_is_wrong_and_nothing_is_written(converter, model, tmp_path, what):
    content, why = BAD[what]
    data, out = tmp_path / "rows.npz", tmp_path / "out.tflite"
    data.write_bytes(content)
    with pytest.raises(ConvertError, match=why) as refused:
        convert_model(Wanted(model, data, "int8-static", out), converter=converter)
    assert str(data) in str(refused.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.tflite", "rows.npz"]


def test_the_command_says_it_in_one_line_with_exit_status_65_and_leaves_what_was_there(model, tmp_path, capfd):
    data, out = tmp_path / "rows.npz", tmp_path / "out.tflite"
    data.write_bytes(BAD["a constant input"][0])
    out.write_bytes(b"of last week")
    assert main(["quantize", str(model), "--representative", str(data), "--out", str(out)]) == 65
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"edge-mm-convert: {data}: 'face' is constant")
    assert said.err.count("\n") == 1
    assert out.read_bytes() == b"of last week"


def test_a_file_that_is_not_there_and_a_folder_are_told_apart(converter, model, tmp_path):
    with pytest.raises(ConvertError, match=r"none\.npz: no such file"):
        convert_model(Wanted(model, tmp_path / "none.npz", "int8-static"), converter=converter)
    with pytest.raises(ConvertError, match="a folder of recordings needs --front-end"):
        convert_model(Wanted(model, tmp_path, "int8-static"), converter=converter)


def test_damage_anywhere_in_a_file_is_a_sentence(tmp_path):
    rng, path = np.random.default_rng(1), tmp_path / "rows.npz"
    plain, squeezed = packed(good()), io.BytesIO()
    np.savez_compressed(squeezed, **good())
    refused = 0
    for whole in (plain, squeezed.getvalue()):
        for _ in range(150):
            damaged = bytearray(whole)
            for place in rng.integers(0, len(damaged), 4):
                damaged[place] = rng.integers(0, 256)
            path.write_bytes(damaged)
            try:
                read_data(path, inputs=SHAPES, outputs=[])
            except ConvertError:
                refused += 1
    assert refused > 150


def test_x_and_y_stand_for_the_only_input_and_output(tmp_path):
    np.savez(tmp_path / "rows.npz", x=np.ones((3, 6)), y=np.arange(3), group=np.array(["ann", "ann", "bob"]))
    data = read_data(tmp_path / "rows.npz", inputs={"beat": (6,)}, outputs=["sick"])
    assert data.inputs["beat"].shape == (3, 6)
    assert data.inputs["beat"].dtype == np.float32
    assert data.targets["sick"].tolist() == [0, 1, 2]
    assert data.groups.tolist() == ["ann", "ann", "bob"]
    np.save(tmp_path / "rows.npy", np.ones((3, 6)))
    assert len(read_data(tmp_path / "rows.npy", inputs={"beat": (6,)}, outputs=[])) == 3
    np.save(tmp_path / "words.npy", np.array(["a", "b"]))
    with pytest.raises(ConvertError, match="'beat' holds <U1, not numbers"):
        read_data(tmp_path / "words.npy", inputs={"beat": ()}, outputs=[])


def test_the_same_values_have_the_same_digest_however_they_are_packed(tmp_path):
    np.savez(tmp_path / "a.npz", **good())
    np.savez_compressed(tmp_path / "b.npz", **dict(reversed(good().items())))
    np.savez(tmp_path / "c.npz", **spoilt("beat", (0, 0), 9.0))
    a, b, c = (read_data(tmp_path / f"{name}.npz", inputs=SHAPES, outputs=[]).digest for name in "abc")
    assert a == b != c


def test_the_rows_used_are_spread_over_the_whole_set(tmp_path):
    numbered = np.arange(1000, dtype=np.float32)[:, None] + np.linspace(0, 0.5, 6, dtype=np.float32)
    np.savez(tmp_path / "rows.npz", x=numbered)
    data = read_data(tmp_path / "rows.npz", inputs={"beat": (6,)}, outputs=[])
    used = [int(row["beat"][0, 0]) for row in representative(data, where="rows", most=50)]
    assert len(used) == 50
    assert (used[0], used[-1]) == (0, 999)
    assert max(np.diff(used)) <= 21
    assert len(representative(data, where="rows")) == 500
