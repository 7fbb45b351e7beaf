"""What all spiking networks share: their call, their input and their readout."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen

from qifjax.neurons import NeuronParams
from qifjax.nn.context import Context
from qifjax.nn.layers import WindowChoice


class SpikingNetwork(linen.Module):
    """Base of the networks; a subclass implements :meth:`outputs`.

    The neuron is an argument of the call, not part of the model: one model serves QIF
    and LIF, a vmapped grid of parameters, and differentiation with respect to them.

    Attributes:
      num_classes: number of classes.
      timesteps: time steps T over which a static image is presented; recordings bring
        their own.
      dtype: dtype of convolutions and dense layers; parameters, batch statistics and
        membranes stay float32.
      axis_name: pmap axis over which batch statistics are averaged, if any.
    """

    num_classes: int
    timesteps: int = 2
    dtype: Any = jnp.float32
    axis_name: str | None = None

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
          window: surrogate window, a function of the neuron parameters that gives one,
            or ``None`` for the parameters' own.

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
        raise NotImplementedError  # pragma: no cover - abstract

    def start(
        self, x: jax.Array, neuron: NeuronParams, train: bool, window: WindowChoice
    ) -> tuple[jax.Array, Context]:
        """Gives the input a time axis and gathers what every layer of this call needs.

        Args:
          x: static images ``[B, H, W, C]`` or event frames ``[T, B, H, W, C]``.
          neuron: neuron parameters.
          train: see ``__call__``.
          window: see ``__call__``.

        Returns:
          ``(x, context)``: ``[1, B, H, W, C]`` for static images, whose first layer is
          computed once, and ``[T, B, H, W, C]`` for event frames.
        """
        if not jnp.issubdtype(x.dtype, jnp.floating):
            raise TypeError(f"network input must be floating point, got {x.dtype}")
        if x.ndim not in (4, 5):
            raise ValueError(
                "network input must be images [B, H, W, C] or event frames "
                f"[T, B, H, W, C], got shape {x.shape}"
            )
        static = x.ndim == 4
        timesteps = self.timesteps if static else x.shape[0]
        context = Context(neuron, window, train, timesteps, static)
        return (x[None] if static else x), context
