"""An installation of this checkout where a service's own user may read it: the host's may lie in somebody's home.

In: the Python and the packages that run this. Out: ``HOME/bin/edge-mm``, a virtual environment as ``pip install``
makes one, of mounts instead of copies. Not here: configuration, units.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

from kernel import command

HOME = Path("/opt/edge-mm")
_PYTHON = Path("/opt/edge-mm-python")
LIBRARIES = _PYTHON / "lib"
"""Where a Python that was built with a shared library has it."""
_ROOT = Path(__file__).resolve().parents[2]


def install() -> None:
    """Make it; once in a guest's life."""
    for what, where in {
        sys.base_prefix: _PYTHON,
        str(_ROOT): HOME / "source",
        sysconfig.get_path("purelib"): HOME / "packages",
    }.items():
        where.mkdir(parents=True)
        command(["mount", "--bind", what, str(where)])
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = HOME / "lib" / name / "site-packages"
    site.mkdir(parents=True)
    (site / "installed.pth").write_text(f"{HOME}/source\n{HOME}/packages\n")
    (HOME / "pyvenv.cfg").write_text(f"home = {_PYTHON}/bin\ninclude-system-site-packages = false\n")
    (HOME / "bin").mkdir()
    (HOME / "bin" / "python").symlink_to(_PYTHON / "bin" / name)
    program = HOME / "bin" / "edge-mm"
    program.write_text(f"#!{HOME}/bin/python\nimport sys\nfrom edge_mm.cli import main\nsys.exit(main())\n")
    program.chmod(0o755)
