"""Computing again in the backward pass, instead of keeping, for less memory."""

from typing import Literal, TypeAlias

import jax

Remat: TypeAlias = Literal["none", "step", "layer"]
"""What is computed again, at the same result up to rounding.

- ``"none"``: nothing.
- ``"step"``: each time step of each population, which costs next to nothing. Short
  sequences, which XLA fuses over time, may gain nothing.
- ``"layer"``: each unit of the network (convolution, tdBN and neurons; a residual or
  transformer block) from its input, which costs one more forward pass.
"""


def compiler_options(remat: Remat) -> dict[str, str]:
    """What XLA has to be told, so that ``"layer"`` saves memory on CPU too.

    There XLA drops the barriers with which JAX sets recomputation apart, finds the same
    operations twice, and keeps the first results after all.

    Args:
      remat: what is computed again.

    Returns:
      Options for ``jax.jit`` or ``compile``.
    """
    if remat == "layer" and jax.default_backend() == "cpu":
        return {"xla_disable_hlo_passes": "cse_barrier_expander"}
    return {}
