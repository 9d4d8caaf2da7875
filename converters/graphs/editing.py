"""A ``.tflite`` as objects that can be changed, and back.

In: bytes. Out: the runtime's own ``ModelT``, or bytes of one. Not here: only looking (``reader``).
"""

from __future__ import annotations

from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema


def unpacked(content: bytes) -> Any:
    """A file as objects that can be changed; only for what ``read_graph`` has taken."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))


def packed(model: Any, size: int) -> bytes:
    """The objects as a file.

    Args:
        model: from ``unpacked``.
        size: about how many bytes it takes.
    """
    builder = flatbuffers.Builder(size)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
