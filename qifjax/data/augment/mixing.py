"""CutMix (Yun et al. 2019), which mixes labels with images."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import random

from qifjax.data.augment.samples import check


def cutmix(
    num_classes: int, alpha: float = 1.0
) -> Callable[[jax.Array, jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
    """Puts a box of another sample of the batch into each one.

    The share ``lam ~ Beta(alpha, alpha)`` that a sample keeps, its box and its partner
    are drawn for each sample; the box has sides ``sqrt(1 - lam)`` of the image's, a
    centre uniform over the image, and is clipped at the borders. The label is mixed by
    the pixels that are left. Since it needs labels and gives soft ones, it is no
    :data:`Augmentation`.

    Args:
      num_classes: number of classes.
      alpha: parameter of the Beta distribution.

    Returns:
      ``mix(key, images, labels) -> (images, soft_labels)`` for uint8 images
      ``[B, H, W, C]`` or frames ``[T, B, H, W, C]``, whose frames share the box, and
      integer labels ``[B]``; the soft labels are float32 ``[B, num_classes]``.
    """

    def mix(
        key: jax.Array, images: jax.Array, labels: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        check(images)
        batch, height, width = images.shape[-4:-1]
        lam_key, y_key, x_key, partner_key = random.split(key, 4)
        lam = random.beta(lam_key, alpha, alpha, (batch,))
        side = jnp.sqrt(1 - lam)
        boxes = (
            _interval(y_key, side, height)[:, :, None]
            & (_interval(x_key, side, width)[:, None, :])
        )
        partner = random.permutation(partner_key, batch)
        inside = jnp.broadcast_to(boxes[..., None], images.shape[-4:])
        mixed = jnp.where(
            jnp.broadcast_to(inside, images.shape),
            jnp.take(images, partner, axis=-4),
            images,
        )
        share = jnp.mean(boxes.astype(jnp.float32), axis=(1, 2))[:, None]
        own = jax.nn.one_hot(labels, num_classes, dtype=jnp.float32)
        return mixed, (1 - share) * own + share * own[partner]

    return mix


def _interval(key: jax.Array, side: jax.Array, pixels: int) -> jax.Array:
    """Which of the pixels along one axis lie in each box: bool ``[B, pixels]``."""
    length = (side * pixels).astype(jnp.int32)
    start = random.randint(key, side.shape, 0, pixels) - length // 2
    place = jnp.arange(pixels)[None, :]
    return (place >= start[:, None]) & (place < (start + length)[:, None])
