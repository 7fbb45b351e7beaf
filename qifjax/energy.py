r"""Energy of one inference, from operation counts and firing rates (eq. 17).

Layer :math:`i` costs :math:`E_i = T (fr_i E_{AC} OP_{AC} + E_{MAC} OP_{MAC})`: spikes
only gate accumulations (AC), real-valued inputs need multiplications (MAC). The firing
rate of a layer is the mean of its *input*; after average pooling, inputs are fractions
of spikes and their mean equals the rate before pooling. Neurons and norms cost nothing
in this model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import jax

PICOJOULE_MAC = 4.6
"""Energy of one float32 multiply-accumulate at 45 nm, in pJ (section 5.2)."""
PICOJOULE_AC = 0.9
"""Energy of one float32 accumulate at 45 nm, in pJ (section 5.2)."""


@jax.tree_util.register_static
@dataclass(frozen=True)
class Operations:
    """What one layer does for one example in one time step.

    Attributes:
      kind: ``"mac"`` for a layer with real-valued input, ``"ac"`` for one with spikes
        as its input, ``"neuron"`` for a population of neurons.
      count: multiply-accumulates, accumulates at a firing rate of one, or neurons.
    """

    kind: Literal["mac", "ac", "neuron"]
    count: int


def layer_energy(
    operations: Mapping[str, Operations],
    input_rates: Mapping[str, float],
    timesteps: int,
    *,
    picojoule_mac: float = PICOJOULE_MAC,
    picojoule_ac: float = PICOJOULE_AC,
) -> dict[str, float]:
    """Energy of one inference per synaptic layer (eq. 17).

    Args:
      operations: what each layer does, by name; populations of neurons are free.
      input_rates: mean input of each ``"ac"`` layer, by name.
      timesteps: number of time steps T.
      picojoule_mac: energy of a multiply-accumulate in pJ.
      picojoule_ac: energy of an accumulate in pJ.

    Returns:
      Energy in mJ by layer name, in the order of ``operations``.

    Raises:
      KeyError: if an ``"ac"`` layer has no input rate.
    """
    energies = {}
    for name, layer in operations.items():
        if layer.kind == "mac":
            energies[name] = timesteps * picojoule_mac * layer.count * 1e-9
        elif layer.kind == "ac":
            rate = input_rates[name]
            energies[name] = timesteps * picojoule_ac * rate * layer.count * 1e-9
    return energies
