"""What all spiking networks share: their call, their input and their readout."""

import abc
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen

from qifjax.neurons import NeuronParams, at_least_float32
from qifjax.nn.context import Context
from qifjax.nn.initializers import INITIALISATIONS
from qifjax.nn.options import check_options
from qifjax.nn.remat import Remat
from qifjax.nn.windows import WindowChoice


class SpikingNetwork(linen.Module, abc.ABC):
    """Base of the networks; a subclass implements :meth:`layers`.

    The neuron is an argument of the call, not part of the model: one model serves QIF
    and LIF, a vmapped grid of parameters, and differentiation with respect to them.

    Attributes:
      num_classes: number of classes.
      timesteps: time steps T over which a static image is presented; recordings bring
        their own.
      dtype: dtype of spikes, convolutions and dense layers, except the first and the
        last layer; these, parameters, statistics, normalised currents and membranes
        stay float32.
      axis_name: pmap axis over which batch statistics are averaged, if any.
      learned: every population of neurons owns its parameters, which are trained: see
        :mod:`qifjax.nn.learned`.
      weight_init: ``"kaiming"`` draws weights from Kaiming's normal distribution (fan
        out for convolutions, fan in for dense layers) and sets biases to zero;
        ``"pytorch"`` draws both from PyTorch's default distributions.
      remat: what the backward pass computes again instead of keeping it, see
        :data:`qifjax.nn.Remat`.
      width_multiplier: factor on all channel counts, for narrow copies of a network on
        small machines; 1 is the published width.
    """

    num_classes: int
    timesteps: int = 2
    dtype: Any = jnp.float32
    axis_name: str | None = None
    learned: bool = False
    weight_init: Literal["kaiming", "pytorch"] = "kaiming"
    remat: Remat = "none"
    width_multiplier: float = 1.0

    def __call__(
        self,
        x: jax.Array,
        neuron: NeuronParams,
        *,
        train: bool = False,
        window: WindowChoice = None,
    ) -> jax.Array:
        """Classifies a batch by the mean of the last layer over time (eq. 8).

        Args:
          x: static images ``[B, H, W, C]`` or event frames ``[T, B, H, W, C]``,
            floating point.
          neuron: neuron parameters; their type selects the dynamics.
          train: normalise by the statistics of this batch and record them (pass
            ``mutable=["batch_stats"]``), and apply dropout (pass ``rngs={"dropout":
            key}``).
          window: surrogate window, see :data:`qifjax.nn.windows.WindowChoice`; by
            default the one of the neuron parameters.

        Returns:
          Logits ``[B, num_classes]``, float32.

        Raises:
          ValueError: if ``x`` is of another rank, or an image too small for the
            network.
          TypeError: if ``x`` is not floating point.
        """
        return jnp.mean(self.outputs(x, neuron, train=train, window=window), axis=0)

    def outputs(
        self,
        x: jax.Array,
        neuron: NeuronParams,
        *,
        train: bool = False,
        window: WindowChoice = None,
    ) -> jax.Array:
        """The last layer at every step, ``[T, B, num_classes]``; see ``__call__``."""
        if not jnp.issubdtype(x.dtype, jnp.floating):
            raise TypeError(f"network input must be floating point, got {x.dtype}")
        if x.ndim not in (4, 5):
            raise ValueError(
                "network input must be images [B, H, W, C] or event frames "
                f"[T, B, H, W, C], got shape {x.shape}"
            )
        static = x.ndim == 4
        context = Context(
            neuron=neuron,
            window=window,
            train=train,
            timesteps=self.timesteps if static else x.shape[0],
            static=static,
            dtype=self.dtype,
            axis_name=self.axis_name,
            weight_init=INITIALISATIONS[self.weight_init],
            learned=self.learned,
            remat=self.remat,
        )
        y = self.layers(x[None] if static else x, context)
        return y.astype(at_least_float32(y.dtype))

    @abc.abstractmethod
    def layers(self, x: jax.Array, context: Context) -> jax.Array:
        """The layers of the network; a compact method.

        Args:
          x: ``[1, B, H, W, C]`` for static images, whose first layer is computed once,
            and ``[T, B, H, W, C]`` for event frames.
          context: what every layer of this call needs to know.

        Returns:
          The last layer at every step, ``[T, B, num_classes]``.
        """

    def width(self, channels: int) -> int:
        """A published number of channels, times the width multiplier; at least one."""
        return max(1, round(channels * self.width_multiplier))

    def check(self) -> None:
        """Raises ValueError for the first option that makes no sense."""
        check_options(self)

    def need_pixels(self, x: jax.Array, least: int) -> None:
        """Raises ValueError for images that are smaller than the layers can take."""
        if min(x.shape[2:4]) < least:
            raise ValueError(
                f"{type(self).__name__} needs images of at least {least} x {least} "
                f"pixels, got {x.shape[2:4]}"
            )
