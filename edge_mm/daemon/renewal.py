"""A new configuration while we watch: read, tried, and only then put in the old one's place.

In: that somebody asks for it (SIGHUP). Out: the next ``Runtime``, ready to run; or why the old one stays. Everything
that takes time - reading, loading a bundle and its self-test - happens in a thread beside the watch. Not here: the
signal (``daemon.verb_run``), the change from one to the other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from edge_mm.daemon.config import Config
from edge_mm.daemon.logs import NEWS
from edge_mm.daemon.notify import notify
from edge_mm.errors import ConfigError, EdgeMmError

T = TypeVar("T")
_KEPT = ("device_id", "outbox")
"""What only a restart can change: the numbers of the transitions and the alarms that are active belong to it."""
_log = logging.getLogger("edge_mm.run")


class Wish:
    """That the configuration be read anew; outlives each run, so that none is lost between two.

    A plain value: a signal's handler may run while its own thread holds the lock of an ``Event``.
    """

    wanted = False

    def ask(self) -> None:
        """Wish it, from wherever."""
        self.wanted = True


class Renewal(Generic[T]):
    """Makes what comes next.

    Args:
        config: what runs now.
        load: reads the configuration anew.
        make: makes of it what is to run.
        refused: hears why the old one stays; empty: nothing is wrong any more.
        discard: ends what was made and will not run, because there is something newer, or nothing runs any more.
        wish: that of all runs, one after the other; one that comes while the next takes over is the next one's.

    Attributes:
        next: what is to run next, once it is ready.
    """

    def __init__(
        self,
        config: Config,
        load: Callable[[], Config],
        make: Callable[[Config], T],
        refused: Callable[[str], None],
        discard: Callable[[T], None] = lambda _made: None,
        *,
        wish: Wish | None = None,
    ) -> None:
        self._config, self._load, self._make, self._refused = config, load, make, refused
        self._discard = discard
        self._wish = wish or Wish()
        self._lock, self._closed = threading.Lock(), False
        self._thread: threading.Thread | None = None
        self.next: T | None = None

    def ask(self) -> None:
        """Somebody wants the configuration read anew; may be called by a signal's handler."""
        self._wish.ask()

    def turn(self) -> bool:
        """Go on with it; whether what is to run next is ready. Called by the watch, a few times a second."""
        if self.next is not None:
            if not self._wish.wanted:
                return True
            self._discard(self.next)  # it has been edited once more meanwhile
            self.next = None
        if self._wish.wanted and (self._thread is None or not self._thread.is_alive()):
            self._wish.wanted = False
            notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
            self._thread = threading.Thread(target=self._prepare, name="renewal", daemon=True)
            self._thread.start()
        return False

    def close(self) -> None:
        """Nothing runs next: end what is ready, and what still becomes so."""
        with self._lock:
            self._closed = True
            made, self.next = self.next, None
        if made is not None:
            self._discard(made)

    def join(self, timeout_s: float) -> None:
        """Wait for what is being prepared, so long at most."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _prepare(self) -> None:
        try:
            config = self._load()
            for key in _KEPT:
                if getattr(config, key) != getattr(self._config, key):
                    raise ConfigError(f"{key} has changed, which takes a restart")
            made = self._make(config)
            with self._lock:
                closed = self._closed
                if not closed:
                    self.next = made
            if closed:
                self._discard(made)
            self._refused("")
            return
        except EdgeMmError as error:
            text = " ".join(str(error).splitlines())
        except Exception as error:
            _log.exception("the new configuration could not be tried")
            text = f"{type(error).__name__}: {error}"
        _log.error("the configuration stays as it was: %s", text, extra=NEWS)
        self._refused(text)
        notify("READY=1")
