"""The command ``edge-mm``: what can be asked for, and how failures are told.

In: the command line. Out: an exit status (0 done, 1 failure, 2 usage, 69 device or broker missing, 78 configuration,
130 interrupted, 141 nobody reads on, 143 terminated); an error is one sentence on stderr, a traceback only with
``EDGE_MM_DEBUG=1``. Cheap on purpose: a verb's code is imported when it is called. Not here: what the verbs do
(``edge_mm/daemon/verb_*.py``).
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from edge_mm.daemon import arguments, questions
from edge_mm.daemon.output import OutputError, fill_descriptors, say, told_apart, unwritten
from edge_mm.errors import EdgeMmError

DEBUG = "EDGE_MM_DEBUG"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after ``edge-mm``; the process's own when None.

    Returns:
        The exit status.
    """
    fill_descriptors()
    try:
        with told_apart():
            try:
                with _terminable():
                    return _answered(argv)
            except _TerminatedError:
                return 143
            except KeyboardInterrupt:
                return 130
    except OutputError as error:
        return unwritten(error)


def _answered(argv: Sequence[str] | None) -> int:
    try:
        args = parser().parse_args(argv)
        module, function = args.handler.split(":")
        if sys.stdout is None and not module.endswith("verb_run"):  # started with ``>&-``; the daemon prints nothing
            raise EdgeMmError("the output is closed: there is nowhere to print to")
        handler: Callable[[argparse.Namespace], int] = getattr(importlib.import_module(module), function)
        return handler(args)
    except EdgeMmError as error:
        for line in str(error).splitlines():
            say(line)
        return error.exit_status
    except OutputError:
        raise
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        text = " ".join(str(error).split())[:300]
        say(f"unexpected {type(error).__name__}: {text} (run with {DEBUG}=1 for the traceback)")
        return 1


class _TerminatedError(BaseException):
    """SIGTERM came: unwind as at Ctrl-C, so that temporary files go and programs that were started end."""


@contextmanager
def _terminable() -> Iterator[None]:
    """While a verb runs, SIGTERM unwinds it; ``run`` has its own answer, which replaces this one."""

    def terminated(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)  # a second one ends at once
        raise _TerminatedError

    try:
        before = signal.signal(signal.SIGTERM, terminated)
    except ValueError:  # not in the main thread: whoever called us answers signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def parser() -> argparse.ArgumentParser:
    """The whole command line, with examples in its help."""
    top = argparse.ArgumentParser(
        prog="edge-mm",
        description="Watch over a person on a small board: camera, microphone and physiological sensors in, alerts out",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=_Version)
    rows = top.add_subparsers(title="verbs", metavar="VERB", required=True)

    def verb(name: str, handler: str, text: str, examples: str) -> argparse.ArgumentParser:
        one = rows.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog="examples:\n" + "\n".join(f"  {line}" for line in examples.splitlines()),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        one.set_defaults(handler=f"edge_mm.daemon.{handler}")
        loudness = one.add_mutually_exclusive_group()
        loudness.add_argument("-v", "--verbose", action="store_true", help="say more on stderr")
        loudness.add_argument("-q", "--quiet", action="store_true", help="say only what went wrong")
        return one

    _live(verb)
    _recordings(verb)
    questions.add(verb)
    return top


_EXAMPLES = """examples:
  edge-mm demo                     see it work on real recordings
  edge-mm init && edge-mm check    write edge-mm.toml for the sensors of this machine, then try it
  edge-mm run                      watch, and publish alerts over MQTT
  edge-mm tail                     print the alerts as they arrive
'edge-mm VERB --help' explains a verb."""

_CONFIG = "configuration (default: %(default)s)"


class _Version(argparse.Action):
    """Prints the version; looking it up costs 20 ms, so only when asked."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version and end")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib import metadata

        try:
            version = metadata.version("edge-mm")
        except metadata.PackageNotFoundError:
            version = "(run from a checkout, not installed)"
        print(f"edge-mm {version}")
        parser.exit()


def _live(verb: questions.Verb) -> None:
    one = verb(
        "init",
        "verb_init:main",
        "look for cameras, microphones and sensors, and write a configuration to start from; "
        "a file that is there already is kept, unless --force is given",
        "edge-mm init\nedge-mm init --output /etc/edge-mm/edge-mm.toml",
    )
    one.add_argument("--output", metavar="FILE", default="edge-mm.toml", help="file to write (default: %(default)s)")
    one.add_argument("--force", action="store_true", help="replace the file if it is there")

    one = verb(
        "run",
        "verb_run:main",
        "watch with the sensors of the configuration and publish alerts over MQTT until stopped",
        "edge-mm run\nedge-mm run -c /etc/edge-mm/edge-mm.toml -v\nedge-mm run --guarded   # in a container",
    )
    one.add_argument("-c", "--config", metavar="FILE", default="edge-mm.toml", help=_CONFIG)
    one.add_argument(
        "--guarded",
        metavar="SECONDS",
        nargs="?",
        type=arguments.positive,
        const=30.0,
        help="do what systemd would: start it again when it fails, or has made no progress for so long (default: 30)",
    )

    one = verb(
        "demo",
        "demo:main",
        "run the daemon's own code on real recordings with a broker and a subscriber of its own",
        "edge-mm demo\nedge-mm demo --json | tail -n 1\nedge-mm demo --live",
    )
    one.add_argument("--json", action="store_true", help="print JSON lines, the summary last")
    one.add_argument("--seconds", metavar="N", type=arguments.positive, help="end after so many seconds")
    one.add_argument("--live", action="store_true", help="use the camera and the microphone of this machine")


def _recordings(verb: questions.Verb) -> None:
    one = verb(
        "replay",
        "verb_replay:main",
        "run recordings through the monitor as fast as it can",
        "edge-mm replay --video drive.mp4 --ecg drive_ecg.csv\n"
        'edge-mm replay --ecg mitdb/208 --json | grep \'"type":"alert"\'\n'
        "edge-mm replay --signals wrist.csv --map eda=EDA,temp=TEMP --bundle ./my.edgemm\n"
        "edge-mm replay --video drive.mp4 --annotate seen.mp4\n"
        "edge-mm replay --recording /var/lib/edge-mm/recordings --json",
    )
    one.add_argument("--bundle", metavar="NAME|FILE", default=None, help="the model bundle (default: driver)")
    one.add_argument("--video", metavar="FILE", help="video file; it becomes the stream 'vision'")
    one.add_argument("--audio", metavar="FILE", help="sound file, or a video file whose sound is taken; stream 'audio'")
    one.add_argument("--ecg", metavar="FILE", help="WFDB record, EDF, or CSV with a time column; stream 'ecg'")
    one.add_argument("--ppg", metavar="FILE", help="the same for a pulse wave; stream 'ppg'")
    one.add_argument(
        "--rate", metavar="HZ", type=arguments.rate, help="samples per second, where --ecg or --ppg does not say"
    )
    one.add_argument("--signals", metavar="CSV", help="CSV with a time column and further signals, named by --map")
    one.add_argument(
        "--map",
        metavar="KIND=COLUMN,...",
        help="eda, temp, ecg, ppg, acc_x/y/z or gyro_x/y/z = its column",
    )
    kept = "what 'edge-mm run' has recorded ([record]), with its own bundle and rules; alone"
    one.add_argument("--recording", metavar="FILE|FOLDER", help=kept)
    one.add_argument("--note", metavar="TEXT", help="about the person: age, sex, medication, history (bundle health)")
    one.add_argument("--config", metavar="FILE", help="take bundle and [rules] from this configuration")
    one.add_argument("--baseline", metavar="FILE", help="shift limits by what 'edge-mm calibrate' has learned")
    one.add_argument("--json", action="store_true", help="print JSON lines: observation, estimate, alert, summary")
    seen = "write a video of it with all that was seen drawn in: .mp4 .m4v .mov .mkv .avi, or .webm for browsers"
    one.add_argument("--annotate", metavar="FILE", help=seen)
    one.add_argument("--force", action="store_true", help="with --annotate: replace the file if it is there")

    one = verb(
        "calibrate",
        "verb_calibrate:main",
        "learn what is usual for a person at rest (eyes, pose of the head, heart rate), so that limits follow it; "
        "stop 'edge-mm run' meanwhile",
        "edge-mm calibrate --minutes 3\n"
        "edge-mm calibrate --video drive.mp4 --ecg drive_ecg.csv --baseline me.json\n"
        "edge-mm calibrate --show\nedge-mm calibrate --reset",
    )
    one.add_argument("-c", "--config", metavar="FILE", help="sensors, bundle and place (default: edge-mm.toml)")
    one.add_argument("--video", metavar="FILE", help="learn from this recording instead of the sensors")
    one.add_argument("--ecg", metavar="FILE", help="the same, WFDB record, EDF or CSV")
    one.add_argument("--ppg", metavar="FILE", help="the same, of a pulse wave")
    one.add_argument(
        "--rate", metavar="HZ", type=arguments.rate, help="samples per second, where --ecg or --ppg does not say"
    )
    one.add_argument(
        "--bundle", metavar="NAME|FILE", help="the model bundle (default: the configuration's, else driver)"
    )
    one.add_argument("--minutes", metavar="N", type=arguments.minutes, default=3.0, help="how long (default: 3)")
    one.add_argument("--baseline", metavar="FILE", help="where it is kept (default: the configuration's place)")
    what = one.add_mutually_exclusive_group()
    what.add_argument("--show", action="store_true", help="print what is stored, and which limits it moves")
    what.add_argument("--reset", action="store_true", help="forget it: the population's limits hold again")
    one.add_argument("--json", action="store_true", help="print one JSON object")


if __name__ == "__main__":
    sys.exit(main())
