"""Arrays that are expensive to make, kept on disk as ``.npy`` files with a manifest."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

_MANIFEST = "manifest.json"
_Arrays = dict[str, np.ndarray]


def load_or_build(
    folder: Path, build: Callable[[], Mapping[str, np.ndarray]]
) -> _Arrays:
    """Reads the arrays of a folder, or makes them and keeps them there.

    The folder appears under its name only when it is complete, so two processes that
    build it at once are safe: the first to finish wins. A damaged folder is rebuilt.
    Where the disk refuses, the arrays are returned without being kept.

    Args:
      folder: where the arrays are kept; its name should say what they depend on.
      build: makes the arrays, by name.

    Returns:
      The arrays by name, memory-mapped read-only if they were kept.
    """
    arrays = _read(folder)
    if arrays is None:
        built = dict(build())
        arrays = (_read(folder) if _write(folder, built) else None) or built
    return arrays


class Layout(NamedTuple):
    """Shape and dtype of an array to come."""

    shape: tuple[int, ...]
    dtype: type[np.generic]


def load_or_fill(
    folder: Path,
    layout: Mapping[str, Layout],
    fill: Callable[[Mapping[str, np.ndarray]], None],
) -> _Arrays:
    """As :func:`load_or_build`, for arrays that need not fit into memory.

    Args:
      folder: where the arrays are kept; its name should say what they depend on.
      layout: what each array looks like.
      fill: writes all values into arrays of that layout, which lie on disk, or in
        memory where the disk refuses.

    Returns:
      The arrays by name, memory-mapped read-only if they were kept.
    """
    arrays = _read(folder)
    if arrays is not None:
        return arrays

    def write(partial: Path) -> dict[str, str]:
        filled = {
            name: _open_new(partial / f"{name}.npy", *layout[name]) for name in layout
        }
        fill(filled)
        for array in filled.values():
            array.flush()
        return {name: checksum(array) for name, array in filled.items()}

    if _publish(folder, write) and (arrays := _read(folder)) is not None:
        return arrays
    built = {name: np.zeros(*layout[name]) for name in layout}
    fill(built)
    return built


def _open_new(path: Path, shape: tuple[int, ...], dtype: type) -> np.memmap:
    array = np.lib.format.open_memmap(path, "w+", dtype, shape)
    if hasattr(os, "posix_fallocate"):
        # A full disk has to show here: later it would be a fatal signal.
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def checksum(array: np.ndarray) -> str:
    """SHA-256 of the dtype, shape and bytes of an array, in hexadecimal digits."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _read(folder: Path) -> _Arrays | None:
    """The arrays of a folder, or None where it is missing or damaged."""
    try:
        expected = {**json.loads((folder / _MANIFEST).read_text())}
        arrays: _Arrays = {
            name: np.lib.format.open_memmap(folder / f"{name}.npy", "r")
            for name in expected
        }
        intact = all(checksum(arrays[k]) == digest for k, digest in expected.items())
    except Exception:
        # The parsers raise half a dozen kinds, all for the same reason.
        return None
    return arrays if intact else None


def _write(folder: Path, arrays: _Arrays) -> bool:
    """Puts the arrays under the folder's name at once; False where the disk refuses."""

    def write(partial: Path) -> dict[str, str]:
        for name, array in arrays.items():
            np.save(partial / f"{name}.npy", array)
        return {name: checksum(array) for name, array in arrays.items()}

    return _publish(folder, write)


def _publish(folder: Path, write: Callable[[Path], Mapping[str, str]]) -> bool:
    """Makes a folder elsewhere and gives it its name; False where the disk refuses.

    Args:
      folder: its name.
      write: writes the arrays into a folder and returns their checksums by name.
    """
    partial = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(
            tempfile.mkdtemp(prefix=f"{folder.name}.partial-", dir=folder.parent)
        )
        manifest = dict(write(partial))
        (partial / _MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
        # What is temporary is private; what is kept is as any other folder made here.
        partial.chmod(folder.parent.stat().st_mode & 0o777)
        # Only a damaged folder, or one that another process has just finished, is here.
        if folder.exists() and _read(folder) is None:
            shutil.rmtree(folder)
        if not folder.exists():
            os.replace(partial, folder)
    except OSError:
        return _read(folder) is not None
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
    return True
