"""The leaves of a tree as bytes, exact or shorter.

- ``"exact"``: the array's own bytes (little-endian). PRNG keys are kept as their words.
- ``"bfloat16"``: float32 rounded to the nearest bfloat16, which is off by at most
  ``2^-8`` of the value.
- ``"int8"``: float32 ``x[..., c]`` as ``s[c] q[..., c]`` with the float32 scale
  ``s[c] = max |x[..., c]| / 127`` of each channel of the last axis and integers ``q``
  from -127 to 127, which is off by at most ``s[c] / 2``.
"""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from qifjax.checkpoint import CheckpointError

PyTree = Any
Encoding = Literal["exact", "bfloat16", "int8"]
EncodingOf = Callable[[str, Any], Encoding]
"""The encoding of a leaf, by its path such as ``".params['conv']"`` and itself."""


class Leaf(NamedTuple):
    """What the manifest says of a leaf.

    Attributes:
      path: its place in the tree.
      shape: its shape; that of its words, if it is a PRNG key.
      dtype: name of its dtype.
      encoding: how its bytes are to be read.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    encoding: Encoding

    @property
    def nbytes(self) -> int:
        """Size of its encoded bytes."""
        number = math.prod(self.shape)
        if self.encoding == "int8":
            return number + 4 * self.shape[-1]
        dtype = "bfloat16" if self.encoding == "bfloat16" else self.dtype
        return number * jnp.dtype(dtype).itemsize


def leaves(tree: PyTree, encoding_of: EncodingOf) -> list[Leaf]:
    """The leaves of a tree of arrays, or of their shapes and dtypes.

    Raises:
      CheckpointError: if a leaf of another dtype than float32 should not be exact.
    """
    found = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        shape = jax.eval_shape(jax.random.key_data, leaf) if _is_key(leaf) else leaf
        name = jax.tree_util.keystr(path)
        encoding = encoding_of(name, leaf)
        if encoding != "exact" and shape.dtype != jnp.float32:
            raise CheckpointError(f"{name} of {shape.dtype} cannot be {encoding}")
        found.append(Leaf(name, tuple(shape.shape), shape.dtype.name, encoding))
    return found


def words(leaf: Any) -> np.ndarray:
    """A leaf on the host; a PRNG key as its words."""
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def encode(leaf: Leaf, array: np.ndarray) -> bytes:
    """The bytes of an array.

    Raises:
      CheckpointError: if it has values that its encoding does not know.
    """
    if leaf.encoding == "exact":
        return array.tobytes()
    if leaf.encoding == "bfloat16":
        return array.astype(jnp.bfloat16).tobytes()
    if not np.isfinite(array).all():
        raise CheckpointError(f"{leaf.path} is not finite and cannot be int8")
    largest = np.abs(array).max(axis=tuple(range(array.ndim - 1)), initial=0)
    scale = (largest / 127).astype(np.float32)
    steps = np.rint(array / np.where(scale > 0, scale, 1)).clip(-127, 127)
    return scale.tobytes() + steps.astype(np.int8).tobytes()


def decode(leaf: Leaf, data: bytes) -> np.ndarray:
    """The array of which :func:`encode` has made some bytes."""
    if leaf.encoding == "int8":
        channels = leaf.shape[-1]
        scale = np.frombuffer(data, np.float32, channels)
        steps = np.frombuffer(data, np.int8, offset=4 * channels)
        return steps.reshape(leaf.shape) * scale
    dtype = "bfloat16" if leaf.encoding == "bfloat16" else leaf.dtype
    array = np.frombuffer(data, jnp.dtype(dtype)).reshape(leaf.shape)
    return array.astype(jnp.dtype(leaf.dtype))


def as_like(words: np.ndarray, like: Any) -> Any:
    """An array that has been read, as a PRNG key where ``like`` is one."""
    if not _is_key(like):
        return words
    return jax.random.wrap_key_data(jnp.asarray(words), impl=jax.random.key_impl(like))


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
