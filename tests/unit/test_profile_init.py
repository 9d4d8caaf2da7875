"""`edge-mm init` on another board: its camera mode, and how a camera on the ribbon cable gets in."""

import tomllib

import pytest

from edge_mm.daemon.config import load_config
from edge_mm.daemon.starter import Found, starting_config
from edge_mm.models.profile import known_profiles, load_profile
from edge_mm.sources import FoundDevice


@pytest.mark.parametrize("name", known_profiles())
def test_what_init_writes_on_a_board_is_a_configuration_with_its_camera_mode(name, tmp_path):
    profile = load_profile(name)
    found = Found(cameras=[FoundDevice("0", "a camera")], microphones=[], serial_ports=[])
    text = starting_config(found, device_id="d", profile=profile)
    (camera,) = tomllib.loads(text)["source"]
    assert (camera["width"], camera["height"], camera["rate_hz"]) == (
        profile.camera.width,
        profile.camera.height,
        profile.camera.rate_hz,
    )
    path = tmp_path / "edge-mm.toml"
    path.write_text(text)
    assert load_config(path).device_id == "d"


def test_init_says_how_a_camera_on_the_ribbon_cable_gets_in_where_the_board_has_one():
    nothing = Found(cameras=[], microphones=[], serial_ports=[])
    pi = starting_config(nothing, device_id="d", profile=load_profile("raspberry-pi-5"))
    assert "# A camera on the ribbon cable: libcamera, which OpenCV cannot open" in pi
    assert "ribbon" not in starting_config(nothing, device_id="d", profile=load_profile("generic-x86_64"))
