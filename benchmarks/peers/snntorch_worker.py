"""The worker of snnTorch, whose neurons take one step a call."""

import snntorch
import torch
from snntorch import surrogate
from torch import nn

from benchmarks.peers.neurons import BETA, U_TH
from benchmarks.peers.serving import serve
from benchmarks.peers.torch_contestant import TorchContestant
from benchmarks.peers.torch_neurons import over_time


class LIF(nn.Module):
    """Leaky in a loop over time.

    It resets at the beginning of the next step, which gives the same spikes, and
    detaches the reset.
    """

    def __init__(self):
        super().__init__()
        self.leaky = snntorch.Leaky(
            BETA, U_TH, surrogate.fast_sigmoid(), reset_mechanism="zero"
        )

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        """Maps currents ``[T, ...]`` to spikes."""
        return over_time(self.leaky, currents, torch.zeros_like(currents[0]))


if __name__ == "__main__":
    serve(TorchContestant({"lif": LIF}, "snntorch"))
