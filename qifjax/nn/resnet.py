"""Spiking ResNet-19 and ResNet-34 with tdBN."""

from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from flax import linen

from qifjax.nn.blocks import ConvNormSpike, DenseSpike, ResidualBlock, ResidualEta
from qifjax.nn.context import Context
from qifjax.nn.layers import max_pool
from qifjax.nn.network import SpikingNetwork


class _ResNet(SpikingNetwork):
    """Stages of residual blocks and global average pooling.

    Attributes:
      residual_eta: where tdBN's factor 1 / sqrt(2) goes, see :class:`ResidualBlock`.
    """

    residual_eta: ResidualEta = "branch+proj"

    # (blocks, channels, stride of the first block) of each stage.
    stages: ClassVar[tuple[tuple[int, int, int], ...]] = ()

    def body(self, x: jax.Array, context: Context) -> jax.Array:
        """The residual blocks and the pooling: spikes to ``[T, B, C]``."""
        for i, (blocks, channels, strides) in enumerate(self.stages, start=1):
            for j in range(1, blocks + 1):
                block = ResidualBlock(
                    self.width(channels),
                    strides if j == 1 else 1,
                    self.residual_eta,
                    name=f"stage{i}_block{j}",
                )
                x = context.unit(block, x)
        return jnp.mean(x, (2, 3))


class ResNet19(_ResNet):
    """ResNet-19 for images of 32 x 32 pixels (Zheng et al. 2021).

    ========  ==============================  =======  ==========
    layer     32 x 32 x 3 input               size     parameters
    ========  ==============================  =======  ==========
    conv1     64 of 3 x 3; tdBN; neurons      32 x 32  1,856
    stage 1   3 residual blocks of 128        32 x 32  820,992
    stage 2   3 of 256, the first stride 2    16 x 16  3,280,384
    stage 3   2 of 512, the first stride 2    8 x 8    8,393,728
    pool      mean over space                 1
    fc1       256; neurons, no norm                    131,328
    fc2       10, averaged over time                   2,570
    ========  ==============================  =======  ==========

    12,630,858 parameters for 10 classes and 2,216.5 M operations a step, as in the code
    of TET, LocalZO, SML and STBP-simple. The paper gives neither; published codes
    differ in the stem (GLIF and MPBN have 128 channels, so that the first block needs
    no projection), in the head (MPBN has a single dense layer) and in the factors of
    the residual blocks.

    Attributes:
      stem_width: channels of conv1.
      head_hidden: neurons of fc1; 0 leaves fc1 and its neurons out.
      fc_norm: ``"tdbn"`` normalises the currents of fc1, in place of its bias.
    """

    stem_width: int = 64
    head_hidden: int = 256
    fc_norm: Literal["none", "tdbn"] = "none"

    stages = ((3, 128, 1), (3, 256, 2), (2, 512, 2))

    @linen.compact
    def layers(self, x: jax.Array, context: Context) -> jax.Array:
        """See :meth:`SpikingNetwork.layers`."""
        stem = ConvNormSpike(self.width(self.stem_width), first=True, name="conv1")
        x = self.body(context.unit(stem, x), context)
        if self.head_hidden:
            hidden = self.width(self.head_hidden)
            x = context.unit(DenseSpike(hidden, self.fc_norm, name="fc1"), x)
        return context.readout(x, self.num_classes, name="fc2")


class ResNet34(_ResNet):
    """ResNet-34 (He et al. 2016) for images of 64 x 64 pixels (Appendix E.1).

    ========  ==============================  =======  ==========
    layer     64 x 64 x 3 input               size     parameters
    ========  ==============================  =======  ==========
    conv1     64 of 3 x 3; tdBN; neurons      64 x 64  1,856
    stage 1   3 residual blocks of 64         64 x 64  221,952
    stage 2   4 of 128, the first stride 2    32 x 32  1,116,416
    stage 3   6 of 256, the first stride 2    16 x 16  6,822,400
    stage 4   3 of 512, the first stride 2    8 x 8    13,114,368
    pool      mean over space                 1
    fc        10, averaged over time                   5,130
    ========  ==============================  =======  ==========

    21,282,122 parameters for 10 classes and 4,637.6 M operations a step. The paper does
    not describe the stem; with any stem of stride 2 the energy that it reports would
    need more than one spike per neuron and step.

    Attributes:
      stem: ``"3x3"`` with stride 1; ``"7x7"`` with stride 2; ``"7x7pool"``, as for
        ImageNet, with 3 x 3 max-pooling of the spikes and stride 2 behind it.
    """

    stem: Literal["3x3", "7x7", "7x7pool"] = "3x3"

    stages = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))

    @linen.compact
    def layers(self, x: jax.Array, context: Context) -> jax.Array:
        """See :meth:`SpikingNetwork.layers`."""
        kernel_size, strides = (3, 1) if self.stem == "3x3" else (7, 2)
        stem = ConvNormSpike(
            self.width(64), kernel_size, strides, first=True, name="conv1"
        )
        x = context.unit(stem, x)
        if self.stem == "7x7pool":
            x = max_pool(x, 3, strides=2, padding=1)
        return context.readout(self.body(x, context), self.num_classes, name="fc")
