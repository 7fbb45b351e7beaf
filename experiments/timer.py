"""When the next checkpoint is due."""

import time

from qifjax import processes


class Timer:
    """The time since the last checkpoint, on which all processes agree.

    Attributes:
      seconds: time between two checkpoints; 0 leaves the choice to the epochs.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds
        self.restart()

    def restart(self) -> None:
        """Counts from now."""
        self._start = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether the time is over."""
        if not self.seconds:
            return False
        return processes.any_of(time.monotonic() - self._start >= self.seconds)
