"""Resizing of event counts ``[..., H, W, C]``, each channel for itself."""

import numpy as np


def resize_nearest(counts: np.ndarray, height: int, width: int) -> np.ndarray:
    """Takes the pixel ``floor(i H / H')`` for each new pixel i, and likewise columns.

    The factor is rounded to float32 before the product, as torchvision's NEAREST has
    it: of 112 rows to 48, row 27 is number 62 and not 63.

    Args:
      counts: ``[..., H, W, C]`` of any dtype.
      height: new height.
      width: new width.

    Returns:
      ``[..., height, width, C]`` of the same dtype.
    """
    rows = _nearest(counts.shape[-3], height)
    columns = _nearest(counts.shape[-2], width)
    return counts[..., rows[:, None], columns, :]


def resize_bilinear(counts: np.ndarray, height: int, width: int) -> np.ndarray:
    """Averages with a triangle that widens as the image shrinks (antialiasing).

    The weights of pixel i are a triangle of half-width ``s = max(H / H', 1)`` around
    ``(i + 1/2) H / H'``, normalised: Pillow's BILINEAR and PyTorch's with antialias.
    Both axes are computed in float64; the result is rounded once, halves upwards.

    Args:
      counts: unsigned ``[..., H, W, C]``.
      height: new height.
      width: new width.

    Returns:
      uint32 ``[..., height, width, C]``.
    """
    rows = triangle_weights(counts.shape[-3], height)
    columns = triangle_weights(counts.shape[-2], width)
    values = np.einsum(
        "ih,...hwc,jw->...ijc", rows, counts.astype(np.float64), columns, optimize=True
    )
    # A sum of weights that is 1 up to rounding must not turn halves into less.
    return np.floor(values + 0.5 + 1e-9).astype(np.uint32)


def triangle_weights(old: int, new: int) -> np.ndarray:
    """Weights ``[new, old]`` of the old pixels in each new one; rows sum to 1."""
    scale = old / new
    support = max(scale, 1.0)
    centres = (np.arange(new) + 0.5) * scale
    distance = np.abs(np.arange(old) + 0.5 - centres[:, None]) / support
    weights = np.maximum(1.0 - distance, 0.0)
    return weights / weights.sum(axis=1, keepdims=True)


def _nearest(old: int, new: int) -> np.ndarray:
    scale = np.float32(old) / np.float32(new)
    places = np.floor(np.arange(new, dtype=np.float32) * scale).astype(np.intp)
    return np.minimum(places, old - 1)
