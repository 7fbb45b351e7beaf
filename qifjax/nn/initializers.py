"""How weights and biases start."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen

# He et al. 2015. Convolutions fan out, as the reference networks; dense layers fan in,
# because nothing normalises their output, and it has to reach the next threshold.
conv_init = linen.initializers.variance_scaling(2.0, "fan_out", "normal")
dense_init = linen.initializers.variance_scaling(2.0, "fan_in", "normal")

# Kaiming's uniform distribution with a = sqrt(5): within 1 / sqrt(fan_in).
pytorch_init = linen.initializers.variance_scaling(1 / 3, "fan_in", "uniform")

Initializer = Callable[..., Any]


class Initialisation(NamedTuple):
    """Initializers of layers.

    Attributes:
      conv: that of the kernels of convolutions, which have no bias.
      dense: ``fan_in -> (kernel_init, bias_init)`` of dense layers, given the number of
        their inputs.
    """

    conv: Initializer
    dense: Callable[[int], tuple[Initializer, Initializer]]


def _pytorch(fan_in):
    bound = fan_in**-0.5

    def bias_init(key, shape, dtype=jnp.float32):
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return pytorch_init, bias_init


INITIALISATIONS: dict[str, Initialisation] = {
    "kaiming": Initialisation(
        conv=conv_init,
        dense=lambda _: (dense_init, linen.initializers.zeros),
    ),
    "pytorch": Initialisation(conv=pytorch_init, dense=_pytorch),
}
"""By name: Kaiming normal with biases of zero, or what PyTorch does by default."""
