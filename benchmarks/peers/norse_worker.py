"""The worker of Norse, whose neurons take one step a call."""

import torch
from norse.torch import LIFBoxCell, LIFBoxParameters
from torch import nn

from benchmarks.peers.neurons import BETA, U_TH
from benchmarks.peers.serving import serve
from benchmarks.peers.torch_contestant import TorchContestant
from benchmarks.peers.torch_neurons import over_time


class LIF(nn.Module):
    """LIFBoxCell in a loop over time.

    It charges with ``v + (1 - beta) (I - v)``, so its membrane is ours times ``1 -
    beta``, and so is its threshold.
    """

    def __init__(self):
        super().__init__()
        parameters = LIFBoxParameters(
            tau_mem_inv=torch.tensor(1 - BETA), v_th=torch.tensor(U_TH * (1 - BETA))
        )
        self.cell = LIFBoxCell(parameters, dt=1.0)

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        """Maps currents ``[T, ...]`` to spikes."""
        return over_time(self.cell, currents)


if __name__ == "__main__":
    serve(TorchContestant({"lif": LIF}, "norse"))
