"""Meta-SpikeFormer, the network for Tiny ImageNet (Appendix E.2)."""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen

from qifjax.nn.context import Context
from qifjax.nn.meta_blocks import HEADS, ConvBlock, TransformerBlock
from qifjax.nn.network import SpikingNetwork

# (name, channels, kernel of the downsampling, kind and number of blocks).
_STAGES = (
    ("1_1", 48, 7, "conv", 1),
    ("1_2", 96, 3, "conv", 1),
    ("2", 192, 3, "conv", 2),
    ("3", 384, 3, "transformer", 6),
    ("4", 480, 3, "transformer", 2),
)


class MetaSpikeFormer(SpikingNetwork):
    """Meta-SpikeFormer (Yao et al. 2024) with 31.3 M parameters and tdBN everywhere.

    ==============  ==========================================  =========  ==========
    layer           224 x 224 x 3 input                         size       parameters
    ==============  ==========================================  =========  ==========
    downsample1_1   48 of 7 x 7, stride 2; no neurons in front  112 x 112  7,152
    block1_1        separable convolution; 3 x 3 mixer          112 x 112  180,576
    downsample1_2   96 of 3 x 3, stride 2                       56 x 56    41,664
    block1_2        as block1_1                                 56 x 56    711,360
    downsample2     192 of 3 x 3, stride 2                      28 x 28    166,272
    block2_1 to 2   as block1_1                                 28 x 28    2,823,552
    downsample3     384 of 3 x 3, stride 2                      14 x 14    664,320
    block3_1 to 6   attention of 8 heads; MLP                   14 x 14    2,386,176
    downsample4     480 of 3 x 3, stride 1                      14 x 14    1,659,840
    block4_1 to 2   as block3_1                                 14 x 14    3,720,000
    pool, neurons   mean over space, then neurons               1
    head            1,000, averaged over time                              481,000
    ==============  ==========================================  =========  ==========

    (parameters of one block): 31,316,344 in all, without the biases that the reference
    has in front of norms; 30,931,544 for 200 classes. 14.02 G operations a step at 224
    x 224 pixels, 1.144 G at 64 x 64.

    The stream between blocks is real-valued: each branch starts with neurons and ends
    with tdBN, see :mod:`qifjax.nn.meta_blocks`. The paper replaces every batch norm by
    tdBN and does not say what that means where no neurons follow; so this is open:

    - the stream is a sum of branches, up to 13 of them, and neurons see it without a
      norm: ``stream_eta``;
    - the neurons behind the attention see non-negative counts: ``attention_norm``;
    - the mean over space shrinks what the last neurons see: ``head_norm``;
    - resolution and T: ``strides``, ``timesteps`` (1 here, as in the reference).

    Attributes:
      stream_eta: scale of the norm at the end of a branch. ``"sqrt"``: 1 / sqrt(n) for
        the n-th summand of the stream since its last downsampling, so that the
        variance of the stream grows as the logarithm of n; ``"one"``: it grows as n.
      attention_norm: ``"tdbn"``, without learned scale and shift, in front of the
        neurons behind the attention; ``"none"``: they get the window of eq. 5, of
        width 1, instead.
      head_norm: ``"tdbn"``, without learned scale and shift, in front of the last
        neurons; ``"none"``, as the reference.
      strides: strides of the five downsamplings; ``"1,2,2,2,1"`` keeps twice the
        resolution in all stages.
    """

    timesteps: int = 1
    stream_eta: Literal["sqrt", "one"] = "sqrt"
    attention_norm: Literal["tdbn", "none"] = "tdbn"
    head_norm: Literal["tdbn", "none"] = "none"
    strides: str = "2,2,2,2,1"

    @linen.compact
    def layers(self, x: jax.Array, context: Context) -> jax.Array:
        """See :meth:`SpikingNetwork.layers`."""
        strides = map(int, self.strides.split(","))
        stages = zip(_STAGES, strides, strict=True)
        for (name, channels, kernel_size, kind, blocks), stride in stages:
            # Channels of the attention are a multiple of its heads.
            heads = HEADS if kind == "transformer" else 1
            wide = heads * self.width(channels // heads)
            x = self._downsample(x, context, wide, kernel_size, stride, name)
            for i in range(1, blocks + 1):
                suffix = f"_{i}" if blocks > 1 else ""
                block = self._block(kind, f"block{name}{suffix}")
                etas = self._eta(2 * i), self._eta(2 * i + 1)
                x = context.unit(block, x, etas)

        fire, u_th = context.neurons("neuron")
        x = jnp.mean(x, (2, 3))
        if self.head_norm == "tdbn":
            x = context.norm(x, u_th, affine=False, name="head_norm")
        return context.readout(fire(x), self.num_classes, name="head")

    def _downsample(self, x, context, channels, kernel_size, stride, name):
        """Neurons, except on the input of the network, convolution and tdBN."""
        first = name == "1_1"
        if not first:
            fire, _ = context.neurons(f"downsample{name}_neuron")
            x = fire(x)
        x = context.conv(
            x,
            channels,
            kernel_size,
            strides=stride,
            first=first,
            name=f"downsample{name}",
        )
        return context.norm(x, context.neuron.u_th, name=f"downsample{name}_norm")

    def _block(self, kind, name):
        if kind == "conv":
            return ConvBlock(name=name)
        return TransformerBlock(self.attention_norm == "tdbn", name=name)

    def _eta(self, summand: int) -> float:
        return summand**-0.5 if self.stream_eta == "sqrt" else 1.0

    def check(self) -> None:
        """Raises ValueError for the first option that makes no sense."""
        super().check()
        parts = self.strides.split(",")
        if len(parts) != len(_STAGES) or not all(p in {"1", "2"} for p in parts):
            raise ValueError(
                f"{type(self).__name__}: option strides must be {len(_STAGES)} "
                f"numbers, each 1 or 2, such as '2,2,2,2,1', got {self.strides!r}"
            )
