"""Everything below needs TensorFlow: marked ``convert``, and skipped with a reason where it is not installed."""

import importlib.util
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
