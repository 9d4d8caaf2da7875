"""``edge-mm tail``: print the alerts of a fleet as they reach a subscriber.

In: the parsed command line. Out: a line per transition, coloured by priority on a terminal; with ``--json`` the whole
payload on it. Anyone may have published what comes: no letter of it reaches the terminal that could move the cursor or
begin a line. It leaves no session at the broker: who must not miss an alert uses a persistent one
(``delivery.subscribe``). Not here: the subscribing.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import secrets
import sys
import time
from collections.abc import Mapping

import msgspec

from edge_mm.daemon.broker_options import broker_settings
from edge_mm.daemon.output import say
from edge_mm.daemon.sentences import printable
from edge_mm.delivery.payloads import AlertData, AlertEvent
from edge_mm.delivery.subscriber import Subscriber
from edge_mm.delivery.topics import ALERT_EVENT, DEVICE_NAME
from edge_mm.errors import UsageError
from edge_mm.kinds import RANK, Priority, Transition

_COLOURS: Mapping[Priority, str] = {"high": "1;31", "medium": "33", "low": "36"}
"""Red, yellow, cyan: the colours of IEC 60601-1-8; the word stands beside them."""
_DIM = "2"
_VERBS: Mapping[Transition, str] = {"acknowledged": "acked"}


def main(args: argparse.Namespace) -> int:
    """Run the verb.

    Raises:
        UsageError: an option that cannot be.
        DeliveryError: the broker is not there or does not let us in.
    """
    settings = broker_settings(args)
    for one in args.device or ():
        if not re.fullmatch(DEVICE_NAME, one):
            raise UsageError(f"--device {one!r}: a device id is 1 to 64 letters, digits, underscores and hyphens")
    for one in args.kind or ():
        if text := _hint(one):
            say(text)
    filters = [f"{settings.base_topic}/{one}/{ALERT_EVENT.path}" for one in args.device or ["+"]]
    colour = coloured(args.color)
    deadline = None if args.seconds is None else time.monotonic() + args.seconds
    left = args.count
    client_id = f"edge_mm-tail-{secrets.token_hex(4)}"
    with Subscriber(settings, client_id=client_id, filters=filters, persistent=False) as subscriber:
        connected = True
        while left is None or left > 0:
            timeout_s = 1.0 if deadline is None else min(1.0, deadline - time.monotonic())
            if timeout_s <= 0:
                break
            received = subscriber.receive(timeout_s=timeout_s)
            if connected != subscriber.connected:
                connected = subscriber.connected
                say(f"broker {settings.where}: {'there again' if connected else 'gone; trying again'}")
            if received is None or received.event is None or not wanted(received.event, args):
                continue
            line = _line(received.payload, received.event) if args.json else told(received.event, colour=colour)
            print(line, flush=True)
            left = None if left is None else left - 1
    return 0


def told(event: AlertEvent, *, colour: bool = False) -> str:
    """One line about one transition."""
    data = event.data
    when = f"{event.time or 'time unknown'}{'' if data.clock_synced else ' (clock not set)'}"
    verb = _VERBS.get(data.transition, data.transition)
    weights = " ".join(f"{sense} {weight:.2f}" for sense, weight in data.attention.items() if weight is not None)
    about = data.category == "physiological" and data.transition == "raised"
    tail = f"  [attention {weights}]" if weights and about else ""
    by = f" by {data.by}" if data.by and data.transition in ("acknowledged", "silenced") else ""
    late = "  (late)" if data.late else ""
    line = printable(
        f"{when}  {event.source}  {verb:9}  {data.priority:6}  {_which(data)}{by}: {data.reason.text}{tail}{late}"
    )
    if not colour:
        return line
    code = _COLOURS[data.priority] if data.state in ("active", "clearing") else _DIM
    return f"\x1b[{code}m{line}\x1b[0m"


def _which(data: AlertData) -> str:
    """Kind and instance: ``sensor.lost/belt``, ``driver.eyes_closed@passenger``."""
    return data.alert_id if data.alert_id.startswith(data.kind) else f"{data.kind} {data.alert_id}"


def coloured(when: str) -> bool:
    """Whether to colour: ``auto`` means on a terminal, unless NO_COLOR is set (https://no-color.org)."""
    if when != "auto":
        return when == "always"
    terminal = sys.stdout is not None and sys.stdout.isatty()
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _hint(word: str) -> str:
    """About a ``--kind`` that is none of ours: a policy of somebody's own may have it, so it is no error."""
    from edge_mm.alerts.described import TECHNICAL
    from edge_mm.alerts.rule_kinds import KINDS

    kinds = [*KINDS, *sorted(TECHNICAL)]
    if any(kind == word or kind.startswith(f"{word}.") for kind in kinds):
        return ""
    families = dict.fromkeys(kind.partition(".")[0] for kind in kinds)
    near = difflib.get_close_matches(word.removesuffix(".*"), [*families, *kinds], n=1)
    hint = f"did you mean {near[0]}?" if near else f"families are {', '.join(families)}"
    return f"--kind {word!r:.80}: no kind of alert of edge-mm's own is called so; {hint}"


def wanted(event: AlertEvent, args: argparse.Namespace) -> bool:
    """Whether the options ask for it."""
    if args.kind and not any(event.data.kind == one or event.data.kind.startswith(f"{one}.") for one in args.kind):
        return False
    return not args.priority or RANK[event.data.priority] >= RANK[args.priority]


def _line(payload: bytes, event: AlertEvent) -> str:
    """The payload in ASCII on one line; of one that Python cannot read what the event has."""
    try:
        whole = json.loads(payload)
    except (ValueError, RecursionError):  # a number of thousands of digits in a field that we do not know
        whole = msgspec.to_builtins(event)
    return json.dumps(whole, separators=(",", ":"))
