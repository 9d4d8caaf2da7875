"""``edge-mm doctor``: say how the machine is, and what to do about it.

In: the parsed command line. Out: a line per remark with what to do below it, or one JSON object; exit status 78 when
the configuration is wrong, 69 when a device, the board or the broker is, 0 otherwise. Not here: the looking
(``daemon.doctor``).
"""

from __future__ import annotations

import argparse
import json

import msgspec

from edge_mm.daemon.doctor import examine, status_of
from edge_mm.daemon.output import say
from edge_mm.daemon.remark import Remark
from edge_mm.daemon.sentences import printable

_MARKS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    remarks: list[Remark] = []
    for remark in examine(args.config):
        remarks.append(remark)
        if not args.json and not (args.quiet and remark.level == "ok"):
            print(f"{_MARKS[remark.level]}  {remark.part}: {printable(remark.found)}", flush=True)
            if remark.do:
                print(f"         -> {printable(remark.do)}", flush=True)
    status = status_of(remarks)
    if args.json:
        print(json.dumps({"status": status, "remarks": [msgspec.to_builtins(one) for one in remarks]}))
    elif status:
        wrong = sum(remark.level == "error" for remark in remarks)
        say(f"{wrong} thing{'s' if wrong > 1 else ''} to put right")
    return status
