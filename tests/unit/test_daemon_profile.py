"""Board profiles: every shipped file loads, boards are recognised, mistakes are named."""

import pytest

from edge_mm.errors import ConfigError
from edge_mm.models.profile import detect, known_profiles, load_profile


@pytest.mark.parametrize("name", known_profiles())
def test_every_shipped_profile_loads_and_fits_its_own_memory(name):
    profile = load_profile(name)
    assert profile.name == name
    assert profile.max_rss_mib < profile.memory_mib


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("Raspberry Pi 4 Model B Rev 1.4", "raspberry-pi-4"),
        ("Raspberry Pi 5 Model B Rev 1.0", "raspberry-pi-5"),
        ("Raspberry Pi Zero 2 W Rev 1.0", "raspberry-pi-zero-2w"),
        ("NVIDIA Jetson Orin Nano Developer Kit", "jetson-orin-nano"),
        ("Freescale i.MX8MQ Phanbell", "coral-dev-board"),
        ("something else", "generic-x86-64"),
        ("", "generic-x86-64"),
    ],
)
def test_a_board_is_recognised_by_its_device_tree(model, name):
    assert detect(model) == name


def test_an_unknown_profile_names_the_known_ones():
    with pytest.raises(ConfigError, match="raspberry-pi-5"):
        load_profile("raspberry-pi-17")


def test_an_unknown_key_in_a_profile_of_your_own_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\nram = 3\n')
    with pytest.raises(ConfigError, match="ram: unknown key"):
        load_profile(str(path))


def test_a_profile_for_another_machine_says_so():
    other = "raspberry-pi-4" if detect() == "generic-x86-64" else "generic-x86-64"
    assert any("this machine is" in text for text in load_profile(other).problems())
