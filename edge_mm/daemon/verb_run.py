"""``edge-mm run``: the daemon in the foreground, for a terminal, systemd or a container.

In: the parsed command line; SIGHUP reads the configuration anew. Out: log lines on stderr; exit status 0 when it was
stopped (SIGTERM, SIGINT) or its files have ended. Not here: the daemon (``daemon.runtime``), the process that starts it
again where there is no systemd (``daemon.guardian``).
"""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType

from edge_mm.daemon.config import Config, load_config
from edge_mm.daemon.logs import NEWS, set_up
from edge_mm.daemon.renewal import Renewal, Wish
from edge_mm.daemon.summary import Summary

RESTART_STATUS = 75
"""Exit status when somebody asked for a restart (EX_TEMPFAIL): a service manager starts it again."""
_log = logging.getLogger("edge_mm.run")


def main(args: argparse.Namespace) -> int:
    """Run the verb.

    Raises:
        EdgeMmError: what could not be done, as a sentence.
    """
    if args.guarded is not None:
        from edge_mm.daemon.guardian import guard

        set_up("warning" if args.quiet else "info")
        return guard(args)
    stop = threading.Event()
    wish = Wish()

    def stopped(number: int, _frame: FrameType | None) -> None:
        stop.set()
        # A second signal ends at once: what is accepted is on disk.
        signal.signal(number, signal.SIG_DFL)

    def hung_up(_number: int, _frame: FrameType | None) -> None:
        wish.ask()

    signal.signal(signal.SIGHUP, hung_up)  # until there is something to renew, it waits
    config = load_config(args.config)
    set_up("debug" if args.verbose else "warning" if args.quiet else config.log.level)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopped)
    own = args.verbose or args.quiet
    summary, again = _run(config, args.config, stop, wish, set_level=(lambda _level: None) if own else set_up)
    _log.info(
        "stopped after %.0f s: windows %d, transitions %d, %.1f s of CPU, %.0f MiB at most",
        summary.wall_s, summary.windows, summary.transitions, summary.cpu_s, summary.peak_rss_mib,
    )  # fmt: skip
    return RESTART_STATUS if again else 0


def _run(
    config: Config,
    path: str,
    stop: threading.Event,
    wish: Wish,
    *,
    set_level: Callable[[str], None],
) -> tuple[Summary, bool]:
    """Watch, with one configuration after the other; and whether somebody wants it started again."""
    from edge_mm.daemon.runtime import Runtime

    runtime = Runtime(config)
    while True:
        renewal = Renewal(
            runtime.config,
            lambda: load_config(path),
            Runtime,
            runtime.news.config,
            discard=lambda made: made.ending.close(),
            wish=wish,
        )
        try:
            summary = runtime.run(stop, renewal=renewal)
        except BaseException:
            renewal.close()
            raise
        if renewal.next is None or stop.is_set():
            renewal.close()
            return summary, runtime.desk.commands.restart_asked
        _log.info("going on with the new configuration", extra=NEWS)
        runtime = renewal.next
        set_level(runtime.config.log.level)
