"""Images of few channels are passed over as planes, on CPU.

Networks have their channels last. Where these are few they do not fill a vector, and a
pass over such images takes several times as long as one over their planes, in which the
pixels of a channel lie side by side. So the layers that work value by value bring few
channels in front of the images, compute there and bring them back. What one layer
brings back the next one brings to the front again: the compiler takes out both, so that
from the first convolution of LeNet-5 to the pooling behind it nothing is moved.
"""

import jax
import jax.numpy as jnp

FEW_CHANNELS = 8
"""Fewer channels than these do not fill a vector."""


def channel_axis(x: jax.Array) -> int:
    """The axis at which a layer computes with the channels of ``x``.

    Args:
      x: images over time ``[T, B, H, W, C]``, or anything else with channels last.

    Returns:
      1, for planes ``[T, C, B, H, W]``, where the channels are few; else -1, their own.
    """
    return 1 if x.ndim == 5 and _few(x) else -1


def over_time(x: jax.Array, timesteps: int) -> jax.Array:
    """Images ``[T * B, H, W, C]`` as ``[T, B, H, W, C]``.

    Those of few channels go by way of their planes: around a reshape of images the
    compiler would not see that channels are brought back and to the front again.

    Args:
      x: the images of all time steps.
      timesteps: number of time steps T.

    Returns:
      The same images.
    """
    if not _few(x):
        return x.reshape(timesteps, -1, *x.shape[1:])
    planes = jnp.moveaxis(x, -1, 0)
    split = planes.reshape(planes.shape[0], timesteps, -1, *planes.shape[2:])
    return jnp.moveaxis(split, 0, -1)


def _few(x):
    return x.shape[-1] < FEW_CHANNELS and jax.default_backend() == "cpu"
