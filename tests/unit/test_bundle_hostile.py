"""A bundle that someone else made, or that a bad card changed: it loads, or a BundleError says why; nothing else."""

import functools
import hashlib
import io
import json
import struct
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import bundle_name

from converters.package import npz
from edge_mm.errors import BundleError
from edge_mm.models.bundle import MAX_BYTES, load_bundle, read_bundle

FIELDS = {
    "schema": 1, "name": "tiny", "version": "0.0.1", "window_s": 10.0, "hop_s": 1.0, "modalities": ["vision"],
    "heads": ["drowsy"], "graphs": {"fusion": {"file": "fusion.tflite"}}, "front_ends": {},
}  # fmt: skip


def packed(members: dict[str, bytes], *, manifest: bytes | None = None) -> bytes:
    """A bundle of these members; the manifest has their digests unless it is given."""
    files = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(
            "manifest.json", msgspec.json.encode(FIELDS | {"files": files}) if manifest is None else manifest
        )
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def with_arrays(content: bytes) -> bytes:
    return packed({"fusion.tflite": b"", "golden.npz": content})


def npy(header: str, rest: bytes = b"") -> bytes:
    raw = header.encode().ljust(118 if len(header) < 118 else len(header)) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(raw)) + raw + rest


def one_array(content: bytes, name: str = "a.npy") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, content)
    return out.getvalue()


def savez(save, **arrays) -> bytes:
    out = io.BytesIO()
    save(out, **arrays)
    return out.getvalue()


def last_entry(content: bytes) -> int:
    """Where the last member's entry in the archive's directory begins."""
    return content.rfind(b"PK\1\2")


def changed(content: bytes, at: int, new: bytes) -> bytes:
    return content[:at] + new + content[at + len(new) :]


def test_a_member_that_claims_to_be_encrypted_is_refused():
    whole = packed({"fusion.tflite": b"graph"})
    flags = last_entry(whole) + 8
    with pytest.raises(BundleError, match=r"fusion\.tflite.*encrypted"):
        read_bundle(changed(whole, flags, bytes([whole[flags] | 1])))


def test_members_that_claim_to_be_huge_are_refused_before_they_are_read():
    whole = packed({"fusion.tflite": b"graph"})
    huge = struct.pack("<II", MAX_BYTES, MAX_BYTES)
    with pytest.raises(BundleError, match="more than 64 MiB"):
        read_bundle(changed(whole, last_entry(whole) + 20, huge))


def test_a_member_that_claims_more_than_there_is_is_refused():
    whole = packed({"fusion.tflite": b"graph"})
    with pytest.raises(BundleError, match="not a whole bundle"):
        read_bundle(changed(whole, last_entry(whole) + 20, struct.pack("<II", 9999, 9999)))


def test_a_name_that_is_there_twice_is_refused_because_tools_would_disagree_which_it_is():
    whole = packed({"fusion.tflite": b"graph", "fusion.tflitf": b"other"})
    with pytest.raises(BundleError, match=r"fusion\.tflite.*twice"):
        read_bundle(whole.replace(b"fusion.tflitf", b"fusion.tflite"))


def test_a_directory_of_very_many_members_is_refused_before_it_is_parsed():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for i in range(5000):
            archive.writestr(f"{i}", b"")
    with pytest.raises(BundleError, match="thousands of members"):
        read_bundle(out.getvalue())


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"null",
        b"[]",
        b'{"front_ends":{"a":{"b":' + b"[" * 100_000,
        b'{"\xff":1}',
        b'{"front_ends":{"a":{"b":"\xff"}}}',
        b'{"schema":' + b"1" * 5000 + b"}",
        b'{"schema":1e999}',
    ],
    ids=["empty", "null", "list", "deep", "not UTF-8", "a value not UTF-8", "long number", "infinite"],
)
def test_a_manifest_that_is_none_is_a_bundle_error(manifest):
    with pytest.raises(BundleError, match=r"manifest\.json"):
        read_bundle(packed({"fusion.tflite": b""}, manifest=manifest))


def test_a_manifest_of_more_than_a_mebibyte_is_refused_before_it_is_parsed():
    files = {"fusion.tflite": hashlib.sha256(b"").hexdigest()}
    manifest = msgspec.json.encode(FIELDS | {"files": files, "data_card": "x" * 2**20})
    with pytest.raises(BundleError, match=r"manifest\.json: larger than 1024 KiB"):
        read_bundle(packed({"fusion.tflite": b""}, manifest=manifest))


GOOD = "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a zip",
        npy(GOOD, bytes(24)),
        savez(np.savez_compressed, a=np.zeros(3)),
        one_array(npy(GOOD, bytes(24)), name="a.txt"),
        one_array(b""),
        one_array(npy(GOOD, bytes(23))),
        one_array(npy(GOOD, bytes(25))),
        one_array(npy(GOOD.replace("(3,)", "(1000000000000,)"))),
        one_array(npy(GOOD.replace("(3,)", "(-3, -1)"), bytes(24))),
        one_array(npy(GOOD.replace("(3,)", "(0, 999999999, 999999999, 999999999)"))),
        one_array(npy(GOOD.replace("(3,)", "(" * 90 + ",)"))),
        one_array(npy(GOOD.replace("(3,)", "((((((3))))))"), bytes(24))),
        one_array(npy(GOOD.replace("'<f8'", "[('a','<f8'),('a','<f8')]"), bytes(24))),
        one_array(npy(GOOD.replace("<f8", "|O"), bytes(24))),
        one_array(npy(GOOD.replace("<f8", "<f3"), bytes(9))),
    ],
    ids=["empty", "not a zip", "npy", "compressed", "another name", "empty npy", "short", "long", "shape of 10^12",
         "negative shape", "overflowing shape", "nested", "odd shape", "doubled field", "objects", "no such type"],
)  # fmt: skip
def test_arrays_that_are_none_are_a_bundle_error(content):
    bundle = read_bundle(with_arrays(content))
    with pytest.raises(BundleError, match=r"golden\.npz cannot be read"):
        bundle.arrays("golden.npz")


@pytest.mark.parametrize(("size", "why"), [(1_000_000, "compressed"), (20_000_000, "more than 64 MiB")])
def test_arrays_cannot_blow_up_in_memory(size, why):
    small = savez(np.savez_compressed, a=np.zeros(size))
    assert len(small) < size // 50
    with pytest.raises(BundleError, match=why):
        read_bundle(with_arrays(small)).arrays("golden.npz")


@pytest.mark.parametrize("pack", [npz, lambda arrays: savez(np.savez, **arrays)], ids=["ours", "numpy's"])
def test_arrays_of_every_number_type_and_shape_come_back_as_they_were(pack):
    kinds = ["bool", "int8", "uint8", "int16", "int32", "int64", "float16", "float32", "float64"]
    rng = np.random.default_rng(1)
    sent = {f"{k}/{len(s)}": (rng.normal(size=s) * 9).astype(k) for k in kinds for s in [(), (1,), (2, 3), (0, 4)]}
    sent["column by column"] = np.asfortranarray(rng.normal(size=(3, 4)))
    back = read_bundle(with_arrays(pack(sent))).arrays("golden.npz")
    assert back.keys() == sent.keys()
    for key, value in sent.items():
        assert back[key].dtype == value.dtype
        assert back[key].flags.writeable
        np.testing.assert_array_equal(back[key], value)


def test_the_shipped_golden_sample_reads_as_numpy_reads_it():
    bundle = load_bundle(bundle_name())
    with np.load(io.BytesIO(bundle.member("golden.npz")), allow_pickle=False) as golden:
        ours = bundle.arrays("golden.npz")
        assert ours.keys() == set(golden.files)
        for key in golden.files:
            np.testing.assert_array_equal(ours[key], golden[key], strict=True)


@functools.cache
def shipped() -> bytes:
    return Path(load_bundle(bundle_name()).source).read_bytes()


def use(content: bytes) -> None:
    """Load and read everything; only a BundleError may come of it."""
    try:
        bundle = read_bundle(content)
        for name in bundle.manifest.graphs:
            bundle.graph(name)
        for name in bundle.manifest.files:
            if name.endswith(".npz"):
                bundle.arrays(name)
    except BundleError as error:
        assert str(error)
        return
    manifest = bundle.manifest
    assert 0.01 <= manifest.hop_s <= manifest.window_s <= 600
    assert 0 <= manifest.min_quality <= 1
    assert 0 <= manifest.min_coverage <= 1
    assert 0 < len(manifest.modalities) == len(set(manifest.modalities))


@st.composite
def damaged(draw, whole: bytes, *, ends: int) -> bytes:
    """``whole`` with a few bytes changed, mostly in its first and last ``ends``, and perhaps with a piece missing."""
    size = len(whole)
    place = st.one_of(st.integers(0, min(ends, size) - 1), st.integers(max(0, size - ends), size - 1),
                      st.integers(0, size - 1))  # fmt: skip
    content = bytearray(whole)
    for at, new in draw(st.lists(st.tuples(place, st.integers(0, 255)), max_size=4)):
        content[at] = new
    if draw(st.booleans()):
        start = draw(place)
        del content[start : start + draw(st.integers(1, 40))]
    return bytes(content)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_the_shipped_bundle_with_some_bytes_changed_or_cut_loads_or_says_why(data):
    use(data.draw(damaged(shipped(), ends=2000)))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_arrays_with_some_bytes_changed_or_cut_load_or_say_why(data):
    whole = npz({"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.int8(1)})
    use(with_arrays(data.draw(damaged(whole, ends=300))))


@settings(deadline=None, max_examples=500)
@given(st.text("0123456789(),'{}[]<f8|Oa: eL-", max_size=40), st.integers(0, len(GOOD)), st.integers(0, 30))
def test_array_headers_of_any_text_load_or_say_why(text, at, size):
    use(with_arrays(one_array(npy(GOOD[:at] + text + GOOD[at + size :], bytes(24)))))


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8))
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NUMBERS = st.one_of(st.floats(), st.sampled_from([1e-300, 5e-324, 1e308, 0.01, 1.0, 600.0, 0, 2**80, -1]))


@settings(deadline=None, max_examples=300)
@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(("window_s", "hop_s", "min_quality", "min_coverage"), NUMBERS)
        | dict.fromkeys(("modalities", "heads"), st.lists(st.sampled_from(["vision", "audio", "", "V"]), max_size=3))
        | dict.fromkeys(("graphs", "front_ends", "files", "schema", "name", "version", "new"), JSON),
    )
)
def test_any_manifest_loads_or_says_why(changes):
    files = {"fusion.tflite": hashlib.sha256(b"").hexdigest()}
    use(packed({"fusion.tflite": b""}, manifest=json.dumps(FIELDS | {"files": files} | changes).encode()))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60), st.integers(0, 400), st.integers(0, 20))
def test_a_manifest_with_any_bytes_put_in_loads_or_says_why(new, at, size):
    files = {"fusion.tflite": hashlib.sha256(b"").hexdigest()}
    whole = msgspec.json.encode(FIELDS | {"files": files})
    use(packed({"fusion.tflite": b""}, manifest=whole[:at] + new + whole[at + size :]))
