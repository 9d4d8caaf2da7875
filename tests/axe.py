"""The accessibility checker axe-core, from npm: what it says about a page."""

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

AXE = "axe-core@4.11.1"


@functools.cache
def _script():
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("not here: npm, for axe-core")
    with tempfile.TemporaryDirectory() as folder:
        words = [npm, "install", "--no-save", "--no-audit", "--ignore-scripts", "--prefix", folder, AXE]
        if subprocess.run(words, check=False, capture_output=True, timeout=120).returncode:
            pytest.skip(f"not here: npm could not get {AXE}")
        return (Path(folder) / "node_modules/axe-core/axe.min.js").read_text()


def violations(page):
    """One line for each rule that an element breaks: how grave, which, where."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_script())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{one['impact']} {one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]
