"""Where a command prints: an output that tells its own failures from all others, sentences on the standard error.

In: text. Out: the process's standard output and error, which may be full, closed or left by their reader. Cheap on
purpose: the command line imports it. Not here: what is printed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast


class OutputError(Exception):
    """The standard output cannot be written. No OSError: whoever expects one of a file of his own must not take it."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class _Output:
    """A stream whose failures are ``OutputError``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            raise OutputError(error) from error

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            raise OutputError(error) from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def told_apart() -> Iterator[None]:
    """Meanwhile what is printed and cannot be written is an ``OutputError``, also what is left in the buffer."""
    stream = sys.stdout
    if stream is None:  # started with ``>&-``
        yield
        return
    sys.stdout = cast(TextIO, _Output(stream))
    try:
        yield
        sys.stdout.flush()
    except SystemExit:  # argparse has printed help, version or what is wrong with the words
        sys.stdout.flush()
        raise
    finally:
        sys.stdout = stream


def unwritten(problem: OutputError) -> int:
    """Say so, once; the exit status."""
    _let_go(sys.stdout)
    if isinstance(problem.error, BrokenPipeError):  # whoever read our output has gone (``| head``): end quietly
        return 141
    say(f"the output cannot be written: {problem.error.strerror or problem.error}")
    return 1


def say(text: str) -> None:
    """One sentence on stderr."""
    tell(f"edge-mm: {text}")


def tell(line: str) -> None:
    """One line on stderr, as it is; a stderr that is closed or full changes nothing else."""
    if sys.stderr is None:  # started with ``2>&-``
        return
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        _let_go(sys.stderr)


def fill_descriptors() -> None:
    """Open /dev/null in the place of standard streams that are closed: else the next file gets their number, and what
    a library prints ends in it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number is this one


def _let_go(stream: TextIO) -> None:
    """What is left in the buffer must not fail again when the interpreter ends."""
    with suppress(OSError, ValueError):  # a stream of a test has no number
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
