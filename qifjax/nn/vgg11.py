"""VGG-11, the network for N-Caltech-101."""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen

from qifjax.nn.blocks import ConvNormSpike, DenseSpike
from qifjax.nn.context import Context
from qifjax.nn.layers import Dropout, avg_pool
from qifjax.nn.network import SpikingNetwork

_CHANNELS = (64, 128, 256, 256, 512, 512, 512, 512)
# Convolutions behind which the size is halved.
_POOLED = {"a": (1, 2, 4), "b": (1, 2, 4, 6)}


class VGG11(SpikingNetwork):
    """VGG-11 for event frames of 48 x 48 pixels.

    ========  =============================  =======  ==========
    layer     48 x 48 x 2 input              size     parameters
    ========  =============================  =======  ==========
    conv1     64 of 3 x 3; average pool 2    24 x 24  1,280
    conv2     128; average pool 2            12 x 12  73,984
    conv3     256                            12 x 12  295,424
    conv4     256; average pool 2            6 x 6    590,336
    conv5     512                            6 x 6    1,180,672
    conv6-8   512 each                       6 x 6    2,360,320 each
    pool      mean over space                1
    fc        101, averaged over time                 51,813
    ========  =============================  =======  ==========

    with tdBN and neurons behind every convolution: 9,274,469 parameters for 101 classes
    and 469.85 M operations a step. This is form (a), of the code of NDA (Li et al.
    2022), whose neuron, image size and training are the paper's; it has biases in front
    of the norms, 2,752 more parameters without effect. The paper drops 0.6, its place
    is not told, and here it is in front of the last layer.

    Attributes:
      form: ``"a"``; or ``"b"``, of the code of Kim and Panda (2021): another average
        pool behind conv6 and a hidden layer of 4,096 neurons with tdBN, no bias
        anywhere; 11,741,696 parameters and 344.9 M operations.
      dropout: share of the inputs of the last layer that is dropped in training.
      dropout_per_step: draw another mask at every time step, not one for all.
    """

    form: Literal["a", "b"] = "a"
    dropout: float = 0.0
    dropout_per_step: bool = False

    @linen.compact
    def layers(self, x: jax.Array, context: Context) -> jax.Array:
        """See :meth:`SpikingNetwork.layers`."""
        self.need_pixels(x, 2 ** len(_POOLED[self.form]))
        for i, channels in enumerate(_CHANNELS, start=1):
            layer = ConvNormSpike(
                self.width(channels),
                first=i == 1,
                name=f"conv{i}",
            )
            x = context.unit(layer, x)
            if i in _POOLED[self.form]:
                x = avg_pool(x, 2)
        x = jnp.mean(x, (2, 3))
        if self.form == "b":
            x = context.unit(DenseSpike(self.width(4096), "tdbn", name="fc1"), x)
        dropout = Dropout(self.dropout, self.dropout_per_step, name="dropout")
        x = dropout(x, context.train)
        bias = self.form == "a"
        return context.readout(x, self.num_classes, use_bias=bias, name="fc")
