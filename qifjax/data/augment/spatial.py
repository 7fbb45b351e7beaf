"""Augmentations that move or hide pixels, for images and for event frames."""

import math
from typing import Literal

import jax
import jax.numpy as jnp
from jax import random

from qifjax.data.augment import geometry
from qifjax.data.augment.samples import Augmentation, compose, per_sample


def pad_crop(pad: int = 4) -> Augmentation:
    """A window of the original size in the image with ``pad`` black pixels around."""

    def augment_one(key: jax.Array, sample: jax.Array) -> jax.Array:
        y, x = random.randint(key, (2,), 0, 2 * pad + 1)
        lead = sample.ndim - 3
        padded = jnp.pad(sample, [(0, 0)] * lead + [(pad, pad), (pad, pad), (0, 0)])
        start = [*[jnp.zeros_like(y)] * lead, y, x, jnp.zeros_like(y)]
        return jax.lax.dynamic_slice(padded, start, sample.shape)

    return per_sample(augment_one)


def flip(probability: float = 0.5) -> Augmentation:
    """Left and right exchanged, with a probability."""

    def augment_one(key: jax.Array, sample: jax.Array) -> jax.Array:
        flipped = random.bernoulli(key, probability)
        return jnp.where(flipped, sample[..., ::-1, :], sample)

    return per_sample(augment_one)


def cutout(length: int = 16) -> Augmentation:
    """A black square (DeVries and Taylor 2017), which may lie partly outside.

    Its centre is uniform over the image, and it is clipped at the borders.

    Args:
      length: side of the square in pixels.

    Returns:
      The augmentation.
    """

    def augment_one(key: jax.Array, sample: jax.Array) -> jax.Array:
        hidden = _square(key, sample.shape[-3:-1], length)
        hidden = jnp.broadcast_to(hidden[..., None], sample.shape)
        return jnp.where(hidden, jnp.uint8(0), sample)

    return per_sample(augment_one)


def roll(pixels: int, axes: Literal["both", "single"] = "both") -> Augmentation:
    """Cyclic shifts, uniform in ``-pixels`` to ``pixels``.

    Args:
      pixels: the largest shift.
      axes: ``"both"`` shifts rows and columns independently, ``"single"`` one of the
        two, with equal chances.

    Returns:
      The augmentation.
    """
    if axes not in ("both", "single"):
        raise ValueError(f"axes must be 'both' or 'single', not {axes!r}")

    def augment_one(key: jax.Array, sample: jax.Array) -> jax.Array:
        shift_key, axis_key = random.split(key)
        shifts = random.randint(shift_key, (2,), -pixels, pixels + 1)
        if axes == "single":
            chosen = random.bernoulli(axis_key)
            shifts = jnp.where(jnp.stack([chosen, ~chosen]), shifts, 0)
        return jnp.roll(sample, shifts, axis=(-3, -2))

    return per_sample(augment_one)


def rotation(degrees: float) -> Augmentation:
    """Rotation about the centre by a uniform angle, nearest pixel, black outside.

    Args:
      degrees: the largest angle in either direction.

    Returns:
      The augmentation.
    """

    def augment_one(key: jax.Array, sample: jax.Array) -> jax.Array:
        angle = _angle(key, degrees)
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        coefficients = geometry.rotation_map(cos, sin, *sample.shape[-3:-1])
        return geometry.move_nearest(sample, geometry.fixed_point(coefficients), 0)

    return per_sample(augment_one)


def shear(degrees: float) -> Augmentation:
    """Shear along rows by a uniform angle, nearest pixel, black outside.

    Args:
      degrees: the largest angle in either direction.

    Returns:
      The augmentation.
    """

    def augment_one(key: jax.Array, sample: jax.Array) -> jax.Array:
        slope = jnp.tan(_angle(key, degrees))
        coefficients = geometry.shear_map(slope, sample.shape[-3])
        return geometry.move_nearest(sample, geometry.fixed_point(coefficients), 0)

    return per_sample(augment_one)


def nda(
    pixels: int = 3,
    degrees: float = 15.0,
    shear_degrees: float = 15.0,
    *,
    with_flip: bool = False,
    cutout_length: int | None = None,
) -> Augmentation:
    """Neuromorphic data augmentation (Li et al. 2022), as its released code has it.

    Each sample gets exactly one of :func:`roll`, :func:`rotation` and :func:`shear`,
    with equal chances. The defaults are its lowest level, M1N1; ``nda(5, 30, 30)`` is
    the next. The paper's flip and cutout are options that come first and last, since
    the released code does not call them; its CutMix mixes labels too, and is
    :func:`qifjax.data.augment.cutmix`.

    Args:
      pixels: largest shift.
      degrees: largest angle of rotation.
      shear_degrees: largest angle of shear.
      with_flip: also flip with probability 1/2.
      cutout_length: also hide a square of this side; None hides nothing.

    Returns:
      The augmentation.
    """
    kinds = (roll(pixels), rotation(degrees), shear(shear_degrees))

    def one_of(key: jax.Array, images: jax.Array) -> jax.Array:
        choice_key, *keys = random.split(key, 1 + len(kinds))
        choice = random.randint(choice_key, images.shape[-4:-3], 0, len(kinds))
        # Choosing among three results costs less than branching for each sample.
        results = [kind(own, images) for kind, own in zip(kinds, keys, strict=True)]
        chosen = choice.reshape(-1, 1, 1, 1)
        return jnp.select(
            [jnp.broadcast_to(chosen == k, images.shape) for k in range(len(kinds))],
            results,
        )

    first = [flip()] if with_flip else []
    last = [cutout(cutout_length)] if cutout_length is not None else []
    return compose(*first, one_of, *last)


def _square(key: jax.Array, size: tuple[int, ...], length: int) -> jax.Array:
    """Where a square lies whose centre is uniform over the image: bool ``[H, W]``."""
    sides = []
    for side_key, pixels in zip(random.split(key), size, strict=True):
        start = random.randint(side_key, (), 0, pixels) - length // 2
        place = jnp.arange(pixels)
        sides.append((place >= start) & (place < start + length))
    rows, columns = sides
    return rows[:, None] & columns[None, :]


def _angle(key: jax.Array, degrees: float) -> jax.Array:
    largest = math.radians(degrees)
    return random.uniform(key, minval=-largest, maxval=largest)
