"""LeNet-5 with tdBN, the network of the robustness study (Appendix F)."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen

from qifjax.neurons import NeuronParams
from qifjax.nn.blocks import ConvNormSpike
from qifjax.nn.layers import Dense, Spiking, WindowChoice, avg_pool, flatten
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
    """

    @linen.compact
    def outputs(
        self,
        x: jax.Array,
        neuron: NeuronParams,
        *,
        train: bool = False,
        window: WindowChoice = None,
    ) -> jax.Array:
        """See :meth:`SpikingNetwork.outputs`."""
        x, context = self.start(x, neuron, train, window)
        if min(x.shape[2:4]) < 16:
            raise ValueError(
                f"lenet5 needs images of at least 16 x 16 pixels, got {x.shape[2:4]}"
            )
        shared: dict[str, Any] = {"dtype": self.dtype, "axis_name": self.axis_name}
        first: dict[str, Any] = {"analog": context.static, **shared}

        x = ConvNormSpike(6, 5, name="conv1", **first)(x, context)
        x = avg_pool(x, 2)
        x = ConvNormSpike(16, 5, padding="VALID", name="conv2", **shared)(x, context)
        x = avg_pool(x, 2)
        x = Dense(120, dtype=self.dtype, name="fc1")(flatten(x))
        population = Spiking(name="neuron3")
        x = population(x, population.parameters(neuron), window)
        x = Dense(self.num_classes, dtype=self.dtype, name="fc2")(x)
        return x.astype(jnp.float32)
