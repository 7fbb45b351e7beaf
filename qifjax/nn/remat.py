"""Computing again in the backward pass, instead of keeping, for less memory."""

from typing import Literal, TypeAlias

Remat: TypeAlias = Literal["none", "step", "layer"]
"""What is computed again, at the same result up to rounding.

- ``"none"``: nothing.
- ``"step"``: each time step of each population, which costs next to nothing. Short
  sequences, which XLA fuses over time, may gain nothing.
- ``"layer"``: each unit of the network (convolution, tdBN and neurons; a residual or
  transformer block) from its input, which costs one more forward pass.
"""
