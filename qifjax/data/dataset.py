"""What every data set looks like in memory, and what a batch of it looks like."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np


@dataclass(frozen=True)
class Description:
    """Where the examples of a :class:`Dataset` come from.

    Attributes:
      name: name of the data set, as :func:`qifjax.data.load` takes it.
      split: name of the split, likewise.
      split_rule: how the split was chosen, in words.
      source: where the examples were read.
      checksum: SHA-256 of inputs and labels, in hexadecimal digits.
    """

    name: str
    split: str
    split_rule: str
    source: str
    checksum: str


@dataclass(frozen=True)
class Dataset:
    """Examples of one split, in memory or memory-mapped.

    Attributes:
      inputs: uint8 images ``[N, H, W, C]`` or event frames ``[N, T, H, W, 2]``.
      labels: int32 class of each example, ``[N]``.
      class_names: name of each class.
      description: where the examples come from.
    """

    inputs: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    description: Description

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example, ``[H, W, C]`` or ``[T, H, W, 2]``."""
        return self.inputs.shape[1:]


class Batch(NamedTuple):
    """Some examples, as training and evaluation take them.

    Attributes:
      inputs: uint8 images ``[B, H, W, C]`` or event frames ``[T, B, H, W, 2]``.
      labels: int32 class of each example, ``[B]``.
      mask: float32 ``[B]``, 1 for an example and 0 for padding.
    """

    inputs: jax.Array
    labels: jax.Array
    mask: jax.Array
