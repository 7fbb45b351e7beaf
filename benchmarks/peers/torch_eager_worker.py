"""The worker of PyTorch by hand, eager."""

from benchmarks.peers.serving import serve
from benchmarks.peers.torch_contestant import TorchContestant
from benchmarks.peers.torch_neurons import POPULATIONS

if __name__ == "__main__":
    serve(TorchContestant(POPULATIONS))
