"""A bundle takes its place on disk only when it was found good; the same parts give the same bytes."""

import json

import pytest

from converters import driver
from converters.package import write_bundle
from converters.parts import Part, write_part
from edge_mm.errors import BundleError
from edge_mm.models.bundle import GraphSpec, Manifest, load_bundle

MANIFEST = Manifest(
    schema=1, name="tiny", version="1", window_s=10.0, hop_s=1.0, modalities=["vision"], heads=["drowsy"],
    graphs={"fusion": GraphSpec(file="fusion.tflite")}, front_ends={}, files={},
)  # fmt: skip


VERSIONS = {"python": "3"}


def refuse(bundle):
    raise BundleError(f"{bundle.source}: fails its self-test")


@pytest.mark.parametrize(("asked", "why"), [({"check": refuse}, "self-test"), ({"max_bytes": 100}, "smaller")])
def test_a_bundle_that_is_refused_leaves_the_one_before_it(tmp_path, asked, why):
    before = write_bundle(MANIFEST, {"fusion.tflite": b"good"}, tmp_path).read_bytes()
    with pytest.raises(BundleError, match=why):
        write_bundle(MANIFEST, {"fusion.tflite": b"bad"}, tmp_path, **asked)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny-1.edgemm"]
    assert (tmp_path / "tiny-1.edgemm").read_bytes() == before


@pytest.mark.parametrize("asked", [{"check": refuse}, {"max_bytes": 100}])
def test_a_first_bundle_that_is_refused_leaves_nothing(tmp_path, asked):
    with pytest.raises(BundleError):
        write_bundle(MANIFEST, {"fusion.tflite": b"bad"}, tmp_path / "out", **asked)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def folders(tmp_path):
    """``folders(microseconds)``: the shipped bundle's parts, taken apart, timed as it happened that day."""
    shipped = load_bundle("driver")
    golden = shipped.arrays("golden.npz")
    reports = json.loads(shipped.member("report.json"))

    def made(microseconds):
        result = []
        for modality in ("vision", "audio", "physio", "fusion"):
            names = [n for n in shipped.manifest.graphs if n.split(".")[0] == modality]
            sample = {k: v for k, v in golden.items() if k.split("/")[0] in names}
            report = reports[modality] | {"hop_us_x86": microseconds, "clips": {"cpu_ms_per_frame": microseconds}}
            whole = Part(modality, shipped.front_end(modality), dict.fromkeys(names, False), report)
            folder = tmp_path / f"parts-{microseconds}" / modality
            write_part(folder, whole, {n: shipped.graph(n) for n in names}, sample)
            result.append(folder)
        return result

    return made


def test_two_runs_that_differ_in_time_give_the_same_bundle(folders, tmp_path, capsys):
    one, two = (driver.assemble(folders(us), tmp_path / f"out-{us}", seed=0, versions=VERSIONS) for us in (250, 260))
    assert one.read_bytes() == two.read_bytes()
    assert "hop_us_x86 250" in capsys.readouterr().out
    assert load_bundle(one).manifest.min_coverage == 0.25


def test_an_assembled_bundle_whose_graph_says_something_else_than_its_sample_is_refused(folders, tmp_path):
    parts = folders(250)
    eye, mouth = (load_bundle("driver").graph(f"vision.{name}") for name in ("eye", "mouth"))
    assert eye != mouth
    (parts[0] / "vision.eye.tflite").write_bytes(mouth)
    with pytest.raises(BundleError, match=r"vision\.eye"):
        driver.assemble(parts, tmp_path / "out", seed=0, versions=VERSIONS)
    assert not (tmp_path / "out").exists()
