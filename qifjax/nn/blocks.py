"""Blocks that the networks share."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen

from qifjax.nn.context import Context
from qifjax.nn.layers import Conv, Spiking, repeat
from qifjax.nn.norm import TDBatchNorm


class ConvNormSpike(linen.Module):
    """Convolution, tdBN, neurons: the unit of which the feed-forward networks consist.

    The first layer of a network gets a static image as one step: convolution and norm
    run once, and their result is presented to the neurons at every step.

    Attributes:
      features: output channels.
      kernel_size: side of the kernel in pixels.
      strides: stride in pixels.
      padding: ``"SAME"`` or ``"VALID"``.
      analog: the input is real-valued, not spikes (energy accounting only).
      dtype: dtype of the convolution; the membrane stays float32.
      axis_name: pmap axis over which batch statistics are averaged, if any.
    """

    features: int
    kernel_size: int = 3
    strides: int = 1
    padding: str = "SAME"
    analog: bool = False
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @linen.compact
    def __call__(self, x: jax.Array, context: Context) -> jax.Array:
        """Maps ``[T or 1, B, H, W, C]`` to spikes ``[T, B, H', W', features]``."""
        x = Conv(
            self.features,
            (self.kernel_size, self.kernel_size),
            strides=self.strides,
            padding=self.padding,
            analog=self.analog,
            dtype=self.dtype,
            name="conv",
        )(x)
        population = Spiking(name="neuron")
        neuron = population.parameters(context.neuron)
        norm = TDBatchNorm(axis_name=self.axis_name, name="norm")
        currents = norm(x, neuron.u_th, context.train)
        currents = repeat(currents, context.timesteps)
        return population(currents, neuron, context.window)
