"""A tree of arrays as a folder of few, small, verified files.

The bytes of all leaves lie one behind the other, in the order of the tree, and are cut
into parts ``part-0.bin`` and so on. ``manifest.json`` names each leaf with its shape,
dtype and encoding, and the SHA-256 of each file, itself included.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax

from qifjax import encoding
from qifjax.checkpoint import CheckpointError
from qifjax.encoding import EncodingOf, Leaf, PyTree

PART_BYTES = 16 * 2**20
"""Largest size of a part."""

_MANIFEST = "manifest.json"
_LAYOUT = 1


def size(tree: PyTree, encoding_of: EncodingOf) -> int:
    """Bytes of all parts together, from shapes and dtypes alone."""
    return sum(leaf.nbytes for leaf in encoding.leaves(tree, encoding_of))


def write(
    folder: Path,
    tree: PyTree,
    encoding_of: EncodingOf,
    attached: Mapping[str, bytes],
    about: Mapping[str, Any],
) -> None:
    """Writes a tree into a folder, in place of what the folder has held.

    The files are written beside it first, so that whenever it is interrupted, the old
    content or the new can be read.

    Args:
      folder: the folder.
      tree: arrays in any nesting; PRNG keys are allowed.
      encoding_of: how each leaf is written; float32 alone may be other than exact.
      attached: files to lie beside the parts, by name.
      about: plain values that the manifest holds, see :func:`about`.

    Raises:
      CheckpointError: if a leaf cannot be written in its encoding.
      OSError: if the disk refuses.
    """
    folder = folder.resolve()
    leaves = encoding.leaves(tree, encoding_of)
    data = bytearray()
    for leaf, array in zip(leaves, jax.tree.leaves(tree), strict=True):
        data += encoding.encode(leaf, encoding.words(array))
    starts = range(0, len(data), PART_BYTES)
    parts = {
        f"part-{i}.bin": bytes(data[start : start + PART_BYTES])
        for i, start in enumerate(starts)
    }
    files = {**parts, **attached}
    content = {
        "layout": _LAYOUT,
        "about": dict(about),
        "leaves": [leaf._asdict() for leaf in leaves],
        "parts": list(parts),
        "sha256": {name: _digest(file) for name, file in files.items()},
    }
    content = json.loads(json.dumps(content))
    manifest = {"sha256": _content_digest(content), "content": content}
    with _replacement(folder) as partial:
        for name, file in files.items():
            _write_file(partial / name, file)
        _write_file(partial / _MANIFEST, json.dumps(manifest, indent=1).encode())


def holds(folder: Path) -> bool:
    """Whether a folder holds a tree, as it is; :func:`exists` mends and refuses."""
    return (folder / _MANIFEST).exists()


def exists(folder: Path) -> bool:
    """Whether a folder holds a tree; finishes what an interrupted write has begun.

    Raises:
      CheckpointError: if it holds something else.
    """
    folder = folder.resolve()
    if not folder.exists() and _previous(folder).exists():
        _previous(folder).rename(folder)
    if holds(folder):
        return True
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CheckpointError(
            f"{folder} holds no packed state, but something else; "
            "choose a new or empty folder"
        )
    return False


def about(folder: Path) -> dict[str, Any]:
    """The plain values that :func:`write` was given.

    Raises:
      CheckpointError: if the manifest is damaged.
    """
    values: dict[str, Any] = _content(folder)["about"]
    return values


def attached(folder: Path, name: str) -> bytes:
    """A file that :func:`write` was given.

    Raises:
      CheckpointError: if it, or the manifest, is damaged.
    """
    return _verified(folder, name, _content(folder))


def read(folder: Path, like: PyTree) -> PyTree:
    """Reads a tree after verifying all of its bytes.

    Args:
      folder: what :func:`write` has written.
      like: arrays of the same structure, shapes and dtypes.

    Returns:
      The tree, of NumPy arrays and PRNG keys.

    Raises:
      CheckpointError: if it is damaged or of another structure.
    """
    content = _content(folder)
    leaves = [
        Leaf(**{**leaf, "shape": tuple(leaf["shape"])}) for leaf in content["leaves"]
    ]
    _require_fit(folder, leaves, encoding.leaves(like, lambda *_: "exact"))
    data = b"".join(_verified(folder, name, content) for name in content["parts"])
    restored, start = [], 0
    for leaf, target in zip(leaves, jax.tree.leaves(like), strict=True):
        array = encoding.decode(leaf, data[start : start + leaf.nbytes])
        restored.append(encoding.as_like(array, target))
        start += leaf.nbytes
    return jax.tree.unflatten(jax.tree.structure(like), restored)


def _require_fit(folder: Path, theirs: list[Leaf], ours: list[Leaf]) -> None:
    there = {leaf.path: (leaf.dtype, leaf.shape) for leaf in theirs}
    here = {leaf.path: (leaf.dtype, leaf.shape) for leaf in ours}
    for path in [*here, *there]:
        if there.get(path) != here.get(path):
            raise CheckpointError(
                f"the packed state {folder} does not fit this run: {path} is "
                f"{_described(there.get(path))} there and {_described(here.get(path))} "
                "here"
            )


def _described(leaf: tuple[str, tuple[int, ...]] | None) -> str:
    return "missing" if leaf is None else f"{leaf[0]} {list(leaf[1])}"


def _content(folder: Path) -> dict[str, Any]:
    """What the manifest says, once it has been verified."""
    file = folder / _MANIFEST
    try:
        manifest = json.loads(file.read_bytes())
        content: dict[str, Any] = manifest["content"]
        intact = manifest["sha256"] == _content_digest(content)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _damaged(file, f"cannot be read ({error})") from error
    if not intact:
        raise _damaged(file, "differs from its SHA-256")
    if content["layout"] != _LAYOUT:
        raise _damaged(file, f"has layout {content['layout']}, not {_LAYOUT}")
    return content


def _verified(folder: Path, name: str, content: Mapping[str, Any]) -> bytes:
    """The bytes of a file of which the manifest holds the SHA-256."""
    file = folder / name
    try:
        data = file.read_bytes()
    except FileNotFoundError as error:
        raise _damaged(file, "is missing") from error
    except OSError as error:
        raise _damaged(file, f"cannot be read ({error.strerror})") from error
    if _digest(data) != content["sha256"].get(name):
        raise _damaged(file, "differs from its SHA-256")
    return data


def _damaged(file: Path, what: str) -> CheckpointError:
    return CheckpointError(
        f"damaged packed state: {file} {what}; copy {file.parent} there again, or "
        "delete it"
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _content_digest(content: Any) -> str:
    return _digest(json.dumps(content, sort_keys=True).encode())


def _previous(folder: Path) -> Path:
    return folder.with_name(folder.name + ".previous")


@contextlib.contextmanager
def _replacement(folder: Path) -> Iterator[Path]:
    """A folder that takes the place of another one when the context ends."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        if folder.exists():
            # Here a kill leaves no folder, and `exists` gives the old its name back.
            shutil.rmtree(_previous(folder), ignore_errors=True)
            folder.rename(_previous(folder))
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(_previous(folder), ignore_errors=True)


def _write_file(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
