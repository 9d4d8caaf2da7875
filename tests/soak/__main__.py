"""``make soak``: hours of replayed live input with faults every few seconds; a dated report and an exit status.

In: ``--seed``, ``--minutes``, ``--speed``, ``--broker``. Out: progress on stderr, the report on stdout and in
``reports/`` (with ``--json`` the JSON on stdout); 1 where a criterion fails. Not here: any of the work.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import secrets
import sys
from pathlib import Path

from soak.rack import soak
from soak.report import as_dict, markdown, plot
from soak.verdict import Allowed, judge

from edge_mm.delivery.local_broker import KINDS

REPORTS = Path(__file__).resolve().parents[2] / "reports"
WARM_UP_SHARE = 1 / 3
"""Of a run: five of 15 minutes, in which each kind of fault comes five times. Until then allocators reach their height:
Python takes its memory a MiB at a time and keeps what a burst once needed."""
SHORT_MIN = 4.0
"""In less than this a count may be one higher at the end: in the medians of a few seconds a connection that is just
being made counts."""


def main() -> int:
    parser = argparse.ArgumentParser(description="hours of replayed live input with faults every few seconds")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="of the faults; new each time")
    parser.add_argument("--minutes", type=float, default=15.0, help="of this machine's time")
    parser.add_argument("--speed", type=float, default=8.0, help="how much faster the sources' time runs")
    parser.add_argument("--broker", choices=KINDS, default="nats-server", help="mosquitto may lose what it confirmed")
    parser.add_argument("--growth-mib", type=float, default=2.0, help="how much more memory is allowed at the end")
    parser.add_argument("--json", action="store_true", help="JSON on stdout")
    options = parser.parse_args()
    say = lambda line: print(line, file=sys.stderr, flush=True)  # noqa: E731
    say(f"soak: seed {options.seed}, {options.minutes:g} minutes at {options.speed:g} times the speed")
    outcome = soak(
        seed=options.seed, minutes=options.minutes, speed=options.speed, broker=options.broker, pause_s=(1.0, 4.0),
        progress=say,
    )  # fmt: skip
    warm_up_s = 60 * options.minutes * WARM_UP_SHARE
    allowed = Allowed(options.growth_mib, warm_up_s, more=int(options.minutes < SHORT_MIN))
    verdict = judge(outcome, allowed)
    report, body = markdown(outcome, verdict), json.dumps(as_dict(outcome, verdict), indent=1)
    REPORTS.mkdir(exist_ok=True)
    path = REPORTS / f"soak-{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}.md"
    path.write_text(report)
    path.with_suffix(".json").write_text(body + "\n")
    path.with_suffix(".log").write_text("\n".join(outcome.lines) + "\n")
    drawn = plot(outcome, path.with_suffix(".png"))
    print(body if options.json else report)
    beside = ".json, .log and .png" if drawn else ".json and .log; no picture, for matplotlib is not installed"
    say(f"written: reports/{path.name}, {beside}")
    return 0 if all(one.holds for one in verdict) else 1


if __name__ == "__main__":
    sys.exit(main())
