"""Where a bundle's graphs run: in this process, or in one of their own that may hang and crash.

In: ``[graphs]`` and the bundle. Out: the bundle, hosted or not, and what ends the process. Not here: the process
(``perception.graph_process``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from edge_mm.daemon.config import GraphsConfig
from edge_mm.kinds import SourceState
from edge_mm.models.bundle import Bundle
from edge_mm.models.shipped import FOLDER
from edge_mm.perception.graph_process import GraphProcess

_log = logging.getLogger("edge_mm.run")


def placed(
    bundle: Bundle, config: GraphsConfig, *, tell: Callable[[SourceState, str], None] = lambda _state, _detail: None
) -> tuple[Bundle, Callable[[], None]]:
    """The bundle as it is to be run, and what to call when it is no longer needed.

    Args:
        bundle: as loaded.
        config: ``[graphs]``.
        tell: hears how the process does that runs them.
    """
    shipped = Path(bundle.source).parent == FOLDER
    if config.place == "here" or (config.place == "auto" and shipped and not config.delegate):
        return bundle, lambda: None
    process = GraphProcess(delegate=config.delegate, deadline_s=config.deadline_s, tell=tell)
    where = f" on {config.delegate}" if config.delegate else ""
    _log.info("graphs of %s run in a process of their own%s", bundle.manifest.name, where)
    return bundle.hosted(process), process.close
