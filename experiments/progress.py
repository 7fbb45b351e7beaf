"""What a run shows while it works: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from typing import Any

from tqdm import tqdm


class Progress:
    """Shows the steps of a run, a line for each of its epochs, and the time left.

    The time left is that of the whole run, at the speed of this process so far, with
    evaluation and checkpoints.
    """

    def __init__(self, label: str, total_steps: int, first_step: int = 0):
        self._label = label
        self._total = total_steps
        self._first = self._step = first_step
        self._start = time.monotonic()
        self._bar = tqdm(
            desc=label,
            total=total_steps,
            initial=first_step,
            unit="step",
            smoothing=0,
            leave=False,
            dynamic_ncols=True,
            disable=not sys.stderr.isatty(),
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.close()

    @property
    def seconds_left(self) -> float:
        """Estimate of the time until the last step is taken."""
        taken = self._step - self._first
        if not taken:
            return float("nan")
        elapsed = time.monotonic() - self._start
        return elapsed / taken * (self._total - self._step)

    def steps(self, number: int) -> None:
        """Some steps have been taken."""
        self._step += number
        self._bar.update(number)

    def epoch(self, entry: dict[str, Any], epochs: int, scored_on: str) -> None:
        """An epoch has been taken and evaluated."""
        tqdm.write(
            f"{self._label}  epoch {entry['epoch']:>3}/{epochs}"
            f"  train loss {entry['train_loss']:.4f}"
            f"  {scored_on} accuracy {entry['accuracy']:.4f}"
            f"  {entry['examples_per_second']:,.0f} examples/s"
            f"  {tqdm.format_interval(self.seconds_left)} left",
            file=sys.stdout,
        )
        sys.stdout.flush()
