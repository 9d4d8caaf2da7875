"""``edge-mm run``: the daemon in the foreground, for a terminal or systemd.

In: the parsed command line. Out: log lines on stderr; exit status 0 when it was stopped (SIGTERM, SIGINT) or its files
have ended. Not here: the daemon (``daemon.runtime``).
"""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from types import FrameType

from edge_mm.daemon.config import load_config
from edge_mm.daemon.logs import set_up


def main(args: argparse.Namespace) -> int:
    """Run the verb.

    Raises:
        EdgeMmError: what could not be done, as a sentence.
    """
    stop = threading.Event()

    def stopped(number: int, _frame: FrameType | None) -> None:
        stop.set()
        # A second signal ends at once: what is accepted is on disk.
        signal.signal(number, signal.SIG_DFL)

    config = load_config(args.config)
    set_up("debug" if args.verbose else "warning" if args.quiet else config.log.level)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopped)
    from edge_mm.daemon.runtime import Runtime

    summary = Runtime(config).run(stop)
    logging.getLogger("edge_mm.run").info(
        "stopped after %.0f s: windows %d, transitions %d, %.1f s of CPU, %.0f MiB at most",
        summary.wall_s, summary.windows, summary.transitions, summary.cpu_s, summary.peak_rss_mib,
    )  # fmt: skip
    return 0
