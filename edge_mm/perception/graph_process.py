"""Graphs in a child process with a deadline: those of a user's own, and those that run on an accelerator.

In: the graphs of a bundle. Out: things that are called as ``litert.Graph`` is. A run that takes longer than its
deadline, or ends the child, is a ``GraphLost``: the child is replaced at once, in the background, and meanwhile every
run is a ``GraphLost``, which the monitor takes as a sense that is absent. A delegate that has failed is not tried again
in this run: the same graphs go on on the CPU. A graph without a delegate that has failed ``BUDGET`` times in
``WITHIN_S`` is given up; the others go on. Each change is told. Not here: which bundles run so (the daemon).
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from subprocess import Popen
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edge_mm.child import end_child, start_child
from edge_mm.errors import BundleError, GraphLost
from edge_mm.kinds import SourceState
from edge_mm.perception.graph_messages import Load, Loaded, Ran, Receiver, Refused, Reply, Run, packed, send, unpacked

DEADLINE_S = 2.0
"""Of one run. The slowest graph takes 50 ms on the slowest board; the rest is for a board that is busy."""
LOAD_S = 30.0
"""A child has to load its graphs in this time: Python and the runtime alone take a Raspberry Pi Zero 5 s."""
BUDGET = 3
WITHIN_S = 600.0
_NO_PROCESS = ""
_REPLIES: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
Tell = Callable[[SourceState, str], None]


class HostedGraph:
    """One graph of the child; called as ``litert.Graph`` is.

    Attributes:
        inputs: name -> shape.
        outputs: name -> shape.
    """

    def __init__(self, process: GraphProcess, name: str, loaded: Loaded) -> None:
        self._process = process
        self.name = name
        self.inputs: Mapping[str, tuple[int, ...]] = loaded.inputs
        self.outputs: Mapping[str, tuple[int, ...]] = loaded.outputs

    def __call__(self, **inputs: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.float32]]:
        """Run it once; see ``litert.Graph``.

        Raises:
            GraphLost: it has not answered in time, or ended the child; or the child is only just being replaced.
            BundleError: an input is missing or has another shape.
        """
        return self._process.run(self.name, inputs)


class GraphProcess:
    """A child process and what is loaded in it.

    Args:
        delegate: library of a delegate; empty: the CPU.
        deadline_s: of one run.
        tell: hears of each change: ``lost``, ``degraded`` (goes on on the CPU, or without one graph), ``live``.
        clock_s: the present in seconds.
    """

    def __init__(
        self,
        *,
        delegate: str = "",
        deadline_s: float = DEADLINE_S,
        tell: Tell = lambda _state, _detail: None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._delegate, self._deadline_s, self._tell, self._clock_s = delegate, deadline_s, tell, clock_s
        self._loads: dict[str, tuple[bytes, bool]] = {}
        self._failed_at: dict[str, deque[float]] = {}
        self._given_up: dict[str, str] = {}
        self._waiting: list[str] = []  # graphs of which a new child has not said yet that they are ready
        self._ready_by_s = 0.0
        self._number = 0
        self._lame = ""  # why it works badly although it works
        self.replaced = 0
        """How often a child was replaced."""
        self._shapes: dict[str, Loaded] = {}
        self._child: Popen[bytes] | None = None
        self._start()

    def graph(self, name: str, content: bytes, *, stateful: bool) -> HostedGraph:
        """Load a graph; one that is loaded already is not loaded again.

        Raises:
            BundleError: the runtime refuses it, or it ends or holds up the process that loads it.
        """
        self.settle()
        known = self._loads.get(name)
        if known is None or known != (content, stateful):
            self._load(name, content, stateful)
        return HostedGraph(self, name, self._shapes[name])

    def run(self, name: str, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[np.float32]]:
        """Run a graph once."""
        if name in self._given_up:
            raise GraphLost(self._given_up[name])
        self._settle()
        self._number += 1
        try:
            send(self._link, Run(name, self._number, packed({k: np.asarray(v) for k, v in inputs.items()})))
            reply = self._reply(self._deadline_s)
        except (OSError, ValueError, msgspec.DecodeError) as error:
            if not isinstance(error, TimeoutError):
                raise self._failed(name, f"the process that runs it has ended ({type(error).__name__})") from None
            reply = None
        if reply is None:
            raise self._failed(name, f"it has not answered within {self._deadline_s:g} s")
        if isinstance(reply, Refused) and not reply.ran:
            raise BundleError(reply.text if name in reply.text else f"graph {name}: {reply.text}")
        if isinstance(reply, Refused):  # an index out of range; an accelerator that was pulled out
            raise self._failed(name, f"it failed: {reply.text}")
        try:
            if not isinstance(reply, Ran) or reply.number != self._number:
                raise ValueError("an answer to another question")
            return unpacked(reply.outputs)
        except ValueError as error:
            raise self._failed(name, f"what its process answers makes no sense ({error})") from None

    def settle(self, timeout_s: float = LOAD_S) -> None:
        """Wait until a child that is being replaced is ready, or it is known that it will not be."""
        until_s = self._clock_s() + timeout_s
        while self._waiting and self._clock_s() < until_s:
            with contextlib.suppress(GraphLost):
                self._settle(0.1)

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            self._link.close()
            end_child(child, grace_s=0.0)

    def _start(self) -> None:
        try:
            self._child, self._link = start_child("edge_mm.perception.graph_child", stream=True)
        except OSError as error:
            raise GraphLost(f"the process that runs graphs cannot be started: {error}") from None
        self._link.settimeout(self._deadline_s)  # a child that does not read must not hold up who writes
        self._receiver = Receiver(self._link)

    def _load(self, name: str, content: bytes, stateful: bool) -> None:
        while True:
            delegate = self._delegate
            reply: Reply | None = None
            with contextlib.suppress(OSError, ValueError, msgspec.DecodeError):
                self._link.settimeout(LOAD_S)  # the child may only just be starting
                send(self._link, Load(name, content, stateful, delegate))
                reply = self._reply(LOAD_S)
                self._link.settimeout(self._deadline_s)
            if isinstance(reply, Loaded) and reply.name == name:
                self._loads[name], self._shapes[name] = (content, stateful), reply
                return
            why = reply.text if isinstance(reply, Refused) else "it ends or holds up the process that loads it"
            if not delegate:
                self._restart()
                raise BundleError(f"graph {name}: {why}")
            self._fall_back(f"graph {name} on {delegate}: {why}")
            self._restart()
            self._settle(LOAD_S)

    def _failed(self, name: str, why: str) -> GraphLost:
        """The child is of no use any more: another one is on its way when this returns."""
        text = f"graph {name}: {why}"
        now_s = self._clock_s()
        if self._delegate:
            self._fall_back(f"{text} (on {self._delegate})")
        else:
            failures = self._failed_at.setdefault(name, deque(maxlen=BUDGET))
            failures.append(now_s)
            if len(failures) == BUDGET and now_s - failures[0] <= WITHIN_S:
                self._given_up[name] = self._lame = f"{text}, {BUDGET} times in {WITHIN_S / 60:g} minutes: given up"
                self._tell("degraded", self._lame)
            else:
                self._tell("lost", f"{text}; its process is replaced")
        self._restart()
        return GraphLost(text)

    def _fall_back(self, why: str) -> None:
        self._delegate = ""
        self._lame = f"{why}; goes on on the CPU"
        self._tell("degraded", self._lame)

    def _restart(self) -> None:
        self.close()
        self.replaced += 1
        try:
            self._start()
        except GraphLost as error:  # no memory for a process now: tried again at the next run
            self._waiting, self._ready_by_s = [_NO_PROCESS], 0.0
            self._tell("lost", str(error))
            return
        self._ready_by_s = self._clock_s() + LOAD_S
        loads = [Load(name, *row, self._delegate) for name, row in self._loads.items() if name not in self._given_up]
        self._waiting = [load.name for load in loads]
        # The child reads once it has started, which takes seconds on a small board, and nobody waits for that.
        self._link.settimeout(LOAD_S)
        threading.Thread(target=_feed, args=(self._link, loads), name="graphs", daemon=True).start()

    def _settle(self, timeout_s: float = 0.0) -> None:
        """Take what a new child has said meanwhile.

        Raises:
            GraphLost: it is not ready yet.
        """
        if self._waiting == [_NO_PROCESS]:
            self._restart()
        while self._waiting:
            if self._child is None:
                raise GraphLost("the process that runs graphs cannot be started now")
            try:
                reply = self._reply(timeout_s)
            except (OSError, ValueError, msgspec.DecodeError):
                reply = Refused("the process that runs graphs has ended while it loaded them")
            if reply is None and self._clock_s() < self._ready_by_s:
                raise GraphLost("the process that runs graphs is being replaced")
            if not isinstance(reply, Loaded):
                why = reply.text if isinstance(reply, Refused) else "it does not load in time"
                raise self._failed(self._waiting[0], why)
            self._waiting.remove(reply.name)
            if not self._waiting:
                self._link.settimeout(self._deadline_s)
                self._tell("degraded" if self._lame else "live", self._lame)

    def _reply(self, timeout_s: float) -> Reply | None:
        """The child's next message, None when none came in time.

        Raises:
            OSError: the child has ended.
            ValueError, DecodeError: it says what makes no sense.
        """
        deadline = time.monotonic() + timeout_s
        poll = select.poll()
        poll.register(self._link, select.POLLIN)
        while (body := self._receiver.whole()) is None:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                return None
            if not self._receiver.fill():
                raise ConnectionResetError
        return _REPLIES.decode(body)


def _feed(link: socket.socket, loads: Sequence[Load]) -> None:
    """Tell a new child what to load; one that ends meanwhile is noticed by who waits for it."""
    with contextlib.suppress(OSError):
        for load in loads:
            send(link, load)
