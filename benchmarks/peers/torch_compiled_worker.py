"""The worker of PyTorch by hand, compiled."""

import functools

import torch

from benchmarks.peers.serving import serve
from benchmarks.peers.torch_contestant import TorchContestant
from benchmarks.peers.torch_neurons import POPULATIONS

if __name__ == "__main__":
    # With shapes left open, which is what it does from the second shape on, it fails at
    # networks of many layers.
    compiled = functools.partial(torch.compile, dynamic=False)
    serve(TorchContestant(POPULATIONS, transform=compiled))
