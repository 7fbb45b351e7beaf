"""Image data sets as the simulated event camera sees them, kept on disk.

They are called ``*_dvs`` after the camera, and their descriptions say "simulated"; none
of them is a recorded data set.
"""

import hashlib
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from qifjax.data import event_camera
from qifjax.data.array_cache import checksum, load_or_build

T = 10
"""Frames of a recording, 30 ms each."""

_VERSION = 1
_STEPS = 100
_SEED = 0
_CHUNK = 256
# Far apart, so that no test image shares its background events with a training image.
_FIRST = {"train": 0, "test": 1 << 24}


def _pad(images: jax.Array, margin: int) -> jax.Array:
    around = (margin, margin)
    return jnp.pad(images, ((0, 0), around, around, (0, 0)))


def _enlarge(images: jax.Array, size: int) -> jax.Array:
    shape = (images.shape[0], size, size, images.shape[3])
    large = jax.image.resize(images.astype(jnp.float32), shape, "bilinear")
    return jnp.round(large).astype(jnp.uint8)


class Simulated(NamedTuple):
    """One simulated data set.

    Attributes:
      source: name of the image data set.
      arrange: puts uint8 images ``[B, H, W, C]`` on the sensor.
    """

    source: str
    arrange: Callable[[jax.Array], jax.Array]


SETS = {
    # 34 x 34 as N-MNIST: the black margin holds the motion of 6 pixels.
    "digits_dvs": Simulated("digits", partial(_pad, margin=3)),
    "fashion_mnist_dvs": Simulated("fashion_mnist", partial(_pad, margin=3)),
    "cifar10_dvs_sim": Simulated("cifar10", partial(_enlarge, size=48)),
}
"""The simulated data sets by name."""


def read(name: str, images: np.ndarray, part: str, data_dir: Path) -> np.ndarray:
    """Event frames of the images of one part, simulated once and then kept.

    Args:
      name: one of :data:`SETS`.
      images: uint8 images of its source, ``[N, H, W, C]``.
      part: ``"train"`` or ``"test"``.
      data_dir: where data sets are.

    Returns:
      uint8 event frames ``[N, T, H, W, 2]``.
    """
    recipe = (checksum(images), event_camera.CAMERA, _STEPS, T, _SEED, _VERSION)
    stamp = hashlib.sha256(repr(recipe).encode()).hexdigest()[:16]
    arrays = load_or_build(
        data_dir / "cache" / f"{name}-{part}-{stamp}",
        lambda: {"inputs": _simulate(SETS[name], images, _FIRST[part])},
    )
    return arrays["inputs"]


@cache
def _simulator(simulated: Simulated) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """Compiles ``(images, first) -> frames [B, T, H, W, 2]``, once for both parts."""

    @jax.jit
    def simulate(images, first):
        counts = event_camera.simulate_events(
            simulated.arrange(images),
            jax.random.key(_SEED),
            camera=event_camera.CAMERA,
            steps=_STEPS,
            first=first,
        )
        return jnp.moveaxis(event_camera.frames(counts, T), 0, 1)

    return simulate


def _simulate(simulated: Simulated, images: np.ndarray, first: int) -> np.ndarray:
    """Simulates chunk by chunk, so that only the frames are ever held in memory."""
    simulate = _simulator(simulated)
    shape = jax.eval_shape(simulate, images[:1], jnp.uint32(0)).shape[1:]
    result = np.empty((len(images), *shape), np.uint8)
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        # One shape for all chunks, so that XLA compiles once.
        missing = min(_CHUNK, len(images)) - len(chunk)
        full = np.pad(chunk, ((0, missing), (0, 0), (0, 0), (0, 0)))
        frames = np.asarray(simulate(jnp.asarray(full), jnp.uint32(first + start)))
        result[start : start + _CHUNK] = frames[: len(chunk)]
    return result
