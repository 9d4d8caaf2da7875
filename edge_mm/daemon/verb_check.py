"""``edge-mm check``: say everything that is wrong with configuration, bundle, board, sensors and broker.

In: the parsed command line. Out: a line per finding, or one JSON object; exit status 78 when configuration or bundle
is wrong, 69 when a device or the broker is missing, 0 otherwise. Not here: the trying (``daemon.checkup``).
"""

from __future__ import annotations

import argparse
import json

import msgspec

from edge_mm.daemon.checkup import Finding, check_up, status_of
from edge_mm.daemon.output import say

_MARKS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    findings: list[Finding] = []
    for finding in check_up(args.config):
        findings.append(finding)
        if not args.json and not (args.quiet and finding.level == "ok"):
            print(f"{_MARKS[finding.level]}  {finding.part}: {finding.text}", flush=True)
    status = status_of(findings)
    if args.json:
        print(json.dumps({"status": status, "findings": [msgspec.to_builtins(one) for one in findings]}))
    elif status:
        wrong = sum(finding.level == "error" for finding in findings)
        say(f"{wrong} thing{'s' if wrong > 1 else ''} to put right before 'edge-mm run'")
    return status
