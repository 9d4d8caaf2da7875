"""A graph run op by op: no delegate merges ops, and every tensor between them can be read.

In: bytes of a graph. Out: an interpreter of ai-edge-litert. Not here: running as the device does
(``edge_mm.perception.litert``), or where a crash does no harm (``conversion.worker``).
"""

from __future__ import annotations

from typing import Any

from edge_mm.quiet import quiet_stderr


def plain_interpreter(content: bytes) -> Any:
    """An interpreter on one thread, its tensors not yet allocated.

    Raises:
        RuntimeError, ValueError: the runtime's own, for a graph that it does not take.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with quiet_stderr():
        return Interpreter(
            model_content=content,
            num_threads=1,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
