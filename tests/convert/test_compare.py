"""`edge-mm-convert compare`: one verdict, one page, one document, whatever the names in the graph are."""

import argparse
import json
import re
from html.parser import HTMLParser
from importlib import import_module

import numpy as np
import pytest

from converters import cli
from converters.dataset import DataSet
from converters.verbs import compare as verb
from edge_mm.errors import ConvertError

HOSTILE = '<script>alert("x")</script>&$\\frac|`'


@pytest.fixture(scope="module")
def digits():
    return import_module("digits_graphs").digits()


@pytest.fixture(scope="module")
def files(digits, tmp_path_factory):
    """A folder with the graphs and the held-out rows, each from one of 200 people."""
    folder = tmp_path_factory.mktemp("compare")
    for name in ("float_graph", "int8", "dark"):
        (folder / f"{name}.tflite").write_bytes(getattr(digits, name))
    data = digits.held_out
    people = np.arange(len(data)) // 5
    np.savez(folder / "data.npz", image=data.inputs["image"], classes=data.targets["classes"], group=people)
    np.savez(folder / "rows.npz", image=data.inputs["image"])
    return folder


def run(folder, *words, int8="int8"):
    parser = argparse.ArgumentParser()
    verb.arguments(parser)
    given = [str(folder / "float_graph.tflite"), str(folder / f"{int8}.tflite"), *map(str, words)]
    return verb.run(parser.parse_args(given))


def test_json_is_one_document_with_everything_in_it(files, capsys):
    assert run(files, "--data", files / "data.npz", "--json", "--gate") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["passed"] is True
    (loss,) = said["losses"]
    assert (loss["metric"], loss["rows"], loss["groups"]) == ("accuracy:classes", 997, 200)
    assert set(said["outputs"]) == {"classes", "embedding"}
    assert [layer["label"] for layer in said["layers"]][-1] == "classes"
    assert said["size"]["int8"]["bytes"] < said["size"]["float"]["bytes"]
    assert said["size"]["int8"]["macs"] == said["size"]["float"]["macs"] > 10_000
    assert said["latency"][0]["ratio"] == pytest.approx(said["latency"][0]["int8_us"] / said["latency"][0]["float_us"])


def test_the_gate_ends_with_one_where_the_graph_loses_and_the_reports_say_refused(files, tmp_path, capsys):
    reports = "--out", tmp_path / "r.md", "--html", tmp_path / "r.html"
    assert run(files, "--data", files / "data.npz", "--gate", *reports, int8="dark") == 1
    assert "does not pass" in capsys.readouterr().out
    text, page = (tmp_path / "r.md").read_text(), (tmp_path / "r.html").read_text()
    for report in (text, page):
        assert "does not pass" in report
        assert "image (INPUT)" in report
        assert "calibrate with data like this" in report
    assert run(files, "--data", files / "data.npz", int8="dark") == 0


def test_the_page_is_whole_and_fetches_nothing(files, tmp_path):
    run(files, "--data", files / "data.npz", "--html", tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert tags.seen.count("svg") == 4
    assert not {"script", "link", "iframe", "object"} & set(tags.seen)
    assert all(value.startswith(("#", "data:image/png")) for value in tags.addresses)
    assert 'class="verdict passes">The int8 graph passes' in page


class Tags(HTMLParser):
    """Tags that were opened, those still open, and what they would fetch."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.addresses = [], [], []

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "xlink:href", "data")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in ("meta", "br"):
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_hostile_names_are_text_in_every_report(digits):
    from converters.evaluation.comparison import compare
    from converters.reports import markdown
    from converters.reports.page import page

    float_graph, int8 = (renamed(one) for one in (digits.float_graph, digits.int8))
    data = DataSet(digits.held_out.inputs, {HOSTILE: digits.held_out.targets["classes"]}, None, "0" * 64)
    comparison = compare(float_graph, int8, data)
    assert comparison.table.layers
    html = page(comparison, title=HOSTILE)
    assert "<script" not in html
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;$\\frac|`" in html
    text = markdown.report(comparison, title=HOSTILE)
    assert "<script" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {5, 7, 8, 9}


def renamed(content):
    """The graph with a hostile name at every tensor and at the output `classes`."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    for i, tensor in enumerate(model.subgraphs[0].tensors):
        tensor.name = f"{i}{HOSTILE}".encode()
    for one in model.signatureDefs[0].outputs:
        one.name = HOSTILE.encode() if one.name == b"classes" else one.name
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_without_targets_the_outputs_are_compared_and_the_task_is_said_to_be_unknown(files, capsys):
    assert run(files, "--data", files / "rows.npz", "--gate") == 0
    assert "the task was not judged" in capsys.readouterr().out
    assert run(files, "--data", files / "rows.npz", "--gate", int8="dark") == 1
    with pytest.raises(ConvertError, match="no targets under 'classes'"):
        run(files, "--data", files / "rows.npz", "--metric", "accuracy:classes")


def test_a_keras_model_is_compared_with_the_graph_made_of_it_and_remedies_are_measured(files, digits, tmp_path, capsys):
    digits.model.save(tmp_path / "digits.keras")
    np.savez(tmp_path / "calibration.npz", image=np.concatenate([one["image"] for one in digits.samples]))
    parser = argparse.ArgumentParser()
    verb.arguments(parser)
    words = [tmp_path / "digits.keras", files / "int8.tflite", "--data", files / "data.npz", "--json"]
    words += ["--representative", tmp_path / "calibration.npz", "--metric", "f1:classes"]
    assert verb.run(parser.parse_args([str(word) for word in words])) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["losses"][0]["metric"] == "f1:classes"
    assert said["layers"]
    assert any(one["layers"] for one in said["remedies"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--data", "data.npz", "--metric", "speed:classes"], "must begin with one of"),
        (["--data", "data.npz", "--metric", "accuracy:speed"], "not 'speed'"),
        (["--data", "data.npz", "--out", "nowhere/r.md"], "there is no folder"),
        (["--data", "nothing.npz"], "no such file"),
        (["--data", "data.npz", "--max-loss", "nan"], "--max-loss must be"),
    ],
)
def test_what_is_wrong_is_one_sentence(files, words, sentence, monkeypatch):
    monkeypatch.chdir(files)
    with pytest.raises(ConvertError, match=sentence) as caught:
        run(files, *words)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_is_no_graph_and_two_in_the_wrong_order_are_refused_by_name(files, tmp_path):
    parser = argparse.ArgumentParser()
    verb.arguments(parser)
    (tmp_path / "junk.tflite").write_bytes(b"junk" * 9)
    for first, second, sentence in (
        (files / "float_graph.tflite", tmp_path / "junk.tflite", r"junk.tflite: this is no .tflite graph"),
        (tmp_path / "junk.tflite", files / "int8.tflite", r"junk.tflite: this is no .tflite graph"),
        (files / "int8.tflite", files / "float_graph.tflite", "give the float one first"),
    ):
        with pytest.raises(ConvertError, match=sentence):
            verb.run(parser.parse_args([str(first), str(second), "--data", str(files / "data.npz")]))


def test_the_same_graphs_and_rows_give_the_same_numbers(digits):
    from converters.evaluation.comparison import as_data, compare

    first, second = (as_data(compare(digits.float_graph, digits.int8, digits.held_out)) for _ in range(2))
    for one in (first, second):
        del one["latency"]
    assert first == second


@pytest.mark.parametrize("option", ["--out", "--html"])
def test_a_report_never_overwrites_what_it_is_about(files, option):
    before = (files / "int8.tflite").read_bytes()
    for path, said in (
        (files / "int8.tflite", "would overwrite"),
        (files, "is a folder"),
        (files / "no/r", "no folder"),
    ):
        with pytest.raises(ConvertError, match=f"{option} .*{said}"):
            run(files, "--data", files / "data.npz", option, path)
    assert (files / "int8.tflite").read_bytes() == before


@pytest.mark.parametrize("name", ["image", "classes"])
def test_held_out_values_that_are_no_numbers_are_refused_with_their_rows(files, name, tmp_path):
    arrays = dict(np.load(files / "data.npz"))
    arrays[name] = arrays[name].astype(np.float32)
    arrays[name][7] = np.nan
    np.savez(tmp_path / "nan.npz", **arrays)
    with pytest.raises(ConvertError, match=rf"nan\.npz: '{name}' has values that are no numbers .* in 1 rows \(7\)"):
        run(files, "--data", tmp_path / "nan.npz")


def test_a_loop_is_compared_although_the_runtime_keeps_nothing_of_its_body(tmp_path, capsys):
    own = import_module("own_models")
    model, rows = own.write(tmp_path, "loop", own.lstm(unroll=False))
    words = ["quantize", str(model), "--representative", str(rows), "--recipe", "dynamic-range"]
    assert cli.main([*words, "--runtime", "ai_edge_litert"]) == 0
    assert cli.main(["compare", str(model), str(tmp_path / "loop.tflite"), "--data", str(rows), "--json"]) == 0
    said = json.loads(capsys.readouterr().out.split("\n{\n", 1)[1].join(["{\n", ""]))
    assert said["outputs"]["head"]["snr_db"] > 30
