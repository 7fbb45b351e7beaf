"""What a checkpoint of a run holds."""

from typing import NamedTuple

import jax
import numpy as np

from qifjax.training import Totals, TrainState


class Snapshot(NamedTuple):
    """What a checkpoint holds: the state, and the part of its epoch that is done.

    Attributes:
      state: state of the training, on the devices.
      totals: sums over the steps of the current epoch so far, on the host.
      seconds: time that they took, float32 ``[]``, on the host.
    """

    state: TrainState
    totals: Totals
    seconds: np.ndarray

    @classmethod
    def of(cls, state: TrainState) -> "Snapshot":
        """A state at the beginning of an epoch."""
        return cls(state, jax.device_get(Totals.zero()), np.zeros((), np.float32))
