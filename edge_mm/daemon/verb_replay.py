"""``edge-mm replay``: recordings through the monitor as fast as it can.

In: the parsed command line. Out: with ``--json`` one line per observation, estimate and alert in order of emission and
a summary last; without it the alerts as sentences and a table. Not here: the replaying (``daemon.replay``), the form of
the lines (``delivery.jsonl``), the annotated video (``annotation``).
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edge_mm.alerts.limits import limits_from
from edge_mm.daemon.baseline_file import OTHER_BUNDLE, load_baseline
from edge_mm.daemon.config import load_config
from edge_mm.daemon.meters import Meters
from edge_mm.daemon.output import say
from edge_mm.daemon.replay import announce, file_sources, replayed
from edge_mm.daemon.sentences import Progress, Sentences
from edge_mm.daemon.signals import parse_map, signal_sources
from edge_mm.daemon.summary import Summary, summarize
from edge_mm.delivery.jsonl import JsonLines
from edge_mm.delivery.record import BundleRef
from edge_mm.errors import SourceError, UsageError
from edge_mm.kinds import MODALITY_OF
from edge_mm.models.bundle import Bundle, load_bundle
from edge_mm.monitor import Monitor
from edge_mm.protocols import Source
from edge_mm.sources import Note
from edge_mm.types import Alert, Status

if TYPE_CHECKING:
    from edge_mm.annotation.annotator import Annotator
    from edge_mm.annotation.film import Film

_SENSE_OF: Mapping[str, str] = {"vision": "vision", **MODALITY_OF}
"""Stream -> the modality whose front end reads it; replayed streams are called by their kind, but for the video."""
_CHUNK = 1 << 20


def main(args: argparse.Namespace) -> int:
    """Run the verb.

    Raises:
        UsageError: nothing to replay, or a file that does not exist.
        SourceError: a file cannot be read, or not to its end.
        BundleError: the bundle is truncated, altered or fails its self-test.
        ConfigError: the configuration or the baseline is wrong.
    """
    if args.recording is not None:
        from edge_mm.daemon import verb_recording

        return verb_recording.main(args)
    if not any((args.video, args.audio, args.ecg, args.ppg, args.signals)):
        alone = " (a --note alone is none)" if args.note is not None else ""
        raise UsageError(
            f"nothing to replay{alone}: give --video, --audio, --ecg, --ppg, --signals or --recording "
            "(edge-mm replay --help)"
        )
    name, limits = args.bundle or "driver", None
    if args.config is not None:
        config = load_config(args.config)
        name, limits = args.bundle or config.bundle, limits_from(config.rules)
    sources = file_sources(video=args.video, audio=args.audio, ecg=args.ecg, ppg=args.ppg, rate_hz=args.rate)
    mapped = signal_sources(args.signals, parse_map(args.map), taken={source.name for source in sources})
    for source in mapped:
        _try_column(source)
    sources += mapped
    if args.note is not None:
        sources.append(Note(args.note))
    baseline = None if args.baseline is None else load_baseline(args.baseline)
    bundle = load_bundle(name)
    if baseline is not None and baseline.seen_by(bundle.digest) != baseline:
        say(f"{args.baseline}: {OTHER_BUNDLE}")
        baseline = baseline.seen_by(bundle.digest)
    monitor = Monitor(bundle, limits=limits, baseline=baseline)
    used = [source for source in sources if bundle.front_end(_SENSE_OF.get(source.name, "")) is not None]
    unused = [source for source in sources if source not in used]
    for source in unused:
        source.open()  # a damaged file is said, used or not
        source.close()
    names = ", ".join(source.name for source in unused)
    # Not an error even when nothing is left: any input may be given to any bundle, and one line says what was not used.
    if names:
        say(f"bundle {bundle.manifest.name} does not use: {names}")
    with _film(args) as film:
        return _replay(args, used, monitor, film)


@contextmanager
def _film(args: argparse.Namespace) -> Iterator[Film | None]:
    """The annotated video, where one is asked for; what is not finished in the block is not there afterwards."""
    if args.annotate is None:
        yield None
        return
    from edge_mm.annotation.film import Film

    inputs = [path for role in ("video", "audio", "ecg", "ppg", "signals") if (path := getattr(args, role)) is not None]
    with Film(args.annotate, force=args.force, inputs=inputs) as film:
        yield film


def _try_column(source: Source) -> None:
    """A column that --map names and the file has not is a wrong word on the command line, not a damaged file."""
    try:
        source.open()
    except SourceError as error:
        if "there is no column" in str(error):
            raise UsageError(f"--map: {error}") from error
        raise
    finally:
        source.close()


def _replay(args: argparse.Namespace, sources: list[Source], monitor: Monitor, film: Film | None) -> int:
    meters, bundle = Meters(), monitor.bundle
    digest = _digest(args, bundle) if args.json else ""
    account: JsonLines | Sentences | None = None
    lost: list[str] = []
    with Progress(on=sys.stderr is not None and sys.stderr.isatty() and not args.quiet) as progress:
        try:
            for source in sources:
                announce(monitor, source, where=_file_of(args, source.name))
            drawn = None if film is None else _annotator(film, monitor)
            for event, outputs in replayed(monitor, sources, meters=meters):
                if event is not None:
                    account = account or _account(args, bundle, digest, event.t_ns)
                    progress.show(event.t_ns)
                if isinstance(event, Status) and event.state == "lost":
                    lost.append(f"{event.stream}: read only in part: {event.detail}")
                for output in outputs:
                    if isinstance(output, Alert):
                        meters.count(output.state, output.kind)
                    if account is not None:
                        account.send(output)
                if drawn is not None:
                    drawn.take(event, outputs)
        finally:
            for source in sources:
                source.close()
    if film is not None:
        film.finish()
        if not args.quiet:
            say(
                f"wrote {film.path}: {film.frames} frames" if film.frames else f"{film.path}: there was nothing to draw"
            )
    _close(account or _account(args, bundle, digest, 0), summarize(meters, windows=monitor.windows, drops={}))
    if lost:
        raise SourceError("\n".join(lost))
    return 0


def _annotator(film: Film, monitor: Monitor) -> Annotator:
    from edge_mm.annotation.annotator import Annotator

    manifest = monitor.bundle.manifest
    return Annotator(film, monitor.streams, title=f"{manifest.name} {manifest.version}")


def _file_of(args: argparse.Namespace, stream: str) -> str:
    """The file that a stream comes from, as it was named."""
    if stream == "note":
        return "--note"
    return str(getattr(args, "video" if stream == "vision" else stream, None) or args.signals)


def _account(args: argparse.Namespace, bundle: Bundle, digest: str, origin_ns: int) -> JsonLines | Sentences:
    if args.json:
        return JsonLines(sys.stdout, origin_ns=origin_ns, digest=digest, bundle=BundleRef.of(bundle))
    return Sentences(sys.stdout, origin_ns=origin_ns)


def _close(account: JsonLines | Sentences, summary: Summary) -> None:
    if isinstance(account, JsonLines):
        account.summary(summary.as_dict())
    else:
        print(summary.as_text())


def _digest(args: argparse.Namespace, bundle: Bundle) -> str:
    """SHA-256 of everything that decides what comes out: bundle, rules, baseline, inputs' content, roles and rate."""
    hasher = hashlib.sha256(bundle.digest.encode())
    for role in ("video", "audio", "ecg", "ppg", "signals", "config", "baseline"):
        path = getattr(args, role)
        if path is None:
            continue
        hasher.update(f"\n{role}\n".encode())
        # A WFDB record is several files under one stem.
        for one in dict.fromkeys(Path(text).expanduser() for text in (path, *_parts(path))):
            if one.is_file():
                with one.open("rb") as file:
                    while chunk := file.read(_CHUNK):
                        hasher.update(chunk)
    hasher.update(f"\nmap\n{args.map or ''}".encode())
    if args.note is not None:
        hasher.update(f"\nnote\n{args.note}".encode(errors="replace"))
    if args.rate is not None:
        hasher.update(f"\nrate\n{args.rate!r}".encode())
    return hasher.hexdigest()


def _parts(path: str) -> list[str]:
    stem = path.removesuffix(".hea").removesuffix(".dat").removesuffix(".mat")
    return [] if Path(path).is_file() and stem == path else [f"{stem}.hea", f"{stem}.dat", f"{stem}.mat"]
