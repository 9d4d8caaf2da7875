"""What a payload can be: a bare number, a number somewhere in JSON, a pressure, or nothing that can be read."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_mm.errors import ConfigError
from edge_mm.kinds import READINGS
from edge_mm.sources.json_path import JsonPath
from edge_mm.sources.mqtt_values import LONGEST_PAYLOAD, BadPayload, Payloads
from edge_mm.sources.reading_units import UNIT_OF_READING, conversion
from edge_mm.sources.wanted import Wanted


def payloads(kind="heart_rate", path=None, unit=None):
    return Payloads(Wanted("s", kind, path=path, unit=unit, address="t"))


@pytest.mark.parametrize(
    ("path", "payload", "value"),
    [
        (None, b"72", 72.0),
        (None, b" 72.5\n", 72.5),
        (None, b"7.2e1", 72.0),
        (None, b'"72"', 72.0),
        ("bpm", b'{"bpm": 72}', 72.0),
        ("heart.bpm", b'{"heart": {"bpm": "72.5"}}', 72.5),
        ("values[1]", b'{"values": [1, 72]}', 72.0),
        ("[0].x y", b'[{"x y": 72}]', 72.0),
        ("a[0][1]", b'{"a": [[0, 72]]}', 72.0),
    ],
)
def test_a_number_is_found_where_it_stands(path, payload, value):
    assert payloads(path=path).rows(payload).tolist() == [value]


@pytest.mark.parametrize(("path", "payload"), [(None, b"nan"), (None, b"null"), ("b", b'{"b": null}')])
def test_a_device_that_could_not_tell_gives_no_number_instead_of_a_wrong_one(path, payload):
    assert math.isnan(payloads(path=path).rows(payload)[0])


@pytest.mark.parametrize(
    ("path", "payload", "why"),
    [
        (None, b"", "empty"),
        (None, b"unavailable", "no number"),
        (None, b"72 bpm", "no number"),
        (None, b"7_2", "no number"),
        (None, b"inf", "no number"),
        (None, b"\xff\xfe", "UTF-8"),
        (None, b"9" * 400, "too large"),
        (None, b"[72]", "list"),
        ("b", b"72", "nothing stands"),
        ("b", b'{"c": 72}', "nothing stands"),
        ("b[1]", b'{"b": [72]}', "nothing stands"),
        ("b", b'{"b": true}', "bool"),
        ("b", b'{"b": Infinity}', "too large"),
        ("b", b'{"b": ' + b"9" * 5000 + b"}", "no JSON"),
        ("b", b"[" * 60_000, "no JSON"),
        ("b", b'{"b": 7', "no JSON"),
        (None, b"7" * (LONGEST_PAYLOAD + 1), "more than"),
    ],
)
def test_what_is_no_number_is_refused_without_quoting_it(path, payload, why):
    with pytest.raises(BadPayload, match=why) as refused:
        payloads(path=path).rows(payload)
    assert "72" not in str(refused.value)


@pytest.mark.parametrize(
    ("path", "payload", "mean"),
    [
        (None, b"120/80", math.nan),
        (None, b"120/80/93", 93.0),
        (None, b"[120, 80, 93]", 93.0),
        (None, b'{"systolic": 120, "diastolic": 80}', math.nan),
        ("bp", b'{"bp": {"SYS": 120, "dia": 80, "map": 93}}', 93.0),
        ("bp", b'{"bp": "120/80"}', math.nan),
    ],
)
def test_a_blood_pressure_is_a_row_of_three(path, payload, mean):
    rows = payloads("blood_pressure", path).rows(payload)
    np.testing.assert_array_equal(rows, np.array([[120.0, 80.0, mean]], np.float32))


@pytest.mark.parametrize("payload", [b"120", b"[120]", b"[1, 2, 3, 4]", b'{"systolic": 120}', b"120/80/90/1", b"{}"])
def test_what_is_no_pair_of_pressures_is_refused(payload):
    with pytest.raises(BadPayload):
        payloads("blood_pressure").rows(payload)


def test_intervals_come_one_or_several_at_a_time_in_seconds():
    assert payloads("rr", unit="ms").rows(b"[800, 812]").tolist() == pytest.approx([0.8, 0.812])
    assert payloads("rr").rows(b"0.8").tolist() == pytest.approx([0.8])


@pytest.mark.parametrize(
    ("kind", "unit", "value", "ours"),
    [
        ("speed", "mph", 60.0, 96.56064),
        ("speed", "m/s", 10.0, 36.0),
        ("speed", "km/h", 50.0, 50.0),
        ("speed", "kn", 10.0, 18.52),
        ("body_temp", "degF", 98.6, 37.0),
        ("body_temp", "°F", 98.6, 37.0),
        ("blood_pressure", "kPa", 16.0, 120.00987),
        ("heart_rate", "Hz", 1.2, 72.0),
        ("number", "ppm", 612.0, 612.0),
    ],
)
def test_a_unit_that_can_mean_one_thing_only_is_converted(kind, unit, value, ours):
    assert conversion(kind, unit, where="t").of(value) == pytest.approx(ours, rel=1e-6)


@pytest.mark.parametrize(("kind", "unit"), [("speed", "furlong"), ("spo2", "kPa"), ("body_temp", "K"), ("rr", "bpm")])
def test_a_unit_that_is_none_of_the_kind_is_refused(kind, unit):
    with pytest.raises(ConfigError, match="no unit of"):
        conversion(kind, unit, where="t")


def test_every_kind_of_reading_but_a_number_has_its_own_unit_which_is_known():
    assert set(UNIT_OF_READING) == READINGS - {"number"}
    for kind, unit in UNIT_OF_READING.items():
        assert conversion(kind, unit, where="t") == (1.0, 0.0)


@pytest.mark.parametrize("path", ["", ".", "a.", "a..b", ".a", "a[", "a[]", "a[-1]", "a[x]", "a]", "a[0]]"])
def test_a_path_that_is_none_is_refused_when_the_source_is_made(path):
    with pytest.raises(ConfigError, match="path"):
        JsonPath(path, where="MQTT topic 't'")


def test_a_signal_and_a_column_are_refused_for_a_topic():
    with pytest.raises(ConfigError, match="signal"):
        payloads("ecg")
    with pytest.raises(ConfigError, match="path"):
        Payloads(Wanted("s", "heart_rate", column=1, address="t"))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "sys", "dia"]), inner),
    max_leaves=10,
)


@given(st.sampled_from(sorted(READINGS)), st.sampled_from([None, "a", "a[0]", "[1].a"]), st.binary(max_size=80))
def test_any_bytes_are_rows_or_a_bad_payload(kind, path, payload):
    check(kind, path, payload)


@given(st.sampled_from(sorted(READINGS)), st.sampled_from([None, "a", "a[0]", "[1].a"]), _JSON)
def test_any_document_is_rows_or_a_bad_payload(kind, path, document):
    check(kind, path, json.dumps(document).encode())


def check(kind, path, payload):
    try:
        rows = payloads(kind, path).rows(payload)
    except BadPayload:
        return
    assert rows.dtype == np.float32
    assert rows.shape[1:] == ((3,) if kind == "blood_pressure" else ())
    assert len(rows) >= 1
    assert not np.isinf(rows).any()
