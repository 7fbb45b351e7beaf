"""The networks with Spyx: Flax NNX layers that see time folded, neurons by ``run``.

They are those of :mod:`qifjax.nn`. The scale of tdBN is in the initial gamma.
"""

import itertools

import jax
import jax.numpy as jnp
import spyx
from flax import nnx

from benchmarks.peers.neurons import BETA, U_TH


def folded(layer, x: jax.Array) -> jax.Array:
    """Applies a layer to ``[T, B, ...]`` with time folded into the batch."""
    y = layer(x.reshape(-1, *x.shape[2:]))
    return y.reshape(*x.shape[:2], *y.shape[1:])


def avg_pool(x: jax.Array) -> jax.Array:
    """Averages squares of two pixels of ``[N, H, W, C]``."""
    return nnx.avg_pool(x, (2, 2), strides=(2, 2))


def fire(currents: jax.Array) -> jax.Array:
    """Spikes of Spyx's LIF for currents ``[T, B, ...]``."""
    # Made in each call, so that its beta, which is given, is not trained.
    neuron = spyx.nn.LIF(currents.shape[2:], BETA, U_TH, rngs=nnx.Rngs(0))
    return spyx.nn.run(neuron, currents)[0]


def norm(channels: int, rngs: nnx.Rngs, eta: float = 1.0) -> nnx.BatchNorm:
    """Batch normalisation whose gamma starts at ``eta * u_th``."""
    return nnx.BatchNorm(
        channels,
        momentum=0.9,
        scale_init=nnx.initializers.constant(eta * U_TH),
        rngs=rngs,
    )


def conv(inputs: int, outputs: int, rngs: nnx.Rngs, kernel=3, stride=1, padding=1):
    """A convolution without bias."""
    return nnx.Conv(
        *(inputs, outputs, (kernel, kernel)),
        strides=stride,
        padding=padding,
        use_bias=False,
        rngs=rngs,
    )


class ConvNormSpike(nnx.Module):
    """Convolution, tdBN, neurons."""

    def __init__(self, inputs, outputs, rngs, kernel=3, stride=1, padding=1):
        self.conv = conv(inputs, outputs, rngs, kernel, stride, padding)
        self.norm = norm(outputs, rngs)

    def __call__(self, x: jax.Array, timesteps: int) -> jax.Array:
        """Maps ``[T or 1, B, H, W, C]`` to spikes at every step."""
        currents = folded(lambda x: self.norm(self.conv(x)), x)
        shape = (timesteps, *currents.shape[1:])
        return fire(jnp.broadcast_to(currents, shape))


class ResidualBlock(nnx.Module):
    """Two convolutions and a shortcut whose currents meet in one population."""

    def __init__(self, inputs, outputs, stride, rngs):
        self.conv1 = ConvNormSpike(inputs, outputs, rngs, stride=stride)
        self.conv2 = conv(outputs, outputs, rngs)
        self.norm2 = norm(outputs, rngs, 0.5**0.5)
        self.projects = stride != 1 or inputs != outputs
        if self.projects:
            self.projection = conv(inputs, outputs, rngs, 1, stride, 0)
            self.shortcut_norm = norm(outputs, rngs, 0.5**0.5)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps spikes ``[T, B, H, W, C]`` to spikes."""
        y = self.conv1(x, x.shape[0])
        y = folded(lambda y: self.norm2(self.conv2(y)), y)
        if self.projects:
            x = folded(lambda x: self.shortcut_norm(self.projection(x)), x)
        return fire(y + x)


class LeNet5(nnx.Module):
    """LeNet-5."""

    def __init__(self, timesteps, rngs):
        self.timesteps = timesteps
        self.conv1 = ConvNormSpike(1, 6, rngs, 5, padding=2)
        self.conv2 = ConvNormSpike(6, 16, rngs, 5, padding=0)
        self.fc1 = nnx.Linear(400, 120, rngs=rngs)
        self.fc2 = nnx.Linear(120, 10, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps images ``[1, B, H, W, C]`` to logits ``[B, 10]``."""
        for layer in (self.conv1, self.conv2):
            x = folded(avg_pool, layer(x, self.timesteps))
        x = fire(self.fc1(x.reshape(*x.shape[:2], -1)))
        return jnp.mean(self.fc2(x), 0)


class VGGSNN(nnx.Module):
    """VGGSNN with average pooling behind every second layer."""

    def __init__(self, timesteps, rngs):
        self.timesteps = timesteps
        widths = (2, 64, 128, 256, 256, 512, 512, 512, 512)
        pairs = itertools.pairwise(widths)
        self.convs = nnx.List([ConvNormSpike(*pair, rngs) for pair in pairs])
        self.fc = nnx.Linear(4608, 10, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps event frames ``[T, B, H, W, C]`` to logits ``[B, 10]``."""
        for i, layer in enumerate(self.convs):
            x = layer(x, self.timesteps)
            if i % 2:
                x = folded(avg_pool, x)
        return jnp.mean(self.fc(x.reshape(*x.shape[:2], -1)), 0)


class ResNet19(nnx.Module):
    """Spiking ResNet-19."""

    def __init__(self, timesteps, rngs):
        self.timesteps = timesteps
        self.conv1 = ConvNormSpike(3, 64, rngs)
        widths = (64, 128, 128, 128, 256, 256, 256, 512, 512)
        strides = (1, 1, 1, 2, 1, 1, 2, 1)
        pairs = zip(widths[:-1], widths[1:], strides, strict=True)
        self.blocks = nnx.List([ResidualBlock(*each, rngs) for each in pairs])
        self.fc1 = nnx.Linear(512, 256, rngs=rngs)
        self.fc2 = nnx.Linear(256, 10, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps images ``[1, B, H, W, C]`` to logits ``[B, 10]``."""
        x = self.conv1(x, self.timesteps)
        for block in self.blocks:
            x = block(x)
        x = fire(self.fc1(jnp.mean(x, (2, 3))))
        return jnp.mean(self.fc2(x), 0)


NETWORKS = {"lenet5": LeNet5, "vggsnn": VGGSNN, "resnet19": ResNet19}
"""By the names of :mod:`benchmarks.peers.tasks`."""
