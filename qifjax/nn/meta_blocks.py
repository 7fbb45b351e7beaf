"""Blocks of Meta-SpikeFormer, whose stream between blocks is real-valued.

Every branch starts with neurons and ends with tdBN, and what it makes is added to the
stream (membrane shortcut); no neurons follow the sum. The norm at the end of a branch
feeds no threshold of its own: it takes that of the call and a scale ``eta``.
"""

import jax
import jax.numpy as jnp
from flax import linen

from qifjax.energy import Operations
from qifjax.neurons import at_least_float32
from qifjax.nn.context import Context
from qifjax.nn.layers import record
from qifjax.surrogate import Scalar, Window, rectangle

_ATTENTION_SCALE = 0.125
HEADS = 8


class SeparableConv(linen.Module):
    """Neurons, 1 x 1 to twice the channels, neurons, depthwise 7 x 7, 1 x 1 back.

    Nothing stands between the last two convolutions, so the input of the last is
    real-valued.
    """

    @linen.compact
    def __call__(self, x: jax.Array, context: Context, eta: float) -> jax.Array:
        """Maps the stream ``[T or 1, B, H, W, C]`` to a summand ``[T, B, H, W, C]``."""
        channels = x.shape[-1]
        fire, _ = context.neurons("neuron1")
        y = context.conv(fire(x), 2 * channels, 1, name="expand")
        fire, u_th = context.neurons("neuron2")
        y = fire(context.norm(y, u_th, name="norm1"))
        y = context.conv(y, 2 * channels, 7, depthwise=True, name="depthwise")
        y = context.conv(y, channels, 1, analog=True, name="reduce")
        return context.norm(y, context.neuron.u_th, eta=eta, name="norm2")


class ChannelMixer(linen.Module):
    """Neurons, convolution to four times the channels, neurons, convolution back.

    Attributes:
      kernel_size: 3 in the convolution blocks, 1 (an MLP) in the transformer blocks.
    """

    kernel_size: int

    @linen.compact
    def __call__(self, x: jax.Array, context: Context, eta: float) -> jax.Array:
        """Maps the stream ``[T or 1, B, H, W, C]`` to a summand ``[T, B, H, W, C]``."""
        channels = x.shape[-1]
        fire, _ = context.neurons("neuron1")
        y = context.conv(fire(x), 4 * channels, self.kernel_size, name="expand")
        fire, u_th = context.neurons("neuron2")
        y = fire(context.norm(y, u_th, name="norm1"))
        y = context.conv(y, channels, self.kernel_size, name="reduce")
        return context.norm(y, context.neuron.u_th, eta=eta, name="norm2")


class RepConv(linen.Module):
    """1 x 1, tdBN, depthwise 3 x 3, 1 x 1, tdBN, and one tdBN more.

    There are no neurons inside, so it equals one dense 3 x 3 convolution: the first
    norm pads with what it makes of zeros. It is trained as three, and their inner
    inputs are real-valued.
    """

    @linen.compact
    def __call__(
        self, x: jax.Array, context: Context, u_th: Scalar, eta: float = 1.0
    ) -> jax.Array:
        """Maps spikes ``[T, B, H, W, C]`` to currents for a threshold of ``u_th``."""
        channels = x.shape[-1]
        y = context.conv(x, channels, 1, name="conv1")
        y = context.norm(y, u_th, padding=1, name="norm1")
        y = context.conv(
            y, channels, 3, padding=0, depthwise=True, analog=True, name="depthwise"
        )
        y = context.conv(y, channels, 1, analog=True, name="conv2")
        y = context.norm(y, u_th, name="norm2")
        return context.norm(y, u_th, eta=eta, name="norm3")


class LinearAttention(linen.Module):
    """Multi-head attention of spikes, ``q (k^T v)``, without softmax.

    Energy: ``k`` gates the accumulation of ``v`` and ``q`` that of ``k^T v``; both
    products have the same number of operations, so their common input rate is the mean
    of the rates of ``q`` and ``k``.
    """

    @linen.compact
    def __call__(self, q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
        """Maps spikes ``[T, B, H, W, C]`` to counts, float32, of the same shape."""
        T, B, H, W, channels = q.shape
        wide = at_least_float32(q.dtype)
        heads = (T, B, H * W, HEADS, channels // HEADS)
        q, k, v = (x.astype(wide).reshape(heads) for x in (q, k, v))
        pairs = jnp.einsum("tbnhi,tbnhj->tbhij", k, v)
        y = jnp.einsum("tbnhi,tbhij->tbnhj", q, pairs)

        count = 2 * H * W * channels * (channels // HEADS)
        record(self, "operations", "layer", lambda: Operations("ac", count))
        record(
            self,
            "activity",
            "input_rate",
            lambda: jnp.mean((q + k) / 2, (0, 2, 3, 4), dtype=jnp.float32),
        )
        return y.reshape(T, B, H, W, channels)


class SpikingAttention(linen.Module):
    """Neurons; q, k and v, each by a RepConv and neurons; attention; neurons; RepConv.

    Attributes:
      normalise: tdBN, without learned scale and shift, in front of the neurons behind
        the attention. Otherwise they see counts times 0.125, to which no window of
        Theorem 1 fits, and get the rectangle of eq. 5, of width 1.
    """

    normalise: bool = True

    @linen.compact
    def __call__(self, x: jax.Array, context: Context, eta: float) -> jax.Array:
        """Maps the stream ``[T or 1, B, H, W, C]`` to a summand ``[T, B, H, W, C]``."""
        fire, _ = context.neurons("neuron")
        spikes = fire(x)

        def project(name):
            fire, u_th = context.neurons(f"{name}_neuron")
            return fire(RepConv(name=name)(spikes, context, u_th))

        q, k, v = project("q"), project("k"), project("v")
        y = LinearAttention(name="attention")(q, k, v) * _ATTENTION_SCALE
        fire, u_th = context.neurons("attention_neuron")
        if self.normalise:
            y = fire(context.norm(y, u_th, affine=False, name="attention_norm"))
        else:
            y = fire(y, _rectangle)
        return RepConv(name="proj")(y, context, context.neuron.u_th, eta)


class ConvBlock(linen.Module):
    """A separable convolution and a 3 x 3 channel mixer, each added to the stream."""

    @linen.compact
    def __call__(
        self, x: jax.Array, context: Context, etas: tuple[float, float]
    ) -> jax.Array:
        """Maps the stream ``[T or 1, B, H, W, C]`` to ``[T, B, H, W, C]``."""
        x = x + SeparableConv(name="separable")(x, context, etas[0])
        return x + ChannelMixer(3, name="mixer")(x, context, etas[1])


class TransformerBlock(linen.Module):
    """Spiking attention and an MLP, each added to the stream.

    Attributes:
      normalise_attention: see :class:`SpikingAttention`.
    """

    normalise_attention: bool = True

    @linen.compact
    def __call__(
        self, x: jax.Array, context: Context, etas: tuple[float, float]
    ) -> jax.Array:
        """Maps the stream ``[T or 1, B, H, W, C]`` to ``[T, B, H, W, C]``."""
        attention = SpikingAttention(self.normalise_attention, name="attention")
        x = x + attention(x, context, etas[0])
        return x + ChannelMixer(1, name="mlp")(x, context, etas[1])


def _rectangle(neuron) -> Window:
    return rectangle(neuron.u_th, 1.0)
