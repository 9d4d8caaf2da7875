"""``make faults``: how soon each fault of a real part is seen from outside, and over, beside what was promised.

In: nothing; brokers, cameras, a sound server and pseudo terminals are made here. Out: a dated table on stdout and in
``reports/faults.json``; exit status 1 where a fault took longer than promised. Not here: what needs a kernel of its own
(``make test-devices``).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from faults import Seen, camera_faults, everything_at_once, serial_faults, sound_faults

from edge_mm.delivery.local_broker import LocalBroker

REPORT = Path(__file__).resolve().parents[1] / "reports" / "faults.json"


def main() -> int:
    """Run them all."""
    parser = argparse.ArgumentParser(
        description="Faults of real parts: seconds until each is seen, and until it is over."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--times", type=int, default=1, metavar="N", help="each so often; the slowest counts")
    args = parser.parse_args()
    rows: dict[tuple[str, str], Seen] = {}
    for _ in range(args.times):
        for fault in (camera_faults, serial_faults, sound_faults, everything_at_once):
            print(f"edge-mm: {fault.__name__.replace('_', ' ')} ...", file=sys.stderr)
            with tempfile.TemporaryDirectory(prefix="edge-mm-") as folder, LocalBroker() as broker:
                for row in fault(Path(folder), broker):
                    slowest = rows.get((row.fault, row.what))
                    if slowest is None or row.seconds > slowest.seconds:
                        rows[row.fault, row.what] = row
    late = [row for row in rows.values() if row.seconds > row.limit_s]
    body = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "rows": [asdict(row) for row in rows.values()]}
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(body, indent=1))
    if args.json:
        print(json.dumps(body))
    else:
        print(f"Faults of real parts, {body['date']}\n{'fault':34} {'what':24} {'seconds':>8} {'promised':>9}")
        for row in rows.values():
            print(
                f"{row.fault:34} {row.what:24} {row.seconds:8.2f} {row.limit_s:9.0f}{'  LATE' if row in late else ''}"
            )
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
