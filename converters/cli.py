"""The command ``edge-mm-convert``: from a trained model to a bundle that fits the board.

In: the command line. Out: an exit status (0 done, 1 refused or failed, 2 usage, 65 a model or data that cannot be
converted, 78 a bundle or configuration that is wrong, 130 interrupted, 143 terminated). An error is one sentence on
stderr, a traceback only with ``EDGE_MM_DEBUG=1``. A verb's code is imported when it is called. Not here: what the verbs
do (``verbs/``).
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from edge_mm.errors import EdgeMmError

DEBUG = "EDGE_MM_DEBUG"
VERBS = (
    "quantize",
    "prune",
    "distill",
    "train",
    "compare",
    "evaluate",
    "lint",
    "build",
    "inspect",
    "verify",
    "recipes",
    "runtimes",
)
"""In the order in which people need them; each is a module of ``converters.verbs``."""
_ABOUT = "Turn trained models into int8 graphs that fit a board, and prove that they still do their work."
_EPILOG = """a first graph, step by step:
  edge-mm-convert quantize eye.keras --representative crops.npz     eye.tflite, int8, tried in both runtimes
  edge-mm-convert compare eye.keras eye.tflite --data heldout.npz   what it lost, layer by layer
  edge-mm-convert lint eye.tflite --profile coral-usb               what the board makes of each op
  edge-mm-convert build driver.toml --profile raspberry-pi-4        everything, cached, into one bundle

Data is a .npz whose arrays have the names of the model's inputs (and of its outputs, for labels).
edge-mm-convert VERB --help has an example for each."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status.

    Args:
        argv: the words after ``edge-mm-convert``; the process's own when None.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        try:
            args = parser().parse_args(argv)
            with _tidy_end():
                status: int = args.run(args)
            sys.stdout.flush()
            return status
        except EdgeMmError as error:
            for line in str(error).splitlines():
                print(f"edge-mm-convert: {line}", file=sys.stderr)
            return error.exit_status
        except KeyboardInterrupt:
            return 130
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] not in ("tensorflow", "keras", "sklearn", "tqdm", "matplotlib"):
                raise
            print(f"edge-mm-convert: {error.name} is missing: pip install 'edge-mm[convert]'", file=sys.stderr)
            return 69
    except BrokenPipeError:  # nobody reads on
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - the interpreter flushes it at its end
        return 141
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        text = " ".join(str(error).split())[:300]
        print(
            f"edge-mm-convert: unexpected {type(error).__name__}: {text} (run with {DEBUG}=1 for the traceback)",
            file=sys.stderr,
        )
        return 1


@contextmanager
def _tidy_end() -> Iterator[None]:
    """SIGTERM ends the block as an exception does, so that children and temporary folders go with it."""
    if threading.current_thread() is not threading.main_thread():  # only that one may be told of signals
        yield
        return

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def parser() -> argparse.ArgumentParser:
    """The command line; importing a verb's module costs next to nothing, its work is imported when it runs."""
    top = argparse.ArgumentParser(
        prog="edge-mm-convert",
        description=_ABOUT,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name in VERBS:
        module = importlib.import_module(f"converters.verbs.{name}")
        one = verbs.add_parser(
            name, help=module.SUMMARY, description=module.SUMMARY, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.arguments(one)
        one.set_defaults(run=module.run)
    return top


if __name__ == "__main__":
    sys.exit(main())
