"""LeNet-5 with tdBN, the network of the robustness study (Appendix F)."""

from typing import Literal

import jax
from flax import linen

from qifjax.nn.blocks import ConvNormSpike, DenseSpike
from qifjax.nn.context import Context
from qifjax.nn.layers import avg_pool, flatten, max_pool
from qifjax.nn.network import SpikingNetwork


class LeNet5(SpikingNetwork):
    """LeNet-5 (LeCun et al. 1998) with tdBN after each convolution (Appendix F).

    ======  =============================================  =======  ==========
    layer   28 x 28 x 1 input                              size     parameters
    ======  =============================================  =======  ==========
    conv1   6 of 5 x 5, padded; tdBN; neurons; pool 2      14 x 14  162
    conv2   16 of 5 x 5; tdBN; neurons; pool 2             5 x 5    2,432
    fc1     120; neurons                                            48,120
    fc2     10, averaged over time                                  1,210
    ======  =============================================  =======  ==========

    The paper fixes tdBN after each convolution and the 120-10 classifier; channels,
    kernels and average pooling are those of the original.

    Attributes:
      padding: pixels of zeros around the image; without them fc1 has 256 inputs.
      pool: average pooling as the original has it, or maximum, which keeps spikes
        binary.
      fc_norm: ``"tdbn"`` normalises the currents of fc1, in place of its bias.
    """

    padding: int = 2
    pool: Literal["avg", "max"] = "avg"
    fc_norm: Literal["none", "tdbn"] = "none"

    @linen.compact
    def layers(self, x: jax.Array, context: Context) -> jax.Array:
        """See :meth:`SpikingNetwork.layers`."""
        self.need_pixels(x, 16 - 2 * self.padding)
        pool = {"avg": avg_pool, "max": max_pool}[self.pool]
        wide = self.width

        conv1 = ConvNormSpike(
            wide(6), 5, padding=self.padding, first=True, name="conv1"
        )
        x = pool(context.unit(conv1, x), 2)
        conv2 = ConvNormSpike(wide(16), 5, padding=0, name="conv2")
        x = flatten(pool(context.unit(conv2, x), 2))
        fc1 = DenseSpike(wide(120), self.fc_norm, name="fc1")
        x = context.unit(fc1, x)
        return context.readout(x, self.num_classes, name="fc2")
