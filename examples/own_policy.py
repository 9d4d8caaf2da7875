"""A rule of your own: an object with `update`, which looks at one event and says which conditions hold.

It may remember what it likes, but it has no clock: time is in the events. The alarm machine makes one raised and one
cleared alert of what it says.

    python examples/own_policy.py cabin.wav [BUNDLE]
"""

import sys
from collections.abc import Iterable

import edge_mm


class Quiet:
    """Nobody has made a sound for two seconds: time to ask whether all is well."""

    names = frozenset({"audio.other"})  # the only readings that it wants to see

    def __init__(self) -> None:
        self._since_ns: int | None = None

    def update(self, event: object) -> Iterable[edge_mm.Condition]:
        if not isinstance(event, edge_mm.Observation):
            return
        silent = event.quality < 0.25  # a window of silence has a low quality: there is nothing to hear in it
        if not silent:
            self._since_ns = None
        elif self._since_ns is None:
            self._since_ns = event.t_ns
        seconds = 0.0 if self._since_ns is None else (event.t_ns - self._since_ns) / 1e9
        yield edge_mm.Condition(
            t_ns=event.t_ns,
            kind="cabin.quiet",
            active=seconds >= 2.0,
            onset_ns=self._since_ns or event.t_ns,
            priority="low",
            category="physiological",
            reason=edge_mm.Reason("quiet_for", {"seconds": seconds}, f"nothing heard for {seconds:.1f} s"),
            value=seconds,
            limit=2.0,
            unit="s",
            sources=("audio",),
        )


def main() -> None:
    if len(sys.argv) not in (2, 3):
        print("usage: python examples/own_policy.py SOUND [BUNDLE]", file=sys.stderr)
        sys.exit(2)
    bundle = edge_mm.load_bundle(sys.argv[2] if len(sys.argv) > 2 else "driver")
    rules = [*edge_mm.default_policies(heads=bundle.manifest.heads), Quiet()]  # the built-in ones, and ours
    for output in edge_mm.replay(bundle, audio=sys.argv[1], policies=rules):
        if isinstance(output, edge_mm.Alert):
            print(f"{output.t_ns / 1e9:6.2f} s  {output.state} {output.kind}: {output.reason.text}")


try:
    main()
except edge_mm.EdgeMmError as error:
    print(f"own_policy: {error}", file=sys.stderr)
    sys.exit(error.exit_status)
