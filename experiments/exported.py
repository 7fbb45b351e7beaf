"""The weights of a finished run in a small folder that is read in its place.

It is a run folder with the weights alone instead of checkpoints, neither optimizer
state nor counters; every file of it is verified before use.
"""

from pathlib import Path
from typing import NamedTuple

from experiments.run_folder import RunFolder
from qifjax import packed
from qifjax.checkpoint import CheckpointError
from qifjax.training import PyTree

_ATTACHED = ("config.json", "metrics.jsonl", "result.json")


class Weights(NamedTuple):
    """What a trained network is evaluated with.

    Attributes:
      params: the parameters, float32.
      model_state: the running statistics, float32.
    """

    params: PyTree
    model_state: PyTree


def write(run: RunFolder, weights: Weights, folder: Path) -> int:
    """Writes the weights of a run, with its configuration, metrics and result.

    Args:
      run: the folder of the finished run.
      weights: its weights, which are written as they are.
      folder: a new or empty folder, or one that was written here before.

    Returns:
      The size of the folder in bytes.

    Raises:
      CheckpointError: if the folder holds something else.
    """
    if packed.exists(folder) and "step" in packed.about(folder):
        raise CheckpointError(
            f"{folder} holds the packed state of a run, which weights alone would "
            "replace; choose another folder"
        )
    attached = {name: (run.path / name).read_bytes() for name in _ATTACHED}
    packed.write(folder, weights, lambda *_: "exact", attached, {})
    return sum(file.stat().st_size for file in folder.iterdir())


def read(folder: Path, like: Weights) -> Weights:
    """Reads what :func:`write` has written.

    Args:
      folder: the folder.
      like: weights of the same structure, shapes and dtypes.

    Returns:
      The weights, as NumPy arrays.

    Raises:
      CheckpointError: if a file is damaged or the weights are of another structure.
    """
    for name in _ATTACHED:
        packed.attached(folder, name)
    weights: Weights = packed.read(folder, like)
    return weights
