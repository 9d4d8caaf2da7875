"""The process that runs graphs which are not ours, or which run on an accelerator.

In: ``Load`` and ``Run`` on a socket that is inherited. Out: ``Loaded``, ``Ran`` or ``Refused`` for each. A graph that
hangs, or a delegate that ends the process, is seen from outside. Not here: deadlines and what follows
(``graph_process``).
"""

from __future__ import annotations

import socket

import msgspec

from edge_mm.child import as_child
from edge_mm.errors import EdgeMmError
from edge_mm.perception.graph_messages import (
    Load,
    Loaded,
    Ran,
    Receiver,
    Refused,
    Reply,
    Request,
    Run,
    packed,
    send,
    unpacked,
)
from edge_mm.perception.litert import Graph

_REQUESTS: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)


def _serve(link: socket.socket) -> None:
    receiver, graphs = Receiver(link), dict[str, Graph]()
    while True:
        while (body := receiver.whole()) is None:
            if not receiver.fill():
                return
        request: Request | None = None
        try:
            reply = _answer(request := _REQUESTS.decode(body), graphs)
        except Exception as error:  # whatever a runtime or a delegate raises is told, not printed
            text = " ".join(str(error).split())[:500] or type(error).__name__
            reply = Refused(text, ran=isinstance(request, Run) and not isinstance(error, EdgeMmError))
        send(link, reply)


def _answer(request: Request, graphs: dict[str, Graph]) -> Reply:
    if isinstance(request, Load):
        graph = Graph(request.content, name=request.name, stateful=request.stateful, delegate=request.delegate)
        graphs[request.name] = graph
        return Loaded(request.name, dict(graph.inputs), dict(graph.outputs))
    return Ran(request.number, packed(graphs[request.name](**unpacked(request.inputs))))


def main() -> None:
    """Serve as long as the other side lives."""
    with as_child() as link:
        _serve(link)


if __name__ == "__main__":
    main()
