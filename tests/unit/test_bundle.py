"""A bundle that is not whole and unaltered does not load, and the error names the member."""

import io
import zipfile

import msgspec
import pytest

from converters.package import npz, write_bundle
from edge_mm.errors import BundleError, UsageError
from edge_mm.models.bundle import MAX_BYTES, MAX_MEMBERS, GraphSpec, Manifest, load_bundle, read_bundle

np = pytest.importorskip("numpy")


def manifest(**changes) -> Manifest:
    fields = {
        "schema": 1,
        "name": "tiny",
        "version": "0.0.1",
        "window_s": 10.0,
        "hop_s": 1.0,
        "modalities": ["vision"],
        "heads": ["drowsy"],
        "graphs": {"fusion": GraphSpec(file="fusion.tflite")},
        "front_ends": {},
        "files": {},
    }
    return Manifest(**(fields | changes))


@pytest.fixture
def bundle_file(tmp_path):
    members = {"fusion.tflite": b"not a real graph", "golden.npz": npz({"a": np.arange(3.0)})}
    return write_bundle(manifest(), members, tmp_path)


def rewrite(path, *, change=None, drop=None, add=None, compress=False) -> bytes:
    out = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w", kind) as target:
        for name in source.namelist():
            if name != drop:
                target.writestr(name, (change or {}).get(name, source.read(name)))
        for name, content in (add or {}).items():
            target.writestr(name, content)
    return out.getvalue()


def test_a_written_bundle_reads_back_with_its_arrays(bundle_file):
    bundle = load_bundle(bundle_file)
    assert bundle.graph("fusion") == b"not a real graph"
    assert bundle.arrays("golden.npz")["a"].tolist() == [0.0, 1.0, 2.0]
    assert len(bundle.digest) == 64


def test_the_same_input_gives_the_same_bytes(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    members = {"fusion.tflite": b"x", "golden.npz": npz({"b": np.ones(2), "a": np.zeros(2)})}
    first = write_bundle(manifest(), members, tmp_path / "a")
    second = write_bundle(manifest(), dict(reversed(members.items())), tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_bundle_says_so(bundle_file, share):
    content = bundle_file.read_bytes()
    with pytest.raises(BundleError, match="not a whole bundle"):
        read_bundle(content[: int(len(content) * share)])


def test_an_altered_member_is_named(bundle_file):
    with pytest.raises(BundleError, match=r"fusion\.tflite.*altered"):
        read_bundle(rewrite(bundle_file, change={"fusion.tflite": b"another graph"}))


def test_a_missing_member_is_named(bundle_file):
    with pytest.raises(BundleError, match=r"golden\.npz.*missing"):
        read_bundle(rewrite(bundle_file, drop="golden.npz"))


def test_a_stranger_in_the_archive_is_refused(bundle_file):
    with pytest.raises(BundleError, match=r"evil\.py.*not in the manifest"):
        read_bundle(rewrite(bundle_file, add={"evil.py": b"import os"}))


def test_compressed_members_are_refused_so_that_no_archive_can_blow_up(bundle_file):
    with pytest.raises(BundleError, match="compressed"):
        read_bundle(rewrite(bundle_file, compress=True))


def test_no_manifest_no_bundle(bundle_file):
    with pytest.raises(BundleError, match=r"manifest\.json is missing"):
        read_bundle(rewrite(bundle_file, drop="manifest.json"))


def test_an_unknown_key_in_the_manifest_is_refused(bundle_file):
    with zipfile.ZipFile(bundle_file) as archive:
        raw = msgspec.json.decode(archive.read("manifest.json"))
    altered = msgspec.json.encode(raw | {"on_load": "rm -rf /"})
    with pytest.raises(BundleError, match="on_load"):
        read_bundle(rewrite(bundle_file, change={"manifest.json": altered}))


def test_another_schema_is_refused(tmp_path):
    with pytest.raises(BundleError, match="schema 99"):
        write_bundle(manifest(schema=99), {"fusion.tflite": b""}, tmp_path)


def test_pickled_arrays_are_refused(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, a=np.array([object()], dtype=object))
    path = write_bundle(manifest(), {"fusion.tflite": b"", "golden.npz": buffer.getvalue()}, tmp_path)
    with pytest.raises(BundleError, match=r"golden\.npz"):
        load_bundle(path).arrays("golden.npz")


def test_a_name_that_does_not_exist_lists_what_ships():
    with pytest.raises(UsageError, match="driver"):
        load_bundle("no-such-bundle")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "large.edgemm"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(BundleError, match="larger than 64 MiB"):
        load_bundle(path)


def test_a_bundle_may_have_so_many_members_and_not_one_more(tmp_path):
    graphs = {f"encoders/{i}.tflite": b"" for i in range(MAX_MEMBERS - 2)} | {"fusion.tflite": b""}
    path = write_bundle(manifest(), graphs, tmp_path)
    assert load_bundle(path).has("encoders/0.tflite")
    with pytest.raises(BundleError, match="65 members, more than 64"):
        read_bundle(rewrite(path, add={"more": b""}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hop_s", 1e-300),
        ("hop_s", 0.0),
        ("hop_s", -1.0),
        ("hop_s", 10.5),  # longer than the window: there would be time that no window covers
        ("window_s", 601.0),
        ("window_s", 0.0),
        ("min_quality", 9.0),
        ("min_quality", -0.1),
        ("min_coverage", 1.5),
        ("modalities", []),
        ("modalities", ["vision", "vision"]),
        ("modalities", ["Vision "]),
        ("modalities", [f"m{i}" for i in range(17)]),
        ("heads", ["drowsy", "drowsy"]),
        ("heads", [""]),
        ("name", "../driver"),
        ("name", ""),
        ("name", "driver\n"),
        ("version", "1/2"),
    ],
)
def test_a_manifest_out_of_range_is_refused_by_the_name_of_its_field(tmp_path, field, value):
    out = tmp_path / "out"
    with pytest.raises(BundleError, match=rf"manifest\.json.*{field}"):
        write_bundle(manifest(**{field: value}), {"fusion.tflite": b""}, out)
    assert not out.exists()


def test_a_hop_may_be_as_long_as_its_window(tmp_path):
    path = write_bundle(manifest(hop_s=10.0, min_quality=0.0, min_coverage=1.0), {"fusion.tflite": b""}, tmp_path)
    assert load_bundle(path).manifest.hop_s == 10.0


def test_random_bytes_are_not_a_bundle():
    with pytest.raises(BundleError, match="not a whole bundle"):
        read_bundle(np.random.default_rng(0).bytes(4000))
