"""``edge-mm calibrate``: learn what is usual for a person at rest, keep it, show it, forget it.

In: the parsed command line. Out: the baseline's file; on stdout what was learned and which limits it moves. Exit status
0 when something was learned, 1 with the reasons when nothing was: then what was stored before stays. Not here: the
learning (``daemon.calibration``), the file (``daemon.baseline_file``).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from edge_mm.alerts.baseline import Baseline, moved, personal, rows
from edge_mm.alerts.limits import Limits, limits_from
from edge_mm.alerts.resting import Learned, RestingLearner
from edge_mm.daemon.baseline_file import load_baseline, remove_baseline, store_baseline
from edge_mm.daemon.config import Config, load_config
from edge_mm.daemon.output import say, tell
from edge_mm.errors import EdgeMmError, UsageError
from edge_mm.models.bundle import load_bundle

_DEFAULT = "edge-mm-baseline.json"
_RECORDINGS = ("video", "ecg", "ppg")
_SHOW_EVERY_S, _SAY_EVERY_S = 0.25, 30.0


def main(args: argparse.Namespace) -> int:
    """Run the verb.

    Raises:
        UsageError: words that do not go together, a file that does not exist.
        ConfigError: the configuration or the stored baseline is wrong.
        SourceError: a sensor or a recording cannot be read.
        EdgeMmError: too little was seen well enough, or the file cannot be written.
    """
    recorded = any(getattr(args, role) is not None for role in _RECORDINGS)
    if (args.show or args.reset) and recorded:
        raise UsageError("--show and --reset take no recording")
    config = _config(args, needed=not (recorded or args.show or args.reset))
    path = args.baseline or (_DEFAULT if config is None else config.baseline)
    limits = Limits() if config is None else limits_from(config.rules)
    if args.reset:
        return _reset(args, path)
    if args.show:
        return _show(args, path, limits)
    learned = _learn(args, config, recorded=recorded)
    if not learned.baseline.learned():
        reasons = [f"{name}: {why}" for name, why in learned.missing.items()] or ["nothing that can be learned from"]
        raise EdgeMmError("\n".join(["nothing was learned, so nothing was stored", *reasons]))
    store_baseline(path, learned.baseline)
    _print(args, path, learned.baseline, limits, learned.missing)
    if not args.quiet:
        for name, why in learned.missing.items():
            say(f"{name} was not learned: {why}")
        say(f"stored in {path}; 'edge-mm run' uses it from its next start")
    return 0


def _config(args: argparse.Namespace, *, needed: bool) -> Config | None:
    """The configuration; None where none was named, none is needed, and there is none at the usual place."""
    path = Path(args.config or "edge-mm.toml")
    if args.config is None and not path.exists():
        if needed:
            raise UsageError(f"{path}: no such file; 'edge-mm init' writes one, or give --video, --ecg or --ppg")
        return None
    return load_config(path)


def _learn(args: argparse.Namespace, config: Config | None, *, recorded: bool) -> Learned:
    from edge_mm.daemon.calibration import learn_live, learn_recorded
    from edge_mm.daemon.replay import file_sources

    seconds = args.minutes * 60.0
    bundle = load_bundle(args.bundle or ("driver" if config is None else config.bundle))
    on = not args.quiet
    with _Line(seconds, on=on, live=not recorded) as line:
        if recorded:
            sources = file_sources(video=args.video, ecg=args.ecg, ppg=args.ppg, rate_hz=args.rate)
            files = {"vision": args.video, "ecg": args.ecg, "ppg": args.ppg}
            return learn_recorded(
                sources, bundle, seconds=seconds, where=lambda stream: str(files[stream]), tell=line.tell
            )
        assert config is not None  # noqa: S101 - _config has refused
        return learn_live(config, bundle, seconds=seconds, tell=line.tell, lost=line.say)


class _Line:
    """Progress: a line that moves on a terminal; else, of sensors, one every half minute."""

    def __init__(self, seconds: float, *, on: bool, live: bool) -> None:
        self._seconds, self._on, self._live = seconds, on and sys.stderr is not None, live
        self._moving = self._on and sys.stderr.isatty()
        self._shown_s = 0.0

    def __enter__(self) -> _Line:
        if self._on and self._live:
            say(f"sit still and look at the road for {self._seconds / 60:g} minutes")
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def tell(self, passed_s: float, learner: RestingLearner) -> None:
        if not self._on:
            return
        now_s = time.monotonic()
        if now_s - self._shown_s < (_SHOW_EVERY_S if self._moving else _SAY_EVERY_S):
            return
        self._shown_s = now_s
        good = learner.seconds()
        words = (
            f"{min(passed_s, self._seconds):.0f} of {self._seconds:.0f} s; seen well: eyes and head "
            f"{good['eyes_closed']:.0f} s, heart {good['heart_rate_bpm']:.0f} s"
        )
        if self._moving:
            sys.stderr.write(f"\r\x1b[K{words}")
            sys.stderr.flush()
        elif self._live:
            say(words)

    def say(self, text: str) -> None:
        self._clear()
        say(text)

    def _clear(self) -> None:
        if self._moving:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _reset(args: argparse.Namespace, path: str) -> int:
    there = remove_baseline(path)
    if args.json:
        print(json.dumps({"path": str(path), "removed": there}))
    elif not args.quiet:
        tell(f"{path}: {'removed' if there else 'there was none'}; the population's limits hold from the next start")
    return 0


def _show(args: argparse.Namespace, path: str, limits: Limits) -> int:
    if not Path(path).expanduser().exists():
        if args.json:
            print(json.dumps({"path": str(path), "baseline": None, "missing": {}, "moved": {}, "limits": {}}))
        else:
            print(f"{path}: no baseline is stored; the population's limits hold")
        return 0
    _print(args, path, load_baseline(path), limits, {})
    return 0


def _print(args: argparse.Namespace, path: str, baseline: Baseline, limits: Limits, missing: dict[str, str]) -> None:
    changes, changed = moved(limits, baseline), _changed(limits, personal(limits, baseline))
    if args.json:
        found: dict[str, Any] = {
            "path": str(path),
            "baseline": msgspec.to_builtins(baseline),
            "missing": missing,
            "moved": changes,
            "limits": {name: after for name, (_, after) in changed.items()},
        }
        print(json.dumps(found))
        return
    for name, words in rows(baseline):
        print(f"{name:16} {words}")
    if not changed:
        print("no limit moves: this person is as the population's limits expect")
    for name, (before, after) in changed.items():
        print(f"limit {name}: {before:g} becomes {after:g}")


def _changed(before: Limits, after: Limits) -> dict[str, tuple[float, float]]:
    pairs = zip(msgspec.structs.asdict(before).items(), msgspec.structs.asdict(after).values(), strict=True)
    return {name: (old, new) for (name, old), new in pairs if old != new}
