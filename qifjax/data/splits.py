"""Splits that depend on the examples and not on the order of a file."""

import hashlib

import numpy as np


def hashed_fraction(inputs: np.ndarray, purpose: str) -> np.ndarray:
    """A number in [0, 1) for each example, from a hash of its bytes.

    Equal examples get equal numbers, wherever they stand, so that a split by these
    numbers is the same for every reader and never separates duplicates.

    Args:
      inputs: examples of any dtype, ``[N, ...]``.
      purpose: what the numbers are for; another purpose gives independent numbers.

    Returns:
      float64 ``[N]``.
    """
    salt = hashlib.sha256(purpose.encode()).digest()
    digests = [
        hashlib.sha256(salt + np.ascontiguousarray(example).tobytes()).digest()[:8]
        for example in inputs
    ]
    # 53 bits, so that the largest number is still below one.
    numbers = np.frombuffer(b"".join(digests), ">u8") >> np.uint64(11)
    return numbers / 2.0**53
