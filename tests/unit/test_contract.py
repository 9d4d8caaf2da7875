"""The shipped contract is that of the code, names everything, and says when receivers would be broken."""

import copy
import json
import re

import jsonschema
import pytest
from schemas_written import FOLDER, documents, text

from edge_mm.cli import main
from edge_mm.delivery import topics
from edge_mm.delivery.contract import SAID, asyncapi, breaking, schema_of
from edge_mm.delivery.requests import REQUESTS


def test_what_is_shipped_was_made_of_this_code():
    new = {name: text(document) for name, document in documents().items()}
    shipped = {path.stem: path.read_text() for path in FOLDER.glob("*.json")}
    assert shipped == new, "run 'make schemas'"


def test_every_topic_and_every_request_is_in_it():
    tree = {one.path for one in vars(topics).values() if isinstance(one, topics.Channel)}
    said = {one.channel.path for one in SAID.values()}
    assert tree - said == {"bridge/request/{}", "bridge/echo"}  # each request by itself; the echo is ours alone
    assert {name for name in SAID if name.startswith("request-")} == {f"request-{verb}" for verb in REQUESTS}


@pytest.mark.parametrize("name", SAID)
def test_each_schema_is_one_and_says_what_every_field_is(name):
    schema = schema_of(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    bare = [
        f"{part}.{field}"
        for part, one in schema.get("$defs", {}).items()
        for field, what in one.get("properties", {}).items()
        if "description" not in what
    ]
    assert bare == []


def test_every_reference_in_the_document_leads_somewhere():
    document = asyncapi()
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))):
        place = document
        for step in reference.split("/"):
            place = place[step]
    for channel in document["channels"].values():
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel["parameters"])


def altered(change):
    document = copy.deepcopy(asyncapi())
    change(document)
    return document


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["channels"].pop("alert-event"), "channel alert-event is gone"),
        (lambda d: d["channels"]["alert-event"].update(address="x"), "another address"),
        (lambda d: d["components"]["schemas"].pop("AlertState"), "AlertState is gone"),
        (lambda d: d["components"]["schemas"]["AlertState"]["properties"].pop("reason"), "AlertState.reason is gone"),
        (
            lambda d: d["components"]["schemas"]["AlertState"]["properties"]["seq"].update(type="string"),
            "AlertState.seq has another form",
        ),
        (lambda d: d["components"]["schemas"]["AlertState"]["required"].remove("seq"), "seq may now be absent"),
        (lambda d: d["components"]["schemas"]["Silence"]["required"].append("by"), "Silence.by is now required"),
    ],
)
def test_what_would_break_a_receiver_is_told(change, words):
    assert any(words in one for one in breaking(asyncapi(), altered(change)))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["channels"].update(new={"address": "x"}),
        lambda d: d["components"]["schemas"]["AlertState"]["properties"].update(more={"type": "string"}),
        lambda d: d["components"]["schemas"]["AlertState"]["properties"]["state"]["enum"].append("asleep"),
        lambda d: None,
    ],
)
def test_what_is_new_breaks_nobody(change):
    assert breaking(asyncapi(), altered(change)) == []


def test_the_documents_are_printed(capsys):
    assert main(["schema"]) == 0
    assert capsys.readouterr().out.split() == sorted([*SAID, "asyncapi"])
    assert main(["schema", "alert-event"]) == 0
    assert json.loads(capsys.readouterr().out) == schema_of("alert-event")
    assert main(["schema", "../alert-event"]) == 2
    assert "there are alert-event" in capsys.readouterr().err
