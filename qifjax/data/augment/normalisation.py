"""Normalisation: the constants of each data set, and the step that applies them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Statistics(NamedTuple):
    """Mean and standard deviation of each channel, of values scaled to 0 to 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


STATISTICS: Mapping[str, Statistics] = MappingProxyType(
    {
        # The usual constants; these deviations are means over images, and the pixels'
        # own are (0.2470, 0.2435, 0.2616).
        "cifar10": Statistics((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
        "cifar100": Statistics((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
        "fashion_mnist": Statistics((0.2860,), (0.3530,)),
        # ImageNet's, of which it is a part.
        "tiny_imagenet": Statistics((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    }
)
"""The constants by data set."""


def normalise(
    mean: tuple[float, ...], std: tuple[float, ...]
) -> Callable[[jax.Array], jax.Array]:
    """``(image / 255 - mean) / std`` for each channel.

    It comes after every augmentation: what cutout hides is black, and not the mean.

    Args:
      mean: mean of each channel, of values in 0 to 1.
      std: standard deviation likewise.

    Returns:
      A function of uint8 images ``[..., H, W, C]`` that gives float32.
    """
    if len(mean) != len(std):
        raise ValueError(f"{len(mean)} means and {len(std)} standard deviations")

    def apply(images: jax.Array) -> jax.Array:
        if images.shape[-1] != len(mean):
            raise ValueError(
                f"images of {images.shape[-1]} channels, constants of {len(mean)}"
            )
        # One product and one sum, as image * scale + offset.
        scale = jnp.asarray([1 / (255 * s) for s in std], jnp.float32)
        offset = jnp.asarray(
            [-m / s for m, s in zip(mean, std, strict=True)], jnp.float32
        )
        values = images.astype(jnp.float32)
        return values * jnp.broadcast_to(scale, values.shape) + jnp.broadcast_to(
            offset, values.shape
        )

    return apply
