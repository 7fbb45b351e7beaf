"""What every layer of one call of a network needs to know."""

from typing import NamedTuple

from qifjax.neurons import NeuronParams
from qifjax.nn.layers import WindowChoice


class Context(NamedTuple):
    """One call of a network.

    Attributes:
      neuron: neuron parameters; their type selects the dynamics.
      window: surrogate window, a function that gives one, or None.
      train: normalise by the statistics of the batch, apply dropout.
      timesteps: number of time steps T.
      static: the input is an image, real-valued and the same at every step.
    """

    neuron: NeuronParams
    window: WindowChoice
    train: bool
    timesteps: int
    static: bool
