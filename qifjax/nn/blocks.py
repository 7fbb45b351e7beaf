"""Blocks that the networks share."""

from typing import Literal, TypeAlias

import jax
from flax import linen

from qifjax.nn.context import Context

ResidualEta: TypeAlias = Literal[
    "branch+proj", "branch+proj+identity", "proj_blocks_only"
]
"""Where tdBN's factor 1 / sqrt(2) goes, see :class:`ResidualBlock`."""


class ConvNormSpike(linen.Module):
    """Convolution, tdBN, neurons: the unit of which the feed-forward networks consist.

    The first layer of a network gets a static image as one step: convolution and norm
    run once, and their result is presented to the neurons at every step.

    Attributes:
      features: output channels.
      kernel_size: side of the kernel in pixels.
      strides: stride in pixels.
      padding: pixels of zeros on every side; None takes half a kernel.
      first: it is the first layer of the network, which computes in float32: few
        products, but of images, which bfloat16 would round by more than a tenth of what
        a spike needs.
    """

    features: int
    kernel_size: int = 3
    strides: int = 1
    padding: int | None = None
    first: bool = False

    @linen.compact
    def __call__(self, x: jax.Array, context: Context) -> jax.Array:
        """Maps ``[T or 1, B, H, W, C]`` to spikes ``[T, B, H', W', features]``."""
        fire, u_th = context.neurons("neuron")
        x = context.conv(
            x,
            self.features,
            self.kernel_size,
            strides=self.strides,
            padding=self.padding,
            first=self.first,
            name="conv",
        )
        return fire(context.norm(x, u_th, name="norm"))


class DenseSpike(linen.Module):
    """Dense layer and neurons, with or without tdBN in between.

    No reference network normalises here, so the input of the neurons is not the one
    that the analytic window of QIF is made for; with tdBN it is.

    Attributes:
      features: number of neurons.
      norm: ``"none"``, and the dense layer has a bias; or ``"tdbn"``, and it has none.
    """

    features: int
    norm: str = "none"

    @linen.compact
    def __call__(self, x: jax.Array, context: Context) -> jax.Array:
        """Maps ``[T, B, C]`` to spikes ``[T, B, features]``."""
        fire, u_th = context.neurons("neuron")
        normalise = self.norm == "tdbn"
        x = context.dense(x, self.features, use_bias=not normalise, name="dense")
        return fire(context.norm(x, u_th, name="norm") if normalise else x)


class ResidualBlock(linen.Module):
    r"""Two convolutions and a shortcut whose currents meet in one population.

    ::

        spikes -> conv1, tdBN, neurons -> conv2, tdBN(eta) -> + -> neurons -> spikes
               -> projection, tdBN(eta), or nothing --------->

    The shortcut is a projection (1 x 1 convolution) where the stride or the number of
    channels changes, else it passes the spikes on as they are. The neurons come behind
    the sum, so that what leaves the block is binary.

    ``eta`` scales the two summands such that the variance of their sum stays
    :math:`u_{th}^2`. Three conventions exist:

    - ``"branch+proj"``: :math:`1/\sqrt 2` for conv2 and for a projection, while an
      identity shortcut adds raw spikes (STBP-simple and most others);
    - ``"branch+proj+identity"``: also tdBN with :math:`1/\sqrt 2` on identity
      shortcuts, which alone makes every sum :math:`N(0, u_{th}^2)` (GLIF);
    - ``"proj_blocks_only"``: 1 for conv2 where the shortcut is the identity, which adds
      raw spikes (MPBN).

    Attributes:
      features: output channels.
      strides: stride of conv1 and of the projection in pixels.
      residual_eta: the convention.
    """

    features: int
    strides: int = 1
    residual_eta: ResidualEta = "branch+proj"

    @linen.compact
    def __call__(self, x: jax.Array, context: Context) -> jax.Array:
        """Maps spikes ``[T, B, H, W, C]`` to spikes ``[T, B, H', W', features]``."""
        projects = self.strides != 1 or x.shape[-1] != self.features
        halves = projects or self.residual_eta != "proj_blocks_only"
        fire, u_th = context.neurons("neuron")

        y = ConvNormSpike(self.features, strides=self.strides, name="conv1")(x, context)
        y = context.conv(y, self.features, 3, name="conv2")
        y = context.norm(y, u_th, eta=0.5**0.5 if halves else 1.0, name="norm2")
        if projects:
            x = context.conv(
                x, self.features, 1, strides=self.strides, name="projection"
            )
        if projects or self.residual_eta == "branch+proj+identity":
            x = context.norm(x, u_th, eta=0.5**0.5, name="shortcut_norm")
        return fire(y + x.astype(y.dtype))
