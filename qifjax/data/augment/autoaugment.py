"""AutoAugment's policy for CIFAR-10 (Cubuk et al. 2019), with all 25 sub-policies.

A sub-policy is two operations, each with a probability and a level from 0 to 9. Levels
are ten even steps of: shear 0 to 0.3; translation 0 to 150/331 of the side; rotation 0
to 30 degrees; colour, contrast, sharpness and brightness 1 +- 0 to 0.9; posterize 8 to
4 bits; solarize 256 to 0. Shear, translation, rotation and the four factors take either
sign with equal chances, as in the widely used PyTorch version. Pixels from outside are
grey (128).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, random

from qifjax.data.augment import colour, geometry
from qifjax.data.augment.samples import Augmentation, check

FILL = 128


class Step(NamedTuple):
    """One operation of a sub-policy."""

    operation: str
    probability: float
    level: int


def _sub_policy(
    a: str, p: float, level_a: int, b: str, q: float, level_b: int
) -> tuple[Step, Step]:
    return Step(a, p, level_a), Step(b, q, level_b)


CIFAR10_POLICY = (
    _sub_policy("invert", 0.1, 7, "contrast", 0.2, 6),
    _sub_policy("rotate", 0.7, 2, "translate_x", 0.3, 9),
    _sub_policy("sharpness", 0.8, 1, "sharpness", 0.9, 3),
    _sub_policy("shear_y", 0.5, 8, "translate_y", 0.7, 9),
    _sub_policy("autocontrast", 0.5, 8, "equalize", 0.9, 2),
    _sub_policy("shear_y", 0.2, 7, "posterize", 0.3, 7),
    _sub_policy("color", 0.4, 3, "brightness", 0.6, 7),
    _sub_policy("sharpness", 0.3, 9, "brightness", 0.7, 9),
    _sub_policy("equalize", 0.6, 5, "equalize", 0.5, 1),
    _sub_policy("contrast", 0.6, 7, "sharpness", 0.6, 5),
    _sub_policy("color", 0.7, 7, "translate_x", 0.5, 8),
    _sub_policy("equalize", 0.3, 7, "autocontrast", 0.4, 8),
    _sub_policy("translate_y", 0.4, 3, "sharpness", 0.2, 6),
    _sub_policy("brightness", 0.9, 6, "color", 0.2, 8),
    _sub_policy("solarize", 0.5, 2, "invert", 0.0, 3),
    _sub_policy("equalize", 0.2, 0, "autocontrast", 0.6, 0),
    _sub_policy("equalize", 0.2, 8, "equalize", 0.6, 4),
    _sub_policy("color", 0.9, 9, "equalize", 0.6, 6),
    _sub_policy("autocontrast", 0.8, 4, "solarize", 0.2, 8),
    _sub_policy("brightness", 0.1, 3, "color", 0.7, 0),
    _sub_policy("solarize", 0.4, 5, "autocontrast", 0.9, 3),
    _sub_policy("translate_y", 0.9, 9, "translate_y", 0.7, 9),
    _sub_policy("autocontrast", 0.9, 2, "solarize", 0.8, 3),
    _sub_policy("equalize", 0.8, 8, "invert", 0.1, 3),
    _sub_policy("translate_y", 0.7, 9, "autocontrast", 0.9, 1),
)
"""The sub-policies, one of which is chosen for each image with equal chances."""


class _Arguments(NamedTuple):
    """What an operation may need: a number, and a map of pixels."""

    magnitude: jax.Array
    fixed: jax.Array


def _table(
    make: Callable[[jax.Array, jax.Array], jax.Array],
) -> Callable[[jax.Array, _Arguments], jax.Array]:
    return lambda image, given: colour.look_up(image, make(image, given.magnitude))


def _move(image: jax.Array, given: _Arguments) -> jax.Array:
    return geometry.move_nearest(image, given.fixed, FILL)


_OPERATIONS: dict[str, Callable[[jax.Array, _Arguments], jax.Array]] = {
    "nothing": lambda image, given: image,
    "invert": _table(lambda image, _: colour.invert(image)),
    "solarize": _table(colour.solarize),
    "posterize": _table(
        lambda image, bits: colour.posterize(image, bits.astype(jnp.int32))
    ),
    "brightness": _table(colour.brightness),
    "contrast": _table(colour.contrast),
    "autocontrast": _table(lambda image, _: colour.autocontrast(image)),
    "equalize": _table(lambda image, _: colour.equalize(image)),
    "color": lambda image, given: colour.color(image, given.magnitude),
    "sharpness": lambda image, given: colour.sharpness(image, given.magnitude),
    "rotate": _move,
    "translate_x": _move,
    "translate_y": _move,
    "shear_y": lambda image, given: geometry.shear_y_bicubic(
        image, given.magnitude, FILL
    ),
}
_NAMES = tuple(_OPERATIONS)


def autoaugment(policy: tuple[tuple[Step, Step], ...] = CIFAR10_POLICY) -> Augmentation:
    """Each image through one sub-policy of a policy.

    Args:
      policy: the sub-policies.

    Returns:
      The augmentation, for RGB images ``[B, H, W, 3]`` only.
    """

    def augment(key: jax.Array, images: jax.Array) -> jax.Array:
        check(images)
        if images.ndim != 4 or images.shape[-1] != 3:
            raise ValueError(
                f"autoaugment takes RGB images [B, H, W, 3], not {images.shape}"
            )
        operations, arguments = _draw(key, policy, images.shape)
        # One after the other, a CPU does only the work of the chosen operations: 16
        # times faster there. Elsewhere doing all of them at once beats 2 B branches.
        return lax.platform_dependent(
            images,
            operations,
            arguments,
            cpu=_one_by_one,
            default=jax.vmap(_apply_both),
        )

    return augment


def _one_by_one(
    images: jax.Array, operations: jax.Array, arguments: _Arguments
) -> jax.Array:
    return lax.map(lambda given: _apply_both(*given), (images, operations, arguments))


def _apply_both(
    image: jax.Array, operations: jax.Array, arguments: _Arguments
) -> jax.Array:
    """Both steps of a sub-policy, for one image ``[H, W, 3]``."""
    for step in range(2):
        own = _Arguments(arguments.magnitude[step], arguments.fixed[step])
        image = lax.switch(operations[step], tuple(_OPERATIONS.values()), image, own)
    return image


def _draw(
    key: jax.Array, policy: tuple[tuple[Step, Step], ...], shape: tuple[int, ...]
) -> tuple[jax.Array, _Arguments]:
    """Operations ``[B, 2]`` and their arguments ``[B, 2, ...]`` for a batch."""
    batch, height, width, _ = shape
    policy_key, use_key, sign_key = random.split(key, 3)
    chosen = random.randint(policy_key, (batch,), 0, len(policy))
    probability = np.asarray([[s.probability for s in pair] for pair in policy])
    used = (
        random.uniform(use_key, (batch, 2))
        < jnp.asarray(probability, jnp.float32)[chosen]
    )
    numbers = np.asarray([[_NAMES.index(s.operation) for s in pair] for pair in policy])
    operations = jnp.where(used, jnp.asarray(numbers, jnp.int32)[chosen], 0)
    negative = random.bernoulli(sign_key, shape=(batch, 2)).astype(jnp.int32)
    steps = [(s, sign) for pair in policy for s in pair for sign in (1, -1)]
    magnitudes = np.reshape([magnitude(s, sign) for s, sign in steps], (-1, 2, 2))
    maps = [
        geometry.fixed_point_constant(_map(s.operation, magnitude(s, n), height, width))
        for s, n in steps
    ]
    place = (chosen[:, None], jnp.asarray([[0, 1]], jnp.int32), negative)
    return operations, _Arguments(
        jnp.asarray(magnitudes, jnp.float32)[place],
        jnp.asarray(np.reshape(maps, (-1, 2, 2, 6)))[place],
    )


def magnitude(step: Step, sign: int) -> float:
    """The number that a step's operation takes; see the top of this module."""
    share = step.level / 9
    if step.operation == "posterize":
        return float(np.round(8 - 4 * share))
    if step.operation == "solarize":
        return 256 * (1 - share)
    if step.operation in ("brightness", "contrast", "color", "sharpness"):
        return 1 + sign * 0.9 * share
    largest = {"shear_y": 0.3, "rotate": 30.0}
    largest |= dict.fromkeys(("translate_x", "translate_y"), 150 / 331)
    return sign * share * largest.get(step.operation, 0.0)


def _map(operation: str, amount: float, height: int, width: int) -> tuple[float, ...]:
    """The map of pixels of an operation; the identity for those that move none."""
    if operation == "rotate":
        angle = math.radians(amount)
        return geometry.rotation_map(math.cos(angle), -math.sin(angle), height, width)
    right = amount * width if operation == "translate_x" else 0.0
    down = amount * height if operation == "translate_y" else 0.0
    return 1.0, 0.0, right, 0.0, 1.0, down
