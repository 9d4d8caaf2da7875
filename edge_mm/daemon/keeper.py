"""Make transitions durable before anything else happens with them.

In: the Alerts of one push and the alarm machine's snapshot after it. Out: one transaction in the outbox. When the
outbox cannot be written (disk full), the transitions are kept here, in order, and tried again every ``RETRY_S``
together with the newest snapshot: what was accepted stays accepted, nothing is published that is not durable, and the
person is watched on. Where even what waits here is too much (``MOST_HELD``), what matters least is let go of, counted,
and told as one ``outbox.gap`` alert when the disk is back (``daemon.gap``). If the process ends before the disk has
room, it exits with 1: the next start continues from the last committed snapshot, so that whatever still holds is raised
again. Not here: publishing.

Alternative: stop at the first failure. systemd would restart us into the same full disk, blind in between.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from edge_mm.daemon.gap import Gap
from edge_mm.errors import OutboxError
from edge_mm.types import Alert

RETRY_S = 1.0
MOST_HELD = 2_000
"""Transitions held in memory; beyond it low priority is let go of, then medium."""
MOST_PENDING = 10_000
"""Transitions that may not be let go of; a device that has made so many without a disk ends with an error instead."""
_log = logging.getLogger("edge_mm.outbox")


class Durable(Protocol):
    """What the keeper needs of the outbox."""

    def commit(self, alerts: Sequence[Alert], snapshot: bytes) -> object:
        """Store both or neither.

        Raises:
            OutboxError: they could not be stored.
        """
        ...


class Keeper:
    """Stands between the monitor and the outbox.

    Args:
        outbox: where transitions go.
        snapshot: gives the alarm machine's present state.
        clock_s: the present in seconds, for the pauses between attempts.
        most: transitions held in memory before any are let go of.
    """

    def __init__(
        self,
        outbox: Durable,
        snapshot: Callable[[], bytes],
        *,
        clock_s: Callable[[], float] = time.monotonic,
        most: int = MOST_HELD,
    ) -> None:
        self._outbox = outbox
        self._snapshot = snapshot
        self._clock_s = clock_s
        self._most = most
        self._pending: list[Alert] = []
        self._gap = Gap()
        self._next_try_s = float("-inf")
        self.failure: OutboxError | None = None

    @property
    def pending(self) -> int:
        """Transitions that wait for the disk."""
        return len(self._pending)

    @property
    def missing(self) -> int:
        """Transitions that were let go of since the outbox could last be written."""
        return self._gap.count

    def keep(self, alerts: Sequence[Alert]) -> list[Alert]:
        """Take the transitions of one push; gives those that have become durable, older ones included.

        Raises:
            OutboxError: too many wait already.
        """
        self._pending.extend(alerts)
        stored = self.retry()
        if len(self._pending) > self._most:
            self._let_go()
        if len(self._pending) > MOST_PENDING:
            raise OutboxError(f"{len(self._pending)} transitions wait for the outbox: {self.failure}")
        return stored

    def retry(self, *, now: bool = False) -> list[Alert]:
        """Try again what waits, if it is time (or ``now``); gives what has become durable."""
        if not self._pending or (not now and self._clock_s() < self._next_try_s):
            return []
        everything = [*self._pending, *([self._gap.alert()] if self._gap.count else [])]
        try:
            self._outbox.commit(everything, self._snapshot())
        except OutboxError as error:
            self.failure = error
            self._next_try_s = self._clock_s() + RETRY_S
            _log.error("%s; alerts are kept in memory and tried again every second", error)
            return []
        if self.failure is not None:
            _log.warning("the outbox can be written again; transitions stored: %d", len(self._pending))
        if self._gap.count:
            _log.error("transitions that were let go of while the outbox could not be written: %s", self._gap.words)
        self._pending, self._gap = [], Gap()
        self.failure = None
        self._next_try_s = float("-inf")
        return everything

    def finish(self) -> list[Alert]:
        """Last attempt before the process ends; gives what has become durable.

        Raises:
            OutboxError: transitions could not be stored.
        """
        stored = self.retry(now=True)
        if self._pending:
            raise OutboxError(
                f"{len(self._pending) + self.missing} transitions could not be stored ({self.failure}); free some "
                "space and start again: it continues from the last state that was stored"
            )
        return stored

    def _let_go(self) -> None:
        before = self._gap.count
        self._pending = self._gap.cut(self._pending, self._most)
        if self._gap.count and not before:
            _log.error("%d transitions wait in memory; more of low and medium priority are counted only", self._most)
