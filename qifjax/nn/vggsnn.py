"""VGGSNN, the network for CIFAR10-DVS and N-Cars."""

from functools import partial

import jax
from flax import linen

from qifjax.nn.blocks import ConvNormSpike
from qifjax.nn.context import Context
from qifjax.nn.layers import Dropout, avg_pool, flatten
from qifjax.nn.network import SpikingNetwork

# (channels, whether the size is halved behind the layer).
_CONVOLUTIONS = (
    (64, False),
    (128, True),
    (256, False),
    (256, True),
    (512, False),
    (512, True),
    (512, False),
    (512, True),
)


class VGGSNN(SpikingNetwork):
    """VGGSNN (Deng et al. 2022) for event frames of 48 x 48 pixels.

    ========  =============================  =======  ==========
    layer     48 x 48 x 2 input              size     parameters
    ========  =============================  =======  ==========
    conv1     64 of 3 x 3                    48 x 48  1,280
    conv2     128; average pool 2            24 x 24  73,984
    conv3     256                            24 x 24  295,424
    conv4     256; average pool 2            12 x 12  590,336
    conv5     512                            12 x 12  1,180,672
    conv6     512; average pool 2            6 x 6    2,360,320
    conv7     512                            6 x 6    2,360,320
    conv8     512; average pool 2            3 x 3    2,360,320
    fc        10, averaged over time                  46,090
    ========  =============================  =======  ==========

    with tdBN and neurons behind every convolution: 9,268,746 parameters and 1,361.65 M
    operations a step. The published code has biases in front of the norms, 2,752 more
    parameters without effect. It has no dropout; the paper drops 0.6, its place is not
    told, and here it is in front of fc.

    Attributes:
      pool: average pooling; without it (VGGSNNwoAP) conv2, 4, 6 and 8 have stride 2.
      dropout: share of the inputs of fc that is dropped in training.
      dropout_per_step: draw another mask at every time step, not one for all.
    """

    pool: bool = True
    dropout: float = 0.0
    dropout_per_step: bool = False

    @linen.compact
    def layers(self, x: jax.Array, context: Context) -> jax.Array:
        """See :meth:`SpikingNetwork.layers`."""
        self.need_pixels(x, 16)
        for i, (channels, halves) in enumerate(_CONVOLUTIONS, start=1):
            layer = ConvNormSpike(
                self.width(channels),
                strides=2 if halves and not self.pool else 1,
                first=i == 1,
                name=f"conv{i}",
            )
            pool = halves and self.pool
            x = context.unit(layer, x, then=partial(avg_pool, size=2 if pool else 1))
        dropout = Dropout(self.dropout, self.dropout_per_step, name="dropout")
        x = dropout(flatten(x), context.train)
        return context.readout(x, self.num_classes, name="fc")
