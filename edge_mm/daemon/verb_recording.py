"""``edge-mm replay --recording``: what a run was given, through the monitor again.

In: the parsed command line. Out: as ``edge-mm replay``: lines of JSON or sentences, and a summary; the times of each
stretch count from its beginning. Not here: the replaying (``daemon.recorded``), files of other forms
(``daemon.verb_replay``).
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from edge_mm.alerts.limits import limits_from
from edge_mm.daemon.baseline_file import load_baseline
from edge_mm.daemon.config import load_config
from edge_mm.daemon.meters import Meters
from edge_mm.daemon.output import say
from edge_mm.daemon.recorded import Played, baseline_of, head_of, limits_of, played, recordings_at, stretches
from edge_mm.daemon.sentences import Progress, Sentences, printable
from edge_mm.daemon.summary import summarize
from edge_mm.delivery.jsonl import JsonLines
from edge_mm.delivery.record import BundleRef
from edge_mm.errors import UsageError
from edge_mm.models.bundle import Bundle, load_bundle
from edge_mm.models.shipped import newest
from edge_mm.monitor import Monitor
from edge_mm.recording import Head
from edge_mm.types import Alert, Sample

_CHUNK = 1 << 20


def main(args: argparse.Namespace) -> int:
    """Run the verb.

    Raises:
        UsageError: there is no such file, or the bundle of the recording does not ship.
        SourceError: a file is damaged, or no recording.
        BundleError: the bundle fails its self-test.
        ConfigError: the package ``mcap`` is not installed; the configuration or the baseline is wrong.
    """
    others = ("video", "audio", "ecg", "ppg", "signals", "map", "note", "rate", "annotate")
    if wrong := [f"--{name}" for name in others if getattr(args, name) is not None]:
        raise UsageError(f"{', '.join(wrong)} beside --recording: a recording has everything in it")
    meters, windows, before, now = Meters(), 0, 0, 0
    account: JsonLines | Sentences | None = None
    with Progress(on=sys.stderr is not None and sys.stderr.isatty() and not args.quiet) as progress:
        for files in stretches(recordings_at(args.recording), tell=say):
            head, found = head_of(files[0]), Played()
            bundle = _bundle(args, head)
            monitor, digest = _monitor(args, files[0], head, bundle)
            account = None
            for event, outputs in played(monitor, files, found):
                if event is not None:
                    progress.show(event.t_ns)
                    if isinstance(event, Sample):
                        meters.count("samples", event.stream)
                    account = account or _account(args, files, bundle, digest, event.t_ns)
                for output in outputs:
                    if isinstance(output, Alert):
                        meters.count(output.state, output.kind)
                        now += 1
                    if account is not None:
                        account.send(output)
            account = account or _account(args, files, bundle, digest, 0)
            before += len(found.said)
            windows += monitor.windows
            for text in found.remarks:
                say(text)
    summary = summarize(meters, windows=windows, drops={})
    if isinstance(account, JsonLines):
        account.summary({**summary.as_dict(), "transitions_then": before})
    elif not args.json:
        print(summary.as_text())
        print(f"then     {before} transitions were recorded, {now} now")
    return 0


def _bundle(args: argparse.Namespace, head: Head) -> Bundle:
    if args.bundle is not None:
        bundle = load_bundle(args.bundle)
    else:
        try:
            bundle = load_bundle(newest(head.bundle))  # one that ships; a path in a file is not followed
        except UsageError as error:
            name = printable(head.bundle)[:60]
            raise UsageError(
                f"recorded with the bundle {name!r}, which does not ship; name it: --bundle FILE"
            ) from error
    if bundle.digest != head.bundle_sha256:
        then = printable(f"{head.bundle} {head.bundle_version}")[:100]
        say(f"recorded with {then}, replayed with {bundle.manifest.name} {bundle.manifest.version} of other content")
    return bundle


def _monitor(args: argparse.Namespace, path: Path, head: Head, bundle: Bundle) -> tuple[Monitor, str]:
    """What watches, and a digest of what it decides by."""
    limits = limits_of(head, where=path) if args.config is None else limits_from(load_config(args.config).rules)
    baseline = baseline_of(head, where=path) if args.baseline is None else load_baseline(args.baseline)
    if baseline is not None:
        baseline = baseline.seen_by(bundle.digest)
    if head.own_policies:
        say("recorded with rules of a user's own; the built-in ones decide here")
    return Monitor(bundle, limits=limits, baseline=baseline), f"{bundle.digest}\n{limits!r}\n{baseline!r}"


def _account(
    args: argparse.Namespace, files: list[Path], bundle: Bundle, digest: str, origin_ns: int
) -> JsonLines | Sentences:
    if not args.json:
        return Sentences(sys.stdout, origin_ns=origin_ns)
    hasher = hashlib.sha256(digest.encode())
    for path in files:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                hasher.update(chunk)
    return JsonLines(sys.stdout, origin_ns=origin_ns, digest=hasher.hexdigest(), bundle=BundleRef.of(bundle))
