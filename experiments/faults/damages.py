"""Damage to the newest of two checkpoints, and what restoring makes of it."""

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from experiments.faults.journal import Observation
from experiments.faults.subject import same_bits
from qifjax.checkpoint import Checkpoints

KINDS = (
    "bit flipped",
    "truncated",
    "file removed",
    "file added",
    "manifest bit flipped",
    "manifest truncated",
    "manifest removed",
)


def damage(checkpoint: Path, kind: str, rng: np.random.Generator) -> str:
    """Damages one file of a checkpoint.

    Args:
      checkpoint: its folder.
      kind: one of :data:`KINDS`.
      rng: chooses the file and the place.

    Returns:
      The file, relative to the checkpoint.
    """
    state = checkpoint / "state"
    files = sorted(path for path in state.rglob("*") if path.stat().st_size)
    files = [path for path in files if path.is_file()]
    file = files[rng.integers(len(files))]
    if kind.startswith("manifest"):
        file = checkpoint / "manifest.json"
    content = bytearray(file.read_bytes())
    place = int(rng.integers(len(content)))
    if kind == "file added":
        file = file.with_name(f"{file.name}.{place}")
        file.write_bytes(content[:place])
    elif kind.endswith("removed"):
        file.unlink()
    elif kind.endswith("truncated"):
        file.write_bytes(content[:place])
    else:
        content[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(content)
    return file.relative_to(checkpoint).as_posix()


def restore_damaged(
    source: Checkpoints, like: Any, scratch: Path, seed: int, i: int
) -> Observation:
    """Damages a copy of the newest checkpoint, then restores.

    Args:
      source: checkpoints, of which the newest two are copied.
      like: a state as they hold it.
      scratch: folder for the copies; what is there is removed.
      seed: seed of the damage.
      i: which damage, from 0; the kinds take turns.
    """
    rng = np.random.default_rng((seed, i))
    kind = KINDS[i % len(KINDS)]
    before, newest = source.steps()[-2:]
    shutil.rmtree(scratch, ignore_errors=True)
    for step in (before, newest):
        shutil.copytree(source.path(step), scratch / source.path(step).name)
    copies = Checkpoints(scratch)
    file = damage(copies.path(newest), kind, rng)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        restored = copies.restore(like)
    said = [str(warning.message) for warning in caught]
    # Written again, so that one comparison of bits serves all.
    copies.save(newest + 1, restored)
    copies.wait()
    used = same_bits(copies.path(newest + 1), source.path(before))
    expected = ("damaged checkpoint", *map(str, map(copies.path, (newest, before))))
    named = len(said) == 1 and all(text in said[0] for text in expected)
    return {
        "passed": used and named,
        "kind": kind,
        "file": file,
        "detected": bool(said),
        "one_before_used": used,
        "said": said,
    }
