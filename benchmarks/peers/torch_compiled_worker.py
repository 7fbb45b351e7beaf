"""The worker of PyTorch by hand, compiled."""

import torch

from benchmarks.peers.serving import serve
from benchmarks.peers.torch_contestant import TorchContestant
from benchmarks.peers.torch_neurons import POPULATIONS

if __name__ == "__main__":
    serve(TorchContestant(POPULATIONS, transform=torch.compile))
