"""The ops that an Edge TPU takes, with their limits and where each is written. Data.

Sources:
  CORAL  coral.ai/docs/edgetpu/models-intro, "Supported operations" (several editions of the page, 2019 to 2023)
  AXIS   developer.axis.com, ARTPEC-7 "Supported ops": the same chip, the table of runtime 14
  LOGS   published logs of edgetpu_compiler 16.0 that say "Mapped to Edge TPU"; the limits are not published
An op of which we found none of these is not ``confirmed``: it was in the table as its readers remember it, and lint
says so. Minimum runtime of the Edge TPU: programs of compiler 16.0 need runtime 14, those of 2.1 to 15.0 runtime 13
(coral.ai/docs/edgetpu/compiler). TransposeConv came with runtime 13 (google-coral/edgetpu issue 64); from which runtime
on the other ops are taken we found nowhere, so no figures stand here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from converters.lint import edgetpu_limits as limit
from converters.lint.case import Case


class Supported(NamedTuple):
    """An op in the table."""

    limits: tuple[Callable[[Case], str | None], ...] = ()
    """What must hold for it."""
    confirmed: bool = True
    """One of the sources says that it is supported."""
    doubt: str = ""
    """A limit that is stated without a figure, or not published."""


_SIZE = "large ones are not always mapped; the documentation gives no figure"
_LOGS = "compiler logs show it mapped and not mapped; its limits are not published"
_MEMORY = "no document that we found lists it"

TABLE: dict[str, Supported] = {
    "ADD": Supported(),  # CORAL
    "AVERAGE_POOL_2D": Supported((limit.no_fused_activation,)),  # CORAL
    "CONCATENATION": Supported((limit.no_fused_activation, limit.zero_padding_only)),  # CORAL
    "CONV_2D": Supported((limit.same_dilation, limit.constant_weights)),  # CORAL
    "DEPTHWISE_CONV_2D": Supported((limit.same_dilation, limit.constant_weights)),  # CORAL
    "EXPAND_DIMS": Supported(),  # AXIS
    "FULLY_CONNECTED": Supported((limit.default_weights_format, limit.constant_weights, limit.flat_output)),  # CORAL
    "L2_NORMALIZATION": Supported(),  # CORAL
    "LOGISTIC": Supported(),  # CORAL
    "MAXIMUM": Supported(),  # CORAL
    "MAX_POOL_2D": Supported((limit.no_fused_activation,)),  # CORAL
    "MEAN": Supported((limit.not_over_batch, limit.channels_by_four)),  # AXIS
    "MINIMUM": Supported(),  # CORAL
    "MUL": Supported(),  # CORAL
    "PACK": Supported((limit.not_packed_over_batch,)),  # AXIS
    "PAD": Supported((limit.batch_not_padded,)),  # AXIS
    "PRELU": Supported((limit.alpha_per_channel,)),  # AXIS
    "QUANTIZE": Supported(),  # AXIS; from int8 to int8 of another scale
    "REDUCE_MAX": Supported((limit.not_over_batch,)),  # AXIS
    "REDUCE_MIN": Supported((limit.not_over_batch,)),  # AXIS
    "RELU": Supported(),  # CORAL
    "RELU6": Supported(),  # CORAL
    "RELU_N1_TO_1": Supported(),  # CORAL
    "RESHAPE": Supported(),  # CORAL
    "RESIZE_BILINEAR": Supported(doubt=_SIZE),  # CORAL
    "RESIZE_NEAREST_NEIGHBOR": Supported(doubt=_SIZE),  # CORAL
    "SLICE": Supported(),  # CORAL
    "SOFTMAX": Supported((limit.one_row_of_16000,)),  # CORAL
    "SPACE_TO_DEPTH": Supported(),  # CORAL
    "SPLIT": Supported((limit.not_split_over_batch,)),  # AXIS
    "SQUEEZE": Supported((limit.leading_ones,)),  # CORAL
    "STRIDED_SLICE": Supported((limit.plain_strides,)),  # CORAL
    "SUB": Supported(),  # CORAL
    "TANH": Supported(),  # CORAL
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Supported(),  # AXIS: "LSTM", unidirectional only
    "TRANSPOSE": Supported(doubt=_LOGS),  # LOGS
    "TRANSPOSE_CONV": Supported((limit.constant_filter,), doubt=_LOGS),  # CORAL, as issues 64 and 684 quote it
    "LSTM": Supported(confirmed=False, doubt=_MEMORY),  # AXIS says "LSTM"; whether it means this op is not said
    "RSQRT": Supported(confirmed=False, doubt=_MEMORY),
    "SQUARED_DIFFERENCE": Supported(confirmed=False, doubt=_MEMORY),
    "SUM": Supported((limit.not_over_batch,), confirmed=False, doubt=_MEMORY),
}

LARGE_RESHAPE_BYTES = 1_048_576
"""AXIS: "certain reshapes might not be mapped for large tensor sizes", without a figure; this one is our choice."""

COMPILER_NEWEST = {"TRANSPOSE_CONV": 3, "RSQRT": 2}
"""Newest version of an op that edgetpu_compiler 16.0 reads; with a newer one it refuses the whole file ("Didn't find op
for builtin opcode", google-coral/edgetpu issues 845 and 384). Other ops: not published."""

INSTEAD = {
    "DIV": "multiply with a constant reciprocal, or mask with an added large negative number",
    "WHILE": "build the recurrent layer with unroll=True, or use strided convolutions",
    "UNPACK": "take each step with a slice (x[:, t]), which is a STRIDED_SLICE",
    "GATHER": "use a slice with fixed bounds",
    "BATCH_MATMUL": "use a dense layer with constant weights",
    "LEAKY_RELU": "use ReLU, or PReLU with shared axes",
    "HARD_SWISH": "use ReLU6",
    "GELU": "use ReLU or tanh",
    "ELU": "use ReLU or tanh",
    "EXP": "use logistic or tanh",
    "DEQUANTIZE": "quantize with int8 outputs (int8-static)",
    "QUANTIZE": "quantize with int8 inputs (int8-static)",
    "BIDIRECTIONAL_SEQUENCE_LSTM": "use a unidirectional one",
}
"""What to use in the place of an op that is not taken."""
