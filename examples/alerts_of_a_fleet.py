"""Print the alerts of every device at a broker, each once.

python examples/alerts_of_a_fleet.py broker.local
"""

import sys

import edge_mm


def on_alert(alert: edge_mm.AlertEvent) -> None:
    print(alert.source, alert.data.transition, alert.data.priority, alert.data.reason.text, flush=True)


# This blocks until Ctrl-C; give it stop=threading.Event() and a thread of its own where the program has more to do.
edge_mm.subscribe(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1", on_alert=on_alert)
