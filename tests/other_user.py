"""What another user than root sees: folders that he may enter, code that becomes him."""

import tempfile
from pathlib import Path

BECOME_NOBODY = "os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534);"
"""After the imports: the tests' Python may lie in a folder of root's own."""


def opened(folder: Path) -> None:
    """Let everybody enter a test's folder; pytest makes it and those above for their owner alone."""
    for each in (folder, *folder.parents):
        if each == Path(tempfile.gettempdir()):
            return
        each.chmod(each.stat().st_mode | 0o055)
