"""Board profiles: every shipped file loads, boards are recognised, mistakes are named."""

from pathlib import Path

import pytest
from simulated_board import board_in

from edge_mm.errors import ConfigError
from edge_mm.models.profile import detect, known_profiles, load_profile

BOARDS = {
    *("raspberry-pi-zero-2w", "raspberry-pi-3", "raspberry-pi-4", "raspberry-pi-5", "jetson-nano", "jetson-orin-nano"),
    *("coral-dev-board", "coral-dev-board-mini", "coral-usb", "generic-x86_64", "generic-aarch64"),
}
FOLDER = Path(__file__).parents[2] / "firmware_profiles"


def test_every_board_that_is_promised_has_a_profile():
    assert set(known_profiles()) == BOARDS


@pytest.mark.parametrize("name", known_profiles())
def test_every_shipped_profile_loads_and_fits_its_own_memory(name):
    profile = load_profile(name)
    assert profile.name == name
    assert profile.budget.rss_mib <= profile.memory_mib // 2
    assert 2 * profile.budget.bundle_bytes + profile.budget.arena_bytes < profile.budget.rss_mib * 2**20
    assert profile.budget.latency_ms < 1000 / profile.camera.rate_hz


@pytest.mark.parametrize("name", known_profiles())
def test_a_latency_is_measured_only_where_edge_mm_ran_and_every_figure_has_a_comment(name):
    profile = load_profile(name)
    assert profile.budget.latency == "estimated" or profile.ran != "never"
    lines = (FOLDER / f"{name}.toml").read_text().splitlines()
    for key in ("cores", "memory_mib", "bundle_bytes", "arena_bytes", "rss_mib", "latency_ms", "rate_hz", "at_least"):
        assert all("#" in line for line in lines if line.startswith(f"{key} ")), key
    (rate,) = (i for i, line in enumerate(lines) if line.startswith("macs_per_second"))
    assert lines[rate - 1].startswith("#")


@pytest.mark.parametrize(
    ("model", "compatible", "name"),
    [
        ("Raspberry Pi 3 Model B Plus Rev 1.3", (), "raspberry-pi-3"),
        ("Raspberry Pi Compute Module 3 Plus Rev 1.0", (), "raspberry-pi-3"),
        ("Raspberry Pi 4 Model B Rev 1.4", (), "raspberry-pi-4"),
        ("Raspberry Pi 400 Rev 1.0", (), "raspberry-pi-4"),
        ("Raspberry Pi 5 Model B Rev 1.0", (), "raspberry-pi-5"),
        ("Raspberry Pi 500 Rev 1.0", (), "raspberry-pi-5"),
        ("Raspberry Pi Zero 2 W Rev 1.0", ("raspberrypi,model-zero-2-w", "brcm,bcm2837"), "raspberry-pi-zero-2w"),
        ("Raspberry Pi Zero W Rev 1.1", ("raspberrypi,model-zero-w", "brcm,bcm2835"), "generic-aarch64"),
        ("NVIDIA Jetson Nano Developer Kit", ("nvidia,jetson-nano", "nvidia,tegra210"), "jetson-nano"),
        ("NVIDIA Jetson Orin Nano Developer Kit", (), "jetson-orin-nano"),
        ("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super", (), "jetson-orin-nano"),
        ("A carrier of one's own", ("nvidia,p3768-0000+p3767-0005-super", "nvidia,tegra234"), "jetson-orin-nano"),
        ("Freescale i.MX8MQ Phanbell", (), "coral-dev-board"),
        ("Google i.MX8MQ Phanbell", ("google,imx8mq-phanbell", "fsl,imx8mq"), "coral-dev-board"),
        ("", ("mediatek,mt8167",), "coral-dev-board-mini"),
        ("something else", ("somebody,board",), "generic-aarch64"),
        ("", (), "generic-aarch64"),
    ],
)
def test_a_board_is_recognised_by_its_device_tree(model, compatible, name, tmp_path):
    assert detect(board_in(tmp_path, model=model, compatible=compatible)) == name


@pytest.mark.parametrize(
    ("machine", "name"), [("x86_64", "generic-x86_64"), ("aarch64", "generic-aarch64"), ("armv7l", "generic-aarch64")]
)
def test_a_board_that_nobody_knows_gets_the_generic_profile_of_its_machine(machine, name, tmp_path):
    board = board_in(tmp_path, machine=machine)
    assert detect(board) == name
    assert load_profile(board=board).name == name


def test_an_accelerator_on_usb_never_makes_another_board_of_its_host(tmp_path):
    board = board_in(tmp_path, model="Raspberry Pi 4 Model B Rev 1.4", usb=["1a6e:089a"])
    assert detect(board) == "raspberry-pi-4"
    assert detect(board_in(tmp_path / "pc", machine="x86_64", usb=["18d1:9302"])) == "generic-x86_64"


def test_an_unknown_profile_names_the_known_ones():
    with pytest.raises(ConfigError, match="raspberry-pi-5"):
        load_profile("raspberry-pi-17")


def own(folder: Path, *changes: tuple[str, str]) -> str:
    """A copy of a shipped profile with some text replaced."""
    text = (FOLDER / "raspberry-pi-4.toml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "mine.toml").write_text(text)
    return str(folder / "mine.toml")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("cores = 4", "cores = 4\nram = 3"), "ram: unknown key"),
        (("cores = 4", "cores = 0"), "cores: 0 is wrong: it must be a whole number above 0"),
        (('support = "native"', 'support = "maybe"'), "support: 'maybe' is wrong: it must be one of 'native', 'cont"),
        (("rate_hz = 20", "fps = 20"), "camera.fps: unknown key"),
        (("rss_mib = 256", ""), "budget.rss_mib: missing"),
        (('name = "tflite_runtime"', 'name = "tensorrt"'), "runtime[1].name: 'tensorrt' is wrong"),
        (('latency = "estimated"', 'latency = "guessed"'), "budget.latency: 'guessed' is wrong"),
    ],
)
def test_a_mistake_in_a_profile_of_your_own_is_named_with_its_place(change, said, tmp_path):
    path = own(tmp_path, change)
    with pytest.raises(ConfigError) as error:
        load_profile(path)
    assert f"{path}: {said}" in str(error.value)


def test_a_profile_without_a_runtime_is_refused(tmp_path):
    path = own(tmp_path)
    table, _, rest = Path(path).read_text().partition("[[runtime]]")
    Path(path).write_text(f"runtime = []\n{table}[camera]{rest.partition('[camera]')[2]}")
    with pytest.raises(ConfigError, match=r"at least one \[\[runtime\]\]"):
        load_profile(path)
