"""The exceptions of the product; each text says what, where and what to do.

::

    EdgeMmError              exit status 1
    ├── UsageError                       2   the caller asked for something that does not exist
    ├── ConfigError                     78   edge-mm.toml, a profile or a rule is wrong
    ├── BundleError                     78   a bundle is truncated, altered or does not fit
    ├── ConvertError                    65   a model, a data set or a graph cannot be converted
    ├── GraphLost                       69   a graph does not answer; what it reads is absent for now
    ├── SourceError                     69   a device or file cannot be opened or read
    │   └── SourceLost                  69   a device went away while it was read
    ├── WorkerError                      1   a part of ours failed too often; a new process may help
    └── DeliveryError                   69   broker or outbox
        └── OutboxError                  1   the outbox cannot be written (disk full, damaged)

Exit statuses follow sysexits.h: 65 is EX_DATAERR, 69 is EX_UNAVAILABLE, 78 is EX_CONFIG. A file named on the command
line that does not exist is a UsageError; a device or a broker that is not there is 69.
"""

from __future__ import annotations


class EdgeMmError(Exception):
    """Anything that we can explain in a sentence."""

    exit_status = 1


class UsageError(EdgeMmError):
    """The caller asked for something that does not exist."""

    exit_status = 2


class ConfigError(EdgeMmError):
    """A configuration is wrong; ``problems`` holds all that was found."""

    exit_status = 78

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class BundleError(EdgeMmError):
    """A bundle is truncated, altered, of another schema, or fails its self-test."""

    exit_status = 78


class ConvertError(EdgeMmError):
    """A model, a data set, a graph or a recipe cannot be converted; raised on the host side only."""

    exit_status = 65


class GraphLost(EdgeMmError):  # noqa: N818 - it names what happened
    """A graph does not answer, or has ended the process that runs it: what it reads is absent until it does again."""

    exit_status = 69


class SourceError(EdgeMmError):
    """A device or file cannot be opened or read."""

    exit_status = 69


class SourceLost(SourceError):  # noqa: N818 - it names what happened
    """A device went away or stalled while it was read."""


class WorkerError(EdgeMmError):
    """A thread or a child process of ours failed more often than it may; a new process may help."""


class DeliveryError(EdgeMmError):
    """The broker is unreachable or refuses us."""

    exit_status = 69


class OutboxError(DeliveryError):
    """The outbox cannot be written: nothing may be said to be accepted."""

    exit_status = 1
