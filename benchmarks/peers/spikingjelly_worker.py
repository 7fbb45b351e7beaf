"""The worker of SpikingJelly: its multi-step nodes.

With this surrogate, which is ours, it lets PyTorch differentiate. Its operators with a
backward pass of their own know other surrogates, and were slower on CPU.
"""

import torch
from spikingjelly.activation_based import neuron, surrogate
from torch import nn

from benchmarks.peers.neurons import BETA, U_C, U_TH, A
from benchmarks.peers.serving import serve
from benchmarks.peers.torch_contestant import TorchContestant


class Population(nn.Module):
    """A node that starts at rest in each call."""

    def __init__(self, node: nn.Module):
        super().__init__()
        self.node = node

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        """Maps currents ``[T, ...]`` to spikes."""
        self.node.reset()
        return self.node(currents)


def _lif():
    node = neuron.LIFNode(
        tau=1 / (1 - BETA),
        decay_input=False,
        v_threshold=U_TH,
        v_reset=0.0,
        surrogate_function=surrogate.Rect(),
        step_mode="m",
    )
    return Population(node)


def _qif():
    # Its own discretization, which keeps the term that the paper drops.
    node = neuron.QIFNode(
        tau=2.0,  # it takes no smaller one than above 1, at the same cost
        v_c=U_C,
        a0=A,
        v_threshold=U_TH,
        v_rest=0.0,
        v_reset=0.0,
        surrogate_function=surrogate.Rect(),
        step_mode="m",
    )
    return Population(node)


if __name__ == "__main__":
    serve(TorchContestant({"qif": _qif, "lif": _lif}, "spikingjelly"))
