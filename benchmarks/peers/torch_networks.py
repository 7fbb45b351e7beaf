"""The networks in PyTorch, once for all neurons: ``[T, B, C, H, W]``, layer by layer.

They are those of :mod:`qifjax.nn`, with the same names of layers. Stateless layers see
time folded into the batch, and the first layer sees a static image once.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from benchmarks.peers.neurons import U_TH

Population = Callable[[], nn.Module]
"""Makes neurons: a module from currents ``[T, B, ...]`` to spikes of that shape."""


class TDBatchNorm(nn.BatchNorm2d):
    """Batch normalisation whose scale is ``gamma * eta * u_th`` (eq. 6-7)."""

    def __init__(self, channels: int, eta: float = 1.0):
        super().__init__(channels)
        self.eta = eta

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalises ``[T * B, C, H, W]``."""
        return functional.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight * (self.eta * U_TH),
            self.bias,
            self.training,
            self.momentum,
            self.eps,
        )


def folded(layer: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor):
    """Applies a layer to ``[T, B, ...]`` with time folded into the batch."""
    return layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])


class ConvNormSpike(nn.Module):
    """Convolution, tdBN, neurons."""

    def __init__(
        self,
        population: Population,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        padding: int = 1,
    ):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.norm = TDBatchNorm(outputs)
        self.neuron = population()

    def forward(self, x: torch.Tensor, timesteps: int) -> torch.Tensor:
        """Maps ``[T or 1, B, C, H, W]`` to spikes at every step."""
        currents = folded(lambda x: self.norm(self.conv(x)), x)
        return self.neuron(currents.expand(timesteps, *currents.shape[1:]))


class DenseSpike(nn.Module):
    """Dense layer and neurons."""

    def __init__(self, population: Population, inputs: int, outputs: int):
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)
        self.neuron = population()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps ``[T, B, C]`` to spikes."""
        return self.neuron(self.dense(x))


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut whose currents meet in one population."""

    def __init__(self, population: Population, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = ConvNormSpike(population, inputs, outputs, stride=stride)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = TDBatchNorm(outputs, 0.5**0.5)
        self.projects = stride != 1 or inputs != outputs
        if self.projects:
            self.projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut_norm = TDBatchNorm(outputs, 0.5**0.5)
        self.neuron = population()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps spikes ``[T, B, C, H, W]`` to spikes."""
        y = self.conv1(x, x.shape[0])
        y = folded(lambda y: self.norm2(self.conv2(y)), y)
        if self.projects:
            x = folded(lambda x: self.shortcut_norm(self.projection(x)), x)
        return self.neuron(y + x)


class LeNet5(nn.Module):
    """LeNet-5 with tdBN and average pooling."""

    def __init__(self, population: Population, timesteps: int):
        super().__init__()
        self.timesteps = timesteps
        self.conv1 = ConvNormSpike(population, 1, 6, 5, padding=2)
        self.conv2 = ConvNormSpike(population, 6, 16, 5, padding=0)
        self.fc1 = DenseSpike(population, 400, 120)
        self.fc2 = nn.Linear(120, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps images ``[1, B, C, H, W]`` to logits ``[B, 10]``."""
        for conv in (self.conv1, self.conv2):
            x = folded(lambda x: functional.avg_pool2d(x, 2), conv(x, self.timesteps))
        return self.fc2(self.fc1(x.flatten(2))).mean(0)


# (channels, whether the size is halved behind the layer).
_VGGSNN = (
    *((64, False), (128, True), (256, False), (256, True)),
    *((512, False), (512, True), (512, False), (512, True)),
)


class VGGSNN(nn.Module):
    """VGGSNN with average pooling."""

    def __init__(self, population: Population, timesteps: int):
        super().__init__()
        self.timesteps = timesteps
        inputs = 2
        for i, (channels, _) in enumerate(_VGGSNN, start=1):
            setattr(self, f"conv{i}", ConvNormSpike(population, inputs, channels))
            inputs = channels
        self.fc = nn.Linear(4608, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps event frames ``[T, B, C, H, W]`` to logits ``[B, 10]``."""
        for i, (_, halves) in enumerate(_VGGSNN, start=1):
            x = getattr(self, f"conv{i}")(x, self.timesteps)
            if halves:
                x = folded(lambda x: functional.avg_pool2d(x, 2), x)
        return self.fc(x.flatten(2)).mean(0)


# (blocks, channels, stride of the first block) of each stage.
_RESNET19 = ((3, 128, 1), (3, 256, 2), (2, 512, 2))


class ResNet19(nn.Module):
    """Spiking ResNet-19."""

    def __init__(self, population: Population, timesteps: int):
        super().__init__()
        self.timesteps = timesteps
        self.conv1 = ConvNormSpike(population, 3, 64)
        self.blocks = []
        inputs = 64
        for i, (blocks, channels, stride) in enumerate(_RESNET19, start=1):
            for j in range(1, blocks + 1):
                block = ResidualBlock(
                    population, inputs, channels, stride if j == 1 else 1
                )
                self.add_module(f"stage{i}_block{j}", block)
                self.blocks.append(block)
                inputs = channels
        self.fc1 = DenseSpike(population, 512, 256)
        self.fc2 = nn.Linear(256, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps images ``[1, B, C, H, W]`` to logits ``[B, 10]``."""
        x = self.conv1(x, self.timesteps)
        for block in self.blocks:
            x = block(x)
        return self.fc2(self.fc1(x.mean((3, 4)))).mean(0)


NETWORKS: dict[str, Callable[[Population, int], nn.Module]] = {
    "lenet5": LeNet5,
    "vggsnn": VGGSNN,
    "resnet19": ResNet19,
}
"""By the names of :mod:`benchmarks.peers.tasks`."""
