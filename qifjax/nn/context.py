"""What every layer of one call of a network needs to know, and layers made with it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen

from qifjax.neurons import NeuronParams, at_least_float32
from qifjax.nn.convolution import conv_general_dilated, unrounded
from qifjax.nn.initializers import Initialisation
from qifjax.nn.layers import Conv, Dense, Spiking, repeat
from qifjax.nn.norm import TDBatchNorm
from qifjax.nn.remat import Remat
from qifjax.nn.windows import EMPIRICAL, MeasuredWindow, WindowChoice
from qifjax.surrogate import Scalar


class Context(NamedTuple):
    """One call of a network.

    The methods make and apply layers with these settings; they may be called only
    inside a ``linen.compact`` method, whose module the layers then belong to.

    Attributes:
      neuron: neuron parameters; their type selects the dynamics.
      window: surrogate window, see :data:`qifjax.nn.windows.WindowChoice`.
      train: normalise by the statistics of the batch, apply dropout.
      timesteps: number of time steps T.
      static: the input is an image, real-valued and the same at every step.
      dtype: dtype of convolutions and dense layers; the membrane stays float32.
      axis_name: pmap axis over which batch statistics are averaged, if any.
      weight_init: how weights and biases start.
      learned: every population of neurons owns parameters that are trained.
      remat: what is computed again in the backward pass.
    """

    neuron: NeuronParams
    window: WindowChoice
    train: bool
    timesteps: int
    static: bool
    dtype: Any
    axis_name: str | None
    weight_init: Initialisation
    learned: bool
    remat: Remat

    def unit(
        self,
        block: linen.Module,
        x: jax.Array,
        *more: Any,
        then: Callable[[jax.Array], jax.Array] = lambda y: y,
    ) -> jax.Array:
        """Applies a block, whose inside ``remat="layer"`` does not keep.

        Args:
          block: a module that is called with its input and this context.
          x: its input, which is kept.
          *more: further arguments of the block.
          then: what follows the block and has no weights, as pooling: its input is not
            kept either.

        Returns:
          What ``then`` makes of what the block returns.
        """

        def apply(block: linen.Module, x: jax.Array) -> jax.Array:
            return then(block(x, self, *more))

        return (linen.remat(apply) if self.remat == "layer" else apply)(block, x)

    def conv(
        self,
        x: jax.Array,
        features: int,
        kernel_size: int,
        *,
        name: str,
        strides: int = 1,
        padding: int | None = None,
        depthwise: bool = False,
        analog: bool = False,
        first: bool = False,
    ) -> jax.Array:
        """Convolves ``[T, B, H, W, C]`` to ``[T, B, H', W', features]``.

        It has no bias, which tdBN behind it would take away again. In evaluation its
        sums are not rounded to the dtype of the context, by which bfloat16 would decide
        otherwise than float32 more often. In training they are kept for the backward
        pass, in half the memory.

        Args:
          x: input.
          features: output channels.
          kernel_size: side of the kernel in pixels.
          name: name of the layer.
          strides: stride in pixels.
          padding: pixels of zeros on every side; None takes half a kernel, as the
            reference networks do (at strides above one, ``"SAME"`` differs from it).
          depthwise: every channel has a kernel of its own.
          analog: the input is real-valued, not spikes (energy accounting only).
          first: the input is that of the network, and the layer computes in float32.

        Returns:
          The convolution, in the dtype of the context or float32, see
          :func:`qifjax.nn.convolution.unrounded`.
        """
        padding = kernel_size // 2 if padding is None else padding
        return Conv(
            features,
            (kernel_size, kernel_size),
            strides=strides,
            padding=((padding, padding), (padding, padding)),
            feature_group_count=x.shape[-1] if depthwise else 1,
            kernel_init=self.weight_init.conv,
            conv_general_dilated=conv_general_dilated if self.train else unrounded,
            analog=analog or (first and self.static),
            dtype=self.wide if first else self.dtype,
            name=name,
        )(x)

    @property
    def wide(self) -> jnp.dtype:
        """The dtype of what must not be rounded: float32, or that of the layers."""
        return at_least_float32(self.dtype)

    def readout(
        self, x: jax.Array, features: int, *, name: str, use_bias: bool = True
    ) -> jax.Array:
        """The last layer, ``[T, B, C]`` to ``[T, B, features]``, in float32.

        It is small, and bfloat16 would round differences between classes away.
        """
        wide = self._replace(dtype=self.wide)
        return wide.dense(x, features, name=name, use_bias=use_bias)

    def dense(
        self, x: jax.Array, features: int, *, name: str, use_bias: bool = True
    ) -> jax.Array:
        """Maps ``[T, B, C]`` to ``[T, B, features]`` by a dense layer."""
        kernel_init, bias_init = self.weight_init.dense(x.shape[-1])
        return Dense(
            features,
            use_bias=use_bias,
            kernel_init=kernel_init,
            bias_init=bias_init,
            dtype=self.dtype,
            name=name,
        )(x)

    def norm(
        self,
        x: jax.Array,
        u_th: Scalar,
        *,
        name: str,
        eta: float = 1.0,
        affine: bool = True,
        padding: int = 0,
    ) -> jax.Array:
        """Normalises by tdBN to the threshold ``u_th``, see :class:`TDBatchNorm`.

        Args:
          x: currents, ``[T, B, ..., C]``.
          u_th: threshold of the neurons that the output feeds.
          name: name of the layer.
          eta: scale of this branch.
          affine: learn scale and shift.
          padding: pixels on every side, filled with what the norm makes of zeros.

        Returns:
          Normalised currents, float32 or wider.
        """
        layer = TDBatchNorm(eta=eta, axis_name=self.axis_name, affine=affine, name=name)
        return layer.padded(x, u_th, self.train, padding)

    def neurons(self, name: str) -> tuple[Callable[..., jax.Array], Scalar]:
        """A population of neurons, and the threshold that tdBN in front of it needs.

        Args:
          name: name of the population.

        Returns:
          ``(fire, u_th)``: a function from currents ``[T or 1, B, ...]`` to spikes
          ``[T, B, ...]`` (currents of a static image are presented at every step),
          which also takes a window other than the call's; and the threshold.
        """
        population = Spiking(
            learned=self.learned, remat=self.remat == "step", name=name
        )
        neuron = population.parameters(self.neuron)

        def fire(currents: jax.Array, window: WindowChoice = self.window) -> jax.Array:
            currents = repeat(currents, self.timesteps)
            if window == EMPIRICAL:
                measure = MeasuredWindow(self.axis_name, name=f"{name}_window")
                window = measure(currents, neuron, self.train)
            # Currents are wide, spikes need not be.
            return population(currents, neuron, window).astype(self.dtype)

        return fire, neuron.u_th
