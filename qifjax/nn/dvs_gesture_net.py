"""DVSGestureNet, the network for DVS128 Gesture."""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen

from qifjax.nn.blocks import ConvNormSpike, DenseSpike
from qifjax.nn.context import Context
from qifjax.nn.layers import Dropout, flatten, max_pool
from qifjax.nn.network import SpikingNetwork

_VOTES = 10


class DVSGestureNet(SpikingNetwork):
    """The network of PLIF (Fang et al. 2021) for event frames of 128 x 128 pixels.

    ========  =============================  =======  ==========
    layer     128 x 128 x 2 input            size     parameters
    ========  =============================  =======  ==========
    conv1     128 of 3 x 3; max-pool 2       64 x 64  2,560
    conv2     128; max-pool 2                32 x 32  147,712
    conv3     128; max-pool 2                16 x 16  147,712
    conv4     128; max-pool 2                8 x 8    147,712
    conv5     128; max-pool 2                4 x 4    147,712
    fc1       512; neurons, no norm                   1,049,088
    fc2       110, averaged over time                 56,430
    vote      mean over groups of ten: 11             0
    ========  =============================  =======  ==========

    with tdBN and neurons behind every convolution: 1,698,926 parameters for 11 classes
    and 841.01 M operations a step. What is pooled are spikes, so they stay binary.
    The reference has neurons behind fc2; the paper's readout (eq. 8) has none, which
    leaves open whether it keeps the votes.

    Attributes:
      fc_norm: ``"tdbn"`` normalises the currents of fc1, in place of its bias.
      head: ``"vote"``; or ``"plain"``, a last layer of one output a class.
      dropout: share of the inputs of fc1, and of fc2, that is dropped in training; 0.5
        in the reference, 0.75 in the paper.
      dropout_per_step: draw another mask at every time step, not one for all.
    """

    fc_norm: Literal["none", "tdbn"] = "none"
    head: Literal["vote", "plain"] = "vote"
    dropout: float = 0.0
    dropout_per_step: bool = False

    @linen.compact
    def layers(self, x: jax.Array, context: Context) -> jax.Array:
        """See :meth:`SpikingNetwork.layers`."""
        self.need_pixels(x, 32)
        for i in range(1, 6):
            layer = ConvNormSpike(self.width(128), first=i == 1, name=f"conv{i}")
            x = max_pool(context.unit(layer, x), 2)
        dropout = Dropout(self.dropout, self.dropout_per_step, name="dropout1")
        x = dropout(flatten(x), context.train)
        x = context.unit(DenseSpike(self.width(512), self.fc_norm, name="fc1"), x)
        dropout = Dropout(self.dropout, self.dropout_per_step, name="dropout2")
        x = dropout(x, context.train)
        if self.head == "plain":
            return context.readout(x, self.num_classes, name="fc2")
        votes = context.readout(x, self.num_classes * _VOTES, name="fc2")
        return jnp.mean(votes.reshape(*votes.shape[:2], self.num_classes, _VOTES), -1)
