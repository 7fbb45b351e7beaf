"""Data sets as uint8 arrays with named splits."""

from qifjax.data.dataset import Batch, Dataset, Description
from qifjax.data.errors import DataError
from qifjax.data.events.frames import FrameRecipe
from qifjax.data.load import SPLITS, load, names

__all__ = [
    "SPLITS",
    "Batch",
    "DataError",
    "Dataset",
    "Description",
    "FrameRecipe",
    "load",
    "names",
]
