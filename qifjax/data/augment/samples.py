"""Augmentations as functions of a key and a batch, and how to put them together.

An :data:`Augmentation` is ``augment(key, images) -> images`` on uint8 arrays: images
``[B, H, W, C]`` or event frames ``[T, B, H, W, C]``. Draws are independent between
samples and shared by all frames of a sample. It is pure JAX, so it runs under ``jit``
and ``vmap`` on any device. Each kind is written for one sample, ``[H, W, C]`` or
``[T, H, W, C]``, and lifted to batches by :func:`per_sample`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

Augmentation = Callable[[jax.Array, jax.Array], jax.Array]


def per_sample(augment_one: Augmentation) -> Augmentation:
    """Lifts ``augment_one(key, sample)`` to batches, each sample with its own key.

    Args:
      augment_one: function of a key and one sample ``[..., H, W, C]``.

    Returns:
      The augmentation of batches.
    """

    def augment(key: jax.Array, images: jax.Array) -> jax.Array:
        check(images)
        keys = jax.random.split(key, images.shape[-4])
        return jax.vmap(augment_one, in_axes=(0, -4), out_axes=-4)(keys, images)

    return augment


def compose(*augmentations: Augmentation) -> Augmentation:
    """One augmentation after the other, with independent keys; none is the identity."""

    def augment(key: jax.Array, images: jax.Array) -> jax.Array:
        keys = jax.random.split(key, max(len(augmentations), 1))
        for each, own_key in zip(augmentations, keys, strict=False):
            images = each(own_key, images)
        return images

    return augment


def check(images: jax.Array) -> None:
    """Raises ValueError unless these are uint8 images or event frames."""
    if images.dtype != jnp.uint8 or images.ndim not in (4, 5):
        raise ValueError(
            f"augmentations take uint8 images [B, H, W, C] or frames [T, B, H, W, C], "
            f"not {images.dtype} of shape {images.shape}; they come before normalise"
        )
