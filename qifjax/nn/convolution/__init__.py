"""Two-dimensional convolution that is fast on CPU, inside loops too.

XLA on CPU brings convolutions into the one layout that its fast kernels take only at
the top level of a program. Inside a loop the gradients of a convolution, whose layouts
differ, fall back to a plain loop nest: 4 to 60 times slower for the layers of LeNet-5
and ResNet-19. And no layout suits layers of few channels. So each of the three parts of
a convolution has several forms, of which one is chosen by the shapes alone; the table
that the choices follow is made by ``benchmarks/convolution.py``.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax

from qifjax.neurons import at_least_float32
from qifjax.nn.convolution.forward_forms import forward
from qifjax.nn.convolution.geometry import Pads
from qifjax.nn.convolution.input_forms import input_gradient
from qifjax.nn.convolution.kernel_forms import kernel_gradient


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
    preferred_element_type: Any = None,
) -> jax.Array:
    """``jax.lax.conv_general_dilated``, faster on CPU.

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
      preferred_element_type: as in jax.lax, the dtype of the result.

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
        if preferred_element_type is not None:
            lhs, rhs = (x.astype(preferred_element_type) for x in (lhs, rhs))
        return _conv_once(lhs, rhs, strides, ((top, bottom), (left, right)))
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
        preferred_element_type=preferred_element_type,
    )


def unrounded(
    lhs: jax.Array,
    rhs: jax.Array,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    **options: Any,
) -> jax.Array:
    """:func:`conv_general_dilated` of narrow floats, in float32.

    Products of bfloat16 are summed in float32 everywhere; here the sums are not rounded
    to bfloat16 in the end. On a GPU they are: cuDNN writes what it reads, and what a
    convolution of two dtypes costs there has not been measured.

    Args:
      lhs: images ``[B, H, W, C]``.
      rhs: kernel ``[K, L, C, F]``.
      window_strides: stride in pixels per axis.
      padding: as in :func:`conv_general_dilated`.
      **options: as there.

    Returns:
      Images ``[B, H', W', F]``, float32 or wider.
    """
    wide = None if jax.default_backend() == "gpu" else at_least_float32(lhs.dtype)
    return conv_general_dilated(
        lhs, rhs, window_strides, padding, preferred_element_type=wide, **options
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _conv(x, kernel, strides, pads: Pads):
    return forward(x, kernel, strides, pads)


def _conv_forward(x, kernel, strides, pads):
    return _conv(x, kernel, strides, pads), (x, kernel)


def _conv_backward(strides, pads, residuals, cotangent):
    x, kernel = residuals
    return (
        input_gradient(cotangent, kernel, x.shape, strides, pads),
        kernel_gradient(x, cotangent, kernel.shape[:2], strides, pads),
    )


_conv.defvjp(_conv_forward, _conv_backward)

# Compiled on its own, so that layers of one shape are traced once for all of them.
_conv_once = jax.jit(_conv, static_argnums=(2, 3))
