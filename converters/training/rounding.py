"""The rounding of int8 inside a float net, so that training feels it: the layers of ``qat``.

In: float tensors. Out: float tensors that took the values an int8 graph could hold (TFLite's quantization spec: weights
per output channel, symmetric, -127..127; activations per tensor, asymmetric, -128..127, with 0 exact). The gradient
passes as if nothing was rounded, and stops where a value was clipped (straight-through: Jacob et al. 2018, section 3).
Not here: where in a net these layers go.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

MOMENTUM = 0.99
"""Of the range of an activation, per step."""
MEASURE, ROUND = "measure", "round"
LEAST = 1e-6
"""Width of the range of an activation that is always 0."""


class Rounded(keras.layers.Layer):  # type: ignore[misc]
    """An activation's values in int8; its range is measured first, then follows what the net says in training."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.mode = ""
        """Empty passes everything through, ``MEASURE`` widens the range, ``ROUND`` rounds."""

    def build(self, _: Any) -> None:
        """The range: it always holds 0."""
        for end in ("low", "high"):
            setattr(self, end, self.add_weight(shape=(), initializer="zeros", trainable=False, name=end))

    def call(self, x: Any, training: bool = False) -> Any:
        """Round (..., any shape)."""
        if self.mode == MEASURE:
            self.low.assign(tf.minimum(self.low.value, tf.reduce_min(x)))
            self.high.assign(tf.maximum(self.high.value, tf.reduce_max(x)))
        if self.mode != ROUND:
            return x
        if training:
            self.low.assign(MOMENTUM * self.low.value + (1 - MOMENTUM) * tf.minimum(tf.reduce_min(x), 0))
            self.high.assign(MOMENTUM * self.high.value + (1 - MOMENTUM) * tf.maximum(tf.reduce_max(x), 0))
        high = tf.maximum(self.high.value, self.low.value + LEAST)
        return tf.quantization.fake_quant_with_min_max_vars(x, self.low.value, high, num_bits=8)

    def compute_output_spec(self, x: Any, training: bool = False) -> Any:
        """As the input."""
        return keras.KerasTensor(x.shape, x.dtype)


class RoundedWeights(keras.layers.Layer):  # type: ignore[misc]
    """A convolution or Dense layer that computes with rounded weights; the weights themselves stay float."""

    def __init__(self, inner: Any, *, bits: int, before: Any = None, **options: Any) -> None:
        """Wrap.

        Args:
            inner: a built Conv1D, Conv2D, DepthwiseConv2D or Dense; its weights are the ones that learn.
            bits: of the weights; 8 for int8.
            before: a ``Rounded`` between the sum and the activation, where int8 holds both as tensors.
            **options: of a Keras layer.
        """
        super().__init__(**options)
        self.inner, self.bits, self.before = inner, bits, before
        self.mode = ""

    @property
    def activation(self) -> Any:
        """Of the layer inside: it says what an output means."""
        return self.inner.activation

    def build(self, shape: Any) -> None:
        """The layer inside is built."""
        if self.before is not None:
            self.before.build(shape)

    def call(self, x: Any, training: bool = False) -> Any:
        """What the layer inside says, by rounded weights."""
        inner = self.inner
        kernel = inner.kernel
        if self.mode == ROUND:
            axes = 2 if isinstance(inner, keras.layers.DepthwiseConv2D) else 1
            kernel = rounded_kernel(kernel, axes=axes, bits=self.bits)
        said = _product(inner, x, kernel)
        if inner.use_bias:
            said = said + inner.bias
        if self.before is not None:
            said = self.before(said, training=training)
        return said if inner.activation is None else inner.activation(said)

    def compute_output_spec(self, x: Any, training: bool = False) -> Any:
        """As the layer inside."""
        return self.inner.compute_output_spec(x)


def rounded_kernel(kernel: Any, *, axes: int, bits: int) -> Any:
    """Symmetric, one scale per output channel.

    Args:
        kernel: (..., channels).
        axes: how many of the last axes number the output channels: 2 for a depthwise kernel (h, w, in, multiplier).
        bits: 8 for -127..127.
    """
    kernel = tf.convert_to_tensor(kernel)
    channels = math.prod(kernel.shape[-axes:])
    flat = tf.reshape(kernel, [-1, channels])
    most = tf.stop_gradient(tf.maximum(tf.reduce_max(tf.abs(flat), axis=0), 1e-9))
    rounded = tf.quantization.fake_quant_with_min_max_vars_per_channel(
        flat, -most, most, num_bits=bits, narrow_range=True
    )
    return tf.reshape(rounded, kernel.shape)


def _product(layer: Any, x: Any, kernel: Any) -> Any:
    """The layer without bias and activation."""
    if isinstance(layer, keras.layers.Dense):
        return keras.ops.matmul(x, kernel)
    padding = layer.padding
    if padding == "causal":
        before = layer.dilation_rate[0] * (layer.kernel_size[0] - 1)
        x, padding = keras.ops.pad(x, [[0, 0], [before, 0], [0, 0]]), "valid"
    function = keras.ops.depthwise_conv if isinstance(layer, keras.layers.DepthwiseConv2D) else keras.ops.conv
    return function(x, kernel, layer.strides, padding, layer.data_format, layer.dilation_rate)
