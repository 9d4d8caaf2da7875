"""Budgets: what is too large for a board is said with by how much; check says it too."""

import json
from pathlib import Path

import msgspec
import pytest
from recordings import bundle_name, bursts

from converters.package import write_bundle
from edge_mm.cli import main
from edge_mm.models.bundle import load_bundle
from edge_mm.models.profile import known_profiles, load_profile

PI_4 = load_profile("raspberry-pi-4")


def test_a_bundle_at_its_budgets_fits():
    budget = PI_4.budget
    at_most = {"bundle_bytes": budget.bundle_bytes, "macs": budget.macs, "arena_bytes": budget.arena_bytes}
    assert PI_4.over_budget(**at_most) == []
    texts = PI_4.over_budget(**{name: value + 1 for name, value in at_most.items()})
    assert [text.partition(", ")[2].partition(" (")[0] for text in texts] == ["1 bytes", "1 MACs", "1 bytes"]


def test_a_bundle_over_budget_hears_by_how_much():
    texts = PI_4.over_budget(bundle_bytes=9 * 2**20, macs=295_000_000, arena_bytes=20 * 2**20)
    assert texts == [
        "the bundle's file has 9.00 MiB, 1.00 MiB (12.5 %) over the 8.00 MiB of profile raspberry-pi-4",
        "one invoke of each graph takes 295.00 million MACs, 147.50 million MACs (100.0 %) over the 147.50 million "
        "MACs of profile raspberry-pi-4 (50.0 ms of one core where 25 ms are allowed, estimated)",
        "the graphs' arenas take 20.00 MiB, 4.00 MiB (25.0 %) over the 16.00 MiB of profile raspberry-pi-4",
    ]


def test_what_is_not_known_is_not_judged():
    assert PI_4.over_budget() == []
    assert len(PI_4.over_budget(macs=10**12)) == 1


def test_the_macs_of_a_budget_are_what_one_core_does_in_its_time():
    budget = PI_4.budget
    assert budget.macs == 147_500_000
    assert budget.milliseconds(budget.macs) == pytest.approx(budget.latency_ms)


@pytest.mark.parametrize("name", known_profiles())
def test_the_shipped_bundle_is_within_the_budget_of_every_board(name):
    size = Path(load_bundle(bundle_name()).source).stat().st_size
    assert load_profile(name).over_budget(bundle_bytes=size) == []


def findings(
    folder: Path, capfd: pytest.CaptureFixture[str], *, profile: str, bundle: str | Path = ""
) -> list[dict[str, str]]:
    bursts(folder / "s.wav", count=1)
    path = folder / "edge-mm.toml"
    path.write_text(
        f'version = 1\ndevice_id = "d"\nbundle = "{bundle or bundle_name()}"\nprofile = "{profile}"\n'
        '[[source]]\nname="a"\nkind="audio"\ndevice="s.wav"\n[mqtt]\nport = 1\n'
    )
    main(["check", "-c", str(path), "--json"])
    return json.loads(capfd.readouterr().out)["findings"]


def test_check_says_that_the_bundle_is_too_large_for_the_board_and_goes_on(tmp_path, capfd):
    shipped = Path(__file__).parents[2] / "firmware_profiles" / "generic-x86_64.toml"
    text = shipped.read_text().replace("bundle_bytes = 16_777_216", "bundle_bytes = 1024")
    (tmp_path / "small.toml").write_text(text)
    found = [one for one in findings(tmp_path, capfd, profile=str(tmp_path / "small.toml")) if one["part"] == "bundle"]
    assert [one["level"] for one in found] == ["ok", "warning"]
    assert "over the 1.00 KiB" in found[1]["text"]


def test_check_repeats_the_note_of_the_board(tmp_path, capfd):
    found = findings(tmp_path, capfd, profile="coral-usb")
    texts = [(one["level"], one["text"]) for one in found if one["part"] == "profile"]
    assert texts[0][0] == "ok"
    assert "edgetpu_compiler" in texts[0][1]
    assert ("warning", "Coral USB Accelerator is not plugged in (1a6e:089a or 18d1:9302 on USB)") in texts


def test_check_adds_up_what_the_graphs_of_the_bundle_cost(tmp_path, capfd):
    shipped = load_bundle(bundle_name())
    cost = {"macs": 20_000_000, "arena_bytes": 1024}
    graphs = {name: msgspec.structs.replace(spec, **cost) for name, spec in shipped.manifest.graphs.items()}
    members = {name: shipped.member(name) for name in shipped.manifest.files}
    path = write_bundle(msgspec.structs.replace(shipped.manifest, graphs=graphs), members, tmp_path)
    found = findings(tmp_path, capfd, profile="raspberry-pi-3", bundle=path)
    (warning,) = (one["text"] for one in found if (one["part"], one["level"]) == ("bundle", "warning"))
    assert f"takes {20 * len(graphs)}.00 million MACs" in warning
