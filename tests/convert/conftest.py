"""Everything below needs TensorFlow: marked ``convert``, and skipped with a reason where it is not installed."""

import importlib.util
from importlib import import_module
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ABSENT = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None,
    reason="not here: TensorFlow is not in this environment; `make convert-test` runs it",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.convert)
            item.add_marker(ABSENT)


@pytest.fixture(scope="session")
def own():
    """Small models of somebody who knows nothing of edge-mm."""
    return import_module("own_models")


@pytest.fixture(scope="module")
def converter():
    """A child that converts, for all tests of a file."""
    from converters.conversion.child import Converter

    with Converter() as one:
        yield one


@pytest.fixture(scope="session")
def runtimes():
    """Both runtimes: tflite-runtime is fetched once for a machine."""
    from converters.conversion.trial import find_runtime, install, python311

    if not python311():
        pytest.skip("not here: tflite-runtime 2.14 needs a Python 3.11")
    install()
    return [find_runtime(name) for name in ("ai_edge_litert", "tflite_runtime")]
