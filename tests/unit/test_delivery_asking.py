"""Whatever comes to a request's topic is a checked request or a sentence that says what is wrong."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_mm.delivery.asking import issued_ns, read_request
from edge_mm.delivery.bridge_payloads import encode
from edge_mm.delivery.clock import Anchor
from edge_mm.delivery.requests import MAX_REQUEST_BYTES, REQUESTS, TAKES, Response, Silence

NOW = Anchor(wall_ns=issued_ns("2026-11-28T04:05:06Z"), mono_ns=0, boot_id="b", synced=False)
ISSUED = '"issued_at": "2026-11-28T04:05:06Z"'


def error_of(verb, payload):
    found = read_request(verb, payload if isinstance(payload, bytes) else payload.encode(), now=NOW)
    assert isinstance(found, Response), found
    assert found.status == "error"
    return found.error


def test_a_request_is_checked_and_typed():
    payload = b'{"issued_at": "2026-11-28T05:05:06.5+01:00", "incident_id": "X", "seconds": 30, "transaction": 5}'
    found = read_request("silence", payload, now=NOW)
    assert isinstance(found, Silence)
    assert (found.incident_id, found.seconds, found.transaction) == ("X", 30, 5)


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe", "no UTF-8"),
        ("[" * 4000, "nested too deeply"),
        ("[]", "not a JSON object"),
        (" " * (MAX_REQUEST_BYTES + 1), "at most 4096 bytes"),
        (f"{{{ISSUED}, {ISSUED}}}", "'issued_at' stands in it twice"),
        (f'{{{ISSUED}, "transaction": NaN}}', "NaN is no JSON"),
        (f'{{{ISSUED}, "transaction": {10**30}}}', "2**53"),
        (f'{{{ISSUED}, "transaction": {"9" * 4000}}}', "health"),
        (f'{{{ISSUED}, "by": "a\\u0000b"}}', "cannot be printed"),
        (f'{{{ISSUED}, "by": "\\ud800"}}', "cannot be printed"),
        (f'{{{ISSUED}, "by": "{"x" * 65}"}}', "by"),
        (f'{{{ISSUED}, "\\ud800": 1}}', "unknown field '\\ud800'; there are issued_at, transaction, by"),
        ("{}", "issued_at is missing: say when it was issued"),
        ('{"issued_at": 5}', "issued_at is not right: say when it was issued, as a text like 2026"),
        (f'{{{ISSUED}, "transaction": 1.5}}', "transaction is not right: a text of at most 64 letters, or a whole"),
        (f'{{{ISSUED}, "bye": "me"}}', "unknown field bye; did you mean by?"),
        (f'{{{ISSUED}, "user": "me"}}', "unknown field user; did you mean by?"),
        (f'{{{ISSUED}, "seconds": 5}}', "unknown field seconds; there are issued_at, transaction, by"),
        ('{"issued_at": "2026-11-28T04:05:06"}', "with a zone"),
        ('{"issued_at": "2026-13-28T04:05:06Z"}', "with a zone"),
        ('{"issued_at": "2026-11-28T04:04:55Z"}', "issued 11 s ago by the clock of this device, which is not synchro"),
        ('{"issued_at": "2026-11-28T04:05:17Z"}', "issued 11 s from now"),
        ('{"issued_at": "0001-01-01T00:00:00Z"}', "2026-11-28T04:05:06.000Z"),
    ],
)
def test_what_is_wrong_is_said(payload, words):
    text = error_of("health", payload)
    assert words in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("verb", "more", "words"),
    [
        ("silence", '"incident_id": "X", "duration_s": 60', "unknown field duration_s; did you mean seconds?"),
        ("silence", '"incident_id": "X", "second": 60', "unknown field second; did you mean seconds?"),
        ("silence", '"alert_id": "X"', "unknown field alert_id; did you mean incident_id?"),
        ("silence", '"seconds": 60', "incident_id is missing: a text, as the alarm's event or state has it"),
        ("acknowledge", '"incident_id": 7', "incident_id is not right: a text, as the alarm's event"),
        ("log_level", '"level": "DEBUG"', "level is not right: debug, info, warning or error"),
        ("calibrate", '"seconds": 5', "calibrating takes from 60 to 900 s"),
        ("waveforms", '"seconds": 301', "waveforms are published for at most 300 s"),
        *(
            (
                "silence",
                f'"incident_id": "X", "seconds": {wrong}',
                "silence: a silence lasts at most 600 s (120 s at high",
            )
            for wrong in ("601", "0", "-1", '"60"', "[]", "true")
        ),
    ],
)
def test_what_is_wrong_with_a_field_is_said_in_words_of_ours(verb, more, words):
    text = error_of(verb, f"{{{ISSUED}, {more}}}")
    assert words in text
    assert "Expected" not in text
    assert "$" not in text


def test_every_field_of_every_request_has_words_of_its_own():
    for verb, kind in REQUESTS.items():
        for field in kind.__struct_fields__:
            assert field in TAKES or f"{verb}.{field}" in TAKES


def test_ten_seconds_are_allowed():
    for at in ("04:04:56", "04:05:16"):
        found = read_request("health", f'{{"issued_at": "2026-11-28T{at}Z"}}'.encode(), now=NOW)
        assert not isinstance(found, Response)


def test_the_transaction_is_repeated_where_it_can_be_read():
    found = read_request("health", b'{"issued_at": "never", "transaction": "mine"}', now=NOW)
    assert found.transaction == "mine"


def test_an_unknown_verb_is_shown_without_what_could_harm_a_terminal():
    assert "unknown request '\\x1b[2J'" in error_of("\x1b[2J", b"{}")


TEXTS = st.text(max_size=80) | st.text(st.characters(categories=("Cs", "Cc", "Lu")), max_size=5)  # halves of pairs, too
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
DOCUMENTS = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
FIELDS = ("issued_at", "transaction", "by", "incident_id", "seconds", "level")
LIKELY = st.dictionaries(
    st.sampled_from(FIELDS) | TEXTS, LEAVES | st.sampled_from(("2026-11-28T04:05:06Z", "debug", 60)), max_size=6
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([*REQUESTS, "x"]), st.binary(max_size=200) | (DOCUMENTS | LIKELY).map(json.dumps))
def test_anything_is_a_request_or_a_sentence_that_can_be_sent(verb, payload):
    raw = payload if isinstance(payload, bytes) else payload.encode("utf-8", "surrogatepass")
    found = read_request(verb, raw, now=NOW)
    if isinstance(found, Response):
        assert found.error
        assert json.loads(encode(found))["error"]
    else:
        assert isinstance(found, REQUESTS[verb])
