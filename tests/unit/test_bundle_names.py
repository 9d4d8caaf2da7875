"""``load_bundle("driver")`` finds the newest shipped bundle of exactly that name."""

import shutil
from pathlib import Path

import pytest
from recordings import bundle_name

from edge_mm.errors import BundleError, UsageError
from edge_mm.models.bundle import load_bundle
from edge_mm.models.shipped import newest


@pytest.fixture
def shelf(tmp_path):
    """Makes a folder of bundles with these names."""

    def make(*names: str) -> Path:
        for name in names:
            shutil.copy(load_bundle(bundle_name()).source, tmp_path / f"{name}.edgemm")
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("0.9.0", "0.10.0"),
        ("0.9.9", "1.0.0"),
        ("1.0.0-rc.1", "1.0.0"),
        ("1.0.0-rc.9", "1.0.0-rc.10"),
        ("1.0.0-alpha.1", "1.0.0-beta"),
        ("1.0.0-1", "1.0.0-alpha"),
        ("1.0.0-alpha", "1.0.0-alpha.1"),
        ("0.9.0", "1.0.0-rc.1"),
    ],
)
def test_versions_are_compared_as_semver_says(shelf, older, newer):
    folder = shelf(f"driver-{newer}", f"driver-{older}")
    assert newest("driver", folder).name == f"driver-{newer}.edgemm"


def test_a_longer_name_is_another_bundle(shelf):
    folder = shelf("driver-0.1.0", "driver-night-0.2.0", "driver-night-0.3.0-rc.1", "night-driver-0.4.0")
    assert newest("driver", folder).name == "driver-0.1.0.edgemm"
    assert newest("driver-night", folder).name == "driver-night-0.3.0-rc.1.edgemm"


@pytest.mark.parametrize(
    "name", ["*", "d*", "driv", "driver-", "Driver", "driver-0.1.0", "?river", "[d]river", "", "driver\n", "../driver"]
)
def test_what_is_not_exactly_a_name_finds_nothing_and_hears_the_names_there_are(shelf, name):
    folder = shelf("driver-0.1.0", "driver-0.2.0", "health-0.1.0")
    with pytest.raises(UsageError, match="driver, health"):
        newest(name, folder)


def test_files_with_other_names_are_not_bundles_that_ship(shelf):
    folder = shelf("driver", "driver-new", "driver-1", "Driver-1.0.0", "driver-1.0.0.bak")
    with pytest.raises(UsageError, match="none"):
        newest("driver", folder)


@pytest.mark.parametrize("name", ["*", "driver-*", "a\0b"])
def test_loading_by_a_name_that_is_none_says_so(name):
    with pytest.raises(UsageError, match="driver"):
        load_bundle(name)


def test_a_name_that_no_file_system_takes_cannot_be_read():
    with pytest.raises(BundleError, match="cannot be read"):
        load_bundle("d" * 5000)
