"""Two-dimensional convolution whose gradients are fast on CPU inside loops too.

XLA on CPU brings convolutions into the one layout that its fast kernels take only at
the top level of a program. Inside a loop the gradients of a convolution, whose layouts
differ, fall back to a plain loop nest: 4 to 60 times slower for the layers of LeNet-5
and ResNet-19. Here the input's gradient is written as a convolution of that one layout,
and the kernel's in one of several ways, see :mod:`qifjax.nn.kernel_gradient`.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from qifjax.nn.kernel_gradient import Pads, kernel_gradient

_LAYOUT = ("NHWC", "HWIO", "NHWC")


def conv_general_dilated(
    lhs: jax.Array,
    rhs: jax.Array,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    precision: Any = None,
) -> jax.Array:
    """``jax.lax.conv_general_dilated`` with gradients that are faster on CPU.

    Only plain convolutions (no dilation, one group) of images are written out; all
    others and other backends are left to XLA.

    Args:
      lhs: images ``[B, H, W, C]``.
      rhs: kernel ``[K, L, C, F]``.
      window_strides: stride in pixels per axis.
      padding: ``"SAME"``, ``"VALID"`` or pixels before and after per axis.
      lhs_dilation: as in jax.lax.
      rhs_dilation: as in jax.lax.
      dimension_numbers: as in jax.lax; Flax's channels-last ones.
      feature_group_count: number of groups of channels.
      precision: as in jax.lax.

    Returns:
      Images ``[B, H', W', F]``.
    """
    dilations = (*(lhs_dilation or ()), *(rhs_dilation or ()))
    plain = lhs.ndim == 4 and feature_group_count == 1 and set(dilations) <= {1}
    if plain and precision is None and jax.default_backend() == "cpu":
        strides = tuple(window_strides)
        if isinstance(padding, str):
            kernel = rhs.shape[:2]
            padding = jax.lax.padtype_to_pads(lhs.shape[1:3], kernel, strides, padding)
        (top, bottom), (left, right) = padding
        return _conv(lhs, rhs, strides, ((top, bottom), (left, right)))
    return jax.lax.conv_general_dilated(
        lhs,
        rhs,
        window_strides,
        padding,
        lhs_dilation,
        rhs_dilation,
        dimension_numbers,
        feature_group_count,
        precision=precision,
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _conv(x, kernel, strides, pads: Pads):
    return jax.lax.conv_general_dilated(
        x, kernel, strides, pads, dimension_numbers=_LAYOUT
    )


def _conv_forward(x, kernel, strides, pads):
    return _conv(x, kernel, strides, pads), (x, kernel)


def _conv_backward(strides, pads, residuals, cotangent):
    x, kernel = residuals
    # The cotangent, dilated by the stride, with the kernel turned round.
    lows = [kernel.shape[i] - 1 - pads[i][0] for i in range(2)]
    dilated = [(cotangent.shape[1 + i] - 1) * strides[i] + 1 for i in range(2)]
    highs = [
        x.shape[1 + i] + kernel.shape[i] - 1 - dilated[i] - lows[i] for i in range(2)
    ]
    x_cotangent = jax.lax.conv_general_dilated(
        cotangent,
        jnp.swapaxes(kernel[::-1, ::-1], 2, 3),
        (1, 1),
        list(zip(lows, highs, strict=True)),
        lhs_dilation=strides,
        dimension_numbers=_LAYOUT,
    )
    kernel_cotangent = kernel_gradient(x, cotangent, kernel.shape[:2], strides, pads)
    return x_cotangent, kernel_cotangent


_conv.defvjp(_conv_forward, _conv_backward)
