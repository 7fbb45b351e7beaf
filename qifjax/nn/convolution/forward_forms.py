"""The forward pass of a convolution, on CPU.

XLA's convolution gathers the channels of a pixel into vectors. Few channels fill none:
the first layer of LeNet-5 runs at a sixth of the speed of products with banded
matrices, of which each makes a few columns of the output at once. And where channels
are many, XLA multiplies more than it has to (:mod:`qifjax.nn.convolution.winograd`).
The table that says so is made by ``benchmarks/convolution.py``.
"""

import jax

from qifjax.nn.convolution import winograd
from qifjax.nn.convolution.geometry import (
    LAYOUT,
    Pads,
    Strides,
    banded,
    bands,
    divisors,
    output_size,
    padded,
)
from qifjax.nn.planes import FEW_CHANNELS

# More features fill the product without bands.
FEW_FEATURES = 16
# So many values in the columns of a band, over all features, fill the product.
FILLED = 32


def forward(x: jax.Array, kernel: jax.Array, strides: Strides, pads: Pads) -> jax.Array:
    """A convolution, by the form that suits it.

    Args:
      x: images ``[B, H, W, C]``.
      kernel: ``[K, L, C, F]``.
      strides: strides in pixels per axis.
      pads: pixels of zeros before and after per axis.

    Returns:
      ``[B, H', W', F]``.
    """
    _, wide, channels, features = kernel.shape
    few = channels < FEW_CHANNELS and features <= FEW_FEATURES
    form = by_xla
    if few and wide > 1 and set(strides) == {1}:
        form = by_bands
    elif winograd.fits(kernel.shape, strides):
        size = output_size(x, kernel.shape[:2], strides, pads)
        if winograd.pays((len(x), *size), kernel):
            form = by_winograd
    return form(x, kernel, strides, pads)


def by_xla(x, kernel, strides, pads):
    """XLA's own convolution."""
    return jax.lax.conv_general_dilated(
        x, kernel, strides, pads, dimension_numbers=LAYOUT
    )


def by_winograd(x, kernel, strides, pads):
    """Winograd's, for kernels of three by three and strides of one."""
    del strides
    return winograd.convolution(x, kernel, pads)


def by_bands(x, kernel, strides, pads):
    """All that a few columns of the output see, times one banded matrix.

    It is for strides of one.
    """
    height, width = output_size(x, kernel.shape[:2], strides, pads)
    channels, features = kernel.shape[2:]
    columns = max(n for n in divisors(width) if n == 1 or n * features <= FILLED)
    seen = bands(padded(x, pads), kernel.shape[:2], width, columns)
    full = seen.shape[-1] // channels
    matrix = banded(kernel, full, columns).reshape(-1, columns * features)
    y = seen.reshape(-1, len(matrix)) @ matrix
    return y.reshape(len(x), height, width, features)
