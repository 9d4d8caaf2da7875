"""The public face: what is promised exists, and importing it costs nothing until it is used."""

import subprocess
import sys

import edge_mm


def loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(' '.join(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_every_public_name_exists():
    for name in edge_mm.__all__:
        assert getattr(edge_mm, name) is not None


def test_all_is_sorted_and_without_doubles():
    classes = [n for n in edge_mm.__all__ if n[0].isupper()]
    functions = [n for n in edge_mm.__all__ if n[0].islower()]
    assert edge_mm.__all__ == sorted(set(classes)) + sorted(set(functions))


def test_an_unknown_name_is_an_attribute_error():
    try:
        edge_mm.nonsense  # noqa: B018
    except AttributeError as error:
        assert "nonsense" in str(error)
    else:
        raise AssertionError("edge_mm.nonsense exists")


def test_importing_the_package_loads_no_library():
    assert not loaded_by("import edge_mm") & {"numpy", "cv2", "paho", "ai_edge_litert", "msgspec", "soundfile"}


def test_help_loads_no_heavy_library():
    code = (
        "import contextlib, io, edge_mm.cli\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "    edge_mm.cli.main(['--help'])"
    )
    assert not loaded_by(code) & {"cv2", "paho", "ai_edge_litert", "soundfile", "wfdb", "pandas", "av", "numpy"}


def test_the_whole_device_side_never_loads_the_host_side():
    code = (
        "import importlib, pkgutil, edge_mm\n"
        "for m in pkgutil.walk_packages(edge_mm.__path__, 'edge_mm.'):\n    importlib.import_module(m.name)"
    )
    host = {"tensorflow", "keras", "pandas", "matplotlib", "sklearn", "scipy", "converters"}
    assert not loaded_by(code) & (host | {"wfdb", "av", "pyaudio"})
