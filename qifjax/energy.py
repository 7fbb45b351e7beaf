r"""Energy of one inference, from operation counts and firing rates.

Eq. 17: layer :math:`i` costs
:math:`E_i = T (fr_i E_{AC} OP_{AC} + E_{MAC} OP_{MAC})`: spikes only gate accumulations
(AC), real-valued inputs need multiplications (MAC). The firing rate of a layer is the
mean of its *input*; after average pooling, inputs are fractions of spikes and their
mean equals the rate before pooling. Neurons, norms and memory cost nothing in this
model: :func:`neuron_energy` and :func:`memory_energy` are what it leaves out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax

from qifjax.neurons import EulerQIFParams, LIFParams, NeuronParams, QIFParams


@dataclass(frozen=True)
class Constants:
    """Energies of operations in pJ.

    Attributes:
      mac: a multiply-accumulate.
      ac: an accumulate.
      access: a word read from or written to the memory beside the processor.
      source: where they come from.
    """

    mac: float
    ac: float
    access: float
    source: str


_HOROWITZ = "Horowitz, Computing's energy problem, ISSCC 2014 (45 nm, 0.9 V)"
# An access of 64 bits to 8 kB of SRAM costs 10 pJ there, and a word its share of that.
PRESETS = {
    "float32": Constants(4.6, 0.9, 5.0, _HOROWITZ),
    "float16": Constants(1.5, 0.4, 2.5, _HOROWITZ),
    "int32": Constants(3.2, 0.1, 5.0, _HOROWITZ),
    "int8": Constants(0.23, 0.03, 1.25, _HOROWITZ),
}
"""Constants by number format; ``"float32"`` are the paper's (section 5.2)."""
PAPER = PRESETS["float32"]


class NeuronOperations(NamedTuple):
    """Arithmetic of one neuron in one time step.

    Attributes:
      multiplications: number of multiplications.
      additions: number of additions, subtractions and comparisons.
    """

    multiplications: int
    additions: int


# Each also adds tdBN's shift (its scale goes into the weights) and compares with u_th.
NEURON_OPERATIONS: dict[type, NeuronOperations] = {
    LIFParams: NeuronOperations(1, 3),  # beta u + I
    QIFParams: NeuronOperations(2, 5),  # a (u - u_rest) (u - u_c) + I
    EulerQIFParams: NeuronOperations(3, 6),  # u + (a (u - u_rest) (u - u_c) + I) / tau
}


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
    constants: Constants = PAPER,
) -> dict[str, float]:
    """Energy of one inference per synaptic layer (eq. 17).

    Args:
      operations: what each layer does, by name; populations of neurons are free.
      input_rates: mean input of each ``"ac"`` layer, by name.
      timesteps: number of time steps T.
      constants: energies of the operations.

    Returns:
      Energy in mJ by layer name, in the order of ``operations``.

    Raises:
      KeyError: if an ``"ac"`` layer has no input rate.
    """
    energies = {}
    for name, count in synaptic_operations(operations, input_rates).items():
        picojoule = constants.mac if operations[name].kind == "mac" else constants.ac
        energies[name] = timesteps * picojoule * count * 1e-9
    return energies


def neuron_energy(
    operations: Mapping[str, Operations],
    neuron: NeuronParams,
    timesteps: int,
    constants: Constants = PAPER,
) -> dict[str, float]:
    """Energy of the arithmetic of every population, which eq. 17 leaves out.

    All neurons charge and compare at every step, whether they spike or not.

    Args:
      operations: what each layer does, by name.
      neuron: neuron parameters; their type decides.
      timesteps: number of time steps T.
      constants: energies of the operations; a multiplication costs ``mac - ac``.

    Returns:
      Energy in mJ by population.
    """
    multiplications, additions = NEURON_OPERATIONS[type(neuron)]
    each = multiplications * (constants.mac - constants.ac) + additions * constants.ac
    return {
        name: timesteps * each * layer.count * 1e-9
        for name, layer in operations.items()
        if layer.kind == "neuron"
    }


def memory_energy(
    operations: Mapping[str, Operations],
    input_rates: Mapping[str, float],
    timesteps: int,
    constants: Constants = PAPER,
) -> dict[str, float]:
    """Energy of memory traffic on hardware that works spike by spike.

    Every accumulation reads its weight and reads and writes the membrane that it adds
    to, and every neuron reads and writes its membrane once a step, as in the model of
    Lemaire et al., An analytical estimation of spiking neural networks energy
    efficiency, 2022. Nothing is kept nearer than in the memory of ``constants.access``
    and nothing is fetched from further away, so this is a bound for small networks and
    too little for those whose weights do not fit.

    Args:
      operations: what each layer does, by name.
      input_rates: mean input of each ``"ac"`` layer, by name.
      timesteps: number of time steps T.
      constants: energies of the operations.

    Returns:
      Energy in mJ by layer and population, in the order of ``operations``.

    Raises:
      KeyError: if an ``"ac"`` layer has no input rate.
    """
    synapses = synaptic_operations(operations, input_rates)
    accesses = {
        name: 2 * layer.count if layer.kind == "neuron" else 3 * synapses[name]
        for name, layer in operations.items()
    }
    return {
        name: timesteps * constants.access * count * 1e-9
        for name, count in accesses.items()
    }


def synaptic_operations(
    operations: Mapping[str, Operations], input_rates: Mapping[str, float]
) -> dict[str, float]:
    """Multiply-accumulates and gated accumulates of one step, by layer.

    Args:
      operations: what each layer does, by name; populations of neurons are left out.
      input_rates: mean input of each ``"ac"`` layer, by name.

    Returns:
      Number of operations that are really done, in the order of ``operations``.

    Raises:
      KeyError: if an ``"ac"`` layer has no input rate.
    """
    return {
        name: layer.count * (input_rates[name] if layer.kind == "ac" else 1.0)
        for name, layer in operations.items()
        if layer.kind != "neuron"
    }
