"""The handwritten digits inside scikit-learn: real data without a download."""

import numpy as np

from qifjax.data.errors import DataError

SIZE = 28
"""Side of the images in pixels, to which the originals of 8 x 8 are enlarged."""


def read() -> tuple[np.ndarray, np.ndarray]:
    """All 1,797 digits (Alpaydin and Kaynak 1998), enlarged for LeNet-5.

    The originals are 8 x 8 with values 0 to 16; they are scaled to 0 to 255 and
    enlarged to 28 x 28 by bilinear interpolation.

    Returns:
      ``(images, labels)``: uint8 ``[1797, 28, 28, 1]`` and int32 ``[1797]``.

    Raises:
      DataError: if scikit-learn or Pillow is not installed.
    """
    try:
        from PIL import Image
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataError(
            f"digits come with scikit-learn and need Pillow ({error}); "
            "install both with: pip install 'qifjax[data]'"
        ) from error
    digits = load_digits()
    small = np.round(digits.images * (255 / 16)).astype(np.uint8)
    size = (SIZE, SIZE)
    large = [
        Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)
        for image in small
    ]
    images = np.stack([np.asarray(image) for image in large])[..., None]
    return images, digits.target.astype(np.int32)
