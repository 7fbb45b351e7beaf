r"""A simulated event camera: images become events by saccades and a contrast threshold.

N-MNIST and N-Caltech101 were recorded by a camera that looked at still images on a
monitor and moved along a triangle in three saccades of 100 ms (Orchard et al. 2015,
"Converting static image datasets to spiking neuromorphic datasets using saccades").
Here the image moves instead. With :math:`I \in [0, 1]` the luma of the image and
:math:`d(t)` its displacement in pixels, the pixel at :math:`r` sees

.. math::

    L(r, t) = \log(I(r - d(t)) + I_{dark})

and emits an event each time :math:`L` leaves its reference level :math:`R(r)`, which
starts at :math:`L(r, 0)`, by a threshold (Lichtsteiner et al. 2008):

.. math::

    n_{on} &= \lfloor \max(L - R, 0) / \theta_{on} \rfloor \\
    n_{off} &= \lfloor \max(R - L, 0) / \theta_{off} \rfloor \\
    R &\leftarrow R + n_{on} \theta_{on} - n_{off} \theta_{off}

Each saccade follows the minimum-jerk profile :math:`10 u^3 - 15 u^4 + 6 u^5`. The image
goes down and right, up and right, and back to the left, as in the recordings, with
bilinear interpolation in between; beyond its border the outermost pixels repeat.

Modelled besides: a threshold that differs from pixel to pixel, fixed for a camera, as
in ESIM (Rebecq et al. 2018) and v2e (Hu et al. 2021), and background events at a
constant rate, at most one a pixel and step, which leave the reference as it is.
Not modelled: the monitor's gamma, the limited bandwidth of the photoreceptor, latency
and its jitter, the refractory period, the arbitration of the read-out bus, leak of the
reference, and noise that depends on the light; v2e has several of these.

Two conventions: an event happens at a difference of exactly one threshold, and the last
axis of counts is polarity, 0 for OFF and 1 for ON. N-MNIST has them the
other way round, as if its digits were dark on white (see ``docs/event_camera.md``).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

DURATION_US = 300_000
"""Length of a simulated recording in microseconds: three saccades of 100 ms."""

EVENT = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.bool_)])
"""An event: column, row, time in microseconds, and whether it is ON."""

_MOST = 255
_LEAST_THRESHOLD = 0.1
# Displacement of the image at the corners of the triangle, (down, right), in units of
# the amplitude: a triangle as wide as it is high, which the recorded events fit too.
_CORNERS = ((-0.5, -0.5), (0.5, 0.0), (-0.5, 0.5), (-0.5, -0.5))


class Camera(NamedTuple):
    """Parameters of the camera and of its motion, scalars.

    The defaults were calibrated on 1,100 recordings of N-MNIST, so that ``digits_dvs``
    has about their number of events, polarity balance and background; see
    ``docs/event_camera.md``. ``dark`` was chosen and the thresholds fitted to it.

    Attributes:
      threshold_on: rise of the log intensity that makes an ON event.
      threshold_off: fall of the log intensity that makes an OFF event.
      mismatch: standard deviation of a pixel's thresholds relative to their mean.
      dark: intensity that a black pixel seems to have; white has 1.
      amplitude: width and height of the triangle of saccades, in pixels.
      background_on_hz: ON events per pixel and second without any cause.
      background_off_hz: OFF events per pixel and second without any cause.
    """

    threshold_on: jax.typing.ArrayLike = 0.34
    threshold_off: jax.typing.ArrayLike = 0.32
    mismatch: jax.typing.ArrayLike = 0.05
    dark: jax.typing.ArrayLike = 0.2
    amplitude: jax.typing.ArrayLike = 6.0
    background_on_hz: jax.typing.ArrayLike = 0.35
    background_off_hz: jax.typing.ArrayLike = 0.0


CAMERA = Camera()
"""The calibrated camera."""


def simulate_events(
    images: jax.Array,
    key: jax.Array,
    *,
    camera: Camera = CAMERA,
    steps: int = 100,
    first: jax.typing.ArrayLike = 0,
) -> jax.Array:
    """Counts the events that a camera would record of images.

    The key fixes the camera's pixels, shared by all images, and the background of each
    image, which depends on its place: images ``[a:b]`` with ``first=a`` give exactly
    the part ``[:, a:b]`` of what all images give.

    Args:
      images: uint8 ``[B, H, W, C]``, grey (C = 1) or RGB (C = 3).
      key: random key.
      camera: parameters, scalars.
      steps: number of time steps S, of ``DURATION_US / S`` each; large enough that the
        image moves by less than a pixel a step.
      first: place of the first image in the set that it belongs to.

    Returns:
      uint8 counts ``[S, B, H, W, 2]`` of OFF and ON events; at most 255 a step, and
      what exceeds them happens in the next step.

    Raises:
      ValueError: if the images or the camera are not as described.
    """
    _check(images, camera, steps)
    pixels_key, background_key = jax.random.split(key)
    theta = _thresholds(pixels_key, images.shape[1:3], camera)
    places = jnp.arange(images.shape[0], dtype=jnp.uint32)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(
        background_key, places + jnp.asarray(first, jnp.uint32)
    )
    intensity = luma(images)
    path = saccades(steps, camera.amplitude)

    def log_intensity(displacement):
        return jnp.log(_shift(intensity, displacement) + camera.dark)

    def step(reference, inputs):
        s, displacement = inputs
        change = log_intensity(displacement) - reference
        n_off = jnp.clip(jnp.floor(-change / theta.off), 0, _MOST)
        n_on = jnp.clip(jnp.floor(change / theta.on), 0, _MOST)
        reference = reference + n_on * theta.on - n_off * theta.off
        counts = jnp.stack([n_off, n_on], axis=-1)
        background = _background(keys, s, counts.shape, camera, steps)
        counts = jnp.minimum(counts + background, _MOST)
        return reference, counts.astype(jnp.uint8)

    times = jnp.arange(steps, dtype=jnp.uint32)
    _, counts = jax.lax.scan(step, log_intensity(path[0]), (times, path[1:]))
    return counts


def saccades(steps: int, amplitude: jax.typing.ArrayLike) -> jax.Array:
    """Where the image is before the first and after each step.

    Args:
      steps: number of steps S.
      amplitude: width and height of the triangle in pixels.

    Returns:
      float32 displacements (down, right) in pixels, ``[S + 1, 2]``; the last equals the
      first.
    """
    corners = jnp.asarray(_CORNERS, jnp.float32)
    time = jnp.linspace(0.0, 3.0, steps + 1, dtype=jnp.float32)
    u = jnp.clip(time[:, None] - jnp.arange(3, dtype=jnp.float32)[None], 0.0, 1.0)
    progress = u**3 * (10.0 - 15.0 * u + 6.0 * u**2)
    position = corners[:1] + jnp.matmul(
        progress, jnp.diff(corners, axis=0), precision="highest"
    )
    return position * amplitude


def luma(images: jax.Array) -> jax.Array:
    """Luma of images by the weights of ITU-R BT.601.

    Args:
      images: uint8 ``[B, H, W, C]``, grey or RGB.

    Returns:
      float32 ``[B, H, W]`` in [0, 1].
    """
    weights = (1.0,) if images.shape[-1] == 1 else (0.299, 0.587, 0.114)
    planes = images.astype(jnp.float32) / 255.0
    return jnp.dot(planes, jnp.asarray(weights, jnp.float32), precision="highest")


def frames(counts: jax.Array, T: int) -> jax.Array:
    """Sums the steps of a simulation into frames of equal time.

    Args:
      counts: uint8 counts ``[S, B, H, W, 2]``.
      T: number of frames, at most S. Step s goes to frame ``s * T // S``.

    Returns:
      uint8 frames ``[T, B, H, W, 2]``; counts over 255 become 255.

    Raises:
      ValueError: if T is not between 1 and S.
    """
    steps = counts.shape[0]
    if not 1 <= T <= steps:
        raise ValueError(f"frames needs 1 <= T <= {steps} steps, got T={T}")
    frame = np.arange(steps) * T // steps
    sums = jax.ops.segment_sum(
        counts.astype(jnp.int32), frame, T, indices_are_sorted=True
    )
    return jnp.minimum(sums, 255).astype(jnp.uint8)


def to_recordings(counts: np.ndarray | jax.Array) -> list[np.ndarray]:
    """Lists the single events of a simulation, on the host.

    The n events of a pixel and polarity in one step are spread over it evenly: event k
    happens at ``(k + 1/2) / n`` of the step, rounded down to a microsecond.

    Args:
      counts: uint8 counts ``[S, B, H, W, 2]``.

    Returns:
      B arrays of dtype :data:`EVENT`, sorted by time, row, column and polarity.
    """
    counts = np.asarray(counts)
    steps = counts.shape[0]
    recordings = []
    for one in np.moveaxis(counts, 1, 0):
        cells = np.stack(np.nonzero(one))
        n = one[tuple(cells)].astype(np.int64)
        s, y, x, p = np.repeat(cells, n, axis=1)
        k = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        n = np.repeat(n, n)
        t = (2 * (s * n + k) + 1) * DURATION_US // (2 * n * steps)
        order = np.lexsort((p, x, y, t))
        events = np.empty(len(t), EVENT)
        for name, values in (("x", x), ("y", y), ("t", t), ("p", p)):
            events[name] = values[order]
        recordings.append(events)
    return recordings


class _Thresholds(NamedTuple):
    """Thresholds of every pixel, float32 ``[1, H, W]``."""

    off: jax.Array
    on: jax.Array


def _thresholds(key, shape, camera: Camera) -> _Thresholds:
    """Draws thresholds, never less than a tenth of their mean."""
    relative = 1.0 + camera.mismatch * jax.random.normal(key, (2, 1, *shape))
    off, on = jnp.maximum(relative, _LEAST_THRESHOLD)
    return _Thresholds(camera.threshold_off * off, camera.threshold_on * on)


def _shift(planes: jax.Array, displacement: jax.Array) -> jax.Array:
    """Moves planes ``[B, H, W]`` down and right by a fraction of pixels."""
    rows = _interpolation(planes.shape[1], displacement[0])
    columns = _interpolation(planes.shape[2], displacement[1])
    return jnp.einsum("ij,bjk,lk->bil", rows, planes, columns, precision="highest")


def _interpolation(size: int, displacement: jax.Array) -> jax.Array:
    """The matrix ``[size, size]`` of linear interpolation at shifted places."""
    places = jnp.arange(size, dtype=jnp.float32)
    seen = jnp.clip(places - displacement, 0.0, size - 1.0)
    return jnp.maximum(0.0, 1.0 - jnp.abs(seen[:, None] - places[None]))


def _background(keys, s, shape, camera: Camera, steps: int) -> jax.Array:
    """Background events of step s, float32 ``[B, H, W, 2]``."""
    p_off, p_on = (
        jnp.asarray(hz, jnp.float32) * (DURATION_US / 1e6 / steps)
        for hz in (camera.background_off_hz, camera.background_on_hz)
    )

    def draw():
        step_keys = jax.vmap(jax.random.fold_in, (0, None))(keys, s)
        u = jax.vmap(lambda key: jax.random.uniform(key, shape[1:3]))(step_keys)
        return jnp.stack([u < p_off, u >= 1.0 - p_on], axis=-1).astype(jnp.float32)

    # Random numbers cost as much as all the rest.
    return jax.lax.cond(p_off + p_on > 0.0, draw, lambda: jnp.zeros(shape, jnp.float32))


def _check(images, camera: Camera, steps: int) -> None:
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or images.dtype != jnp.uint8:
        raise ValueError(
            "simulate_events needs uint8 images [B, H, W, C] with C = 1 or 3, "
            f"got {images.dtype} {list(images.shape)}"
        )
    if steps < 1:
        raise ValueError(f"simulate_events needs steps >= 1, got {steps}")
    for field, value in camera._asdict().items():
        positive = field in ("threshold_on", "threshold_off", "dark")
        if isinstance(value, jax.core.Tracer):
            continue
        if not (value > 0 if positive else value >= 0) or not np.isfinite(value):
            bound = "> 0" if positive else ">= 0"
            raise ValueError(f"Camera needs a finite {field} {bound}, got {value}")
