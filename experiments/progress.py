"""What a run shows while it works: a bar on a terminal, plain lines elsewhere."""

import sys
from typing import Any

from tqdm import tqdm


class Progress:
    """Shows the steps of a run and a line for each of its epochs."""

    def __init__(self, label: str, total_steps: int, first_step: int = 0):
        self._label = label
        self._bar = tqdm(
            desc=label,
            total=total_steps,
            initial=first_step,
            unit="step",
            leave=False,
            dynamic_ncols=True,
            disable=not sys.stderr.isatty(),
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.close()

    def steps(self, number: int) -> None:
        """Some steps have been taken."""
        self._bar.update(number)

    def epoch(self, entry: dict[str, Any], epochs: int, scored_on: str) -> None:
        """An epoch has been taken and evaluated."""
        tqdm.write(
            f"{self._label}  epoch {entry['epoch']:>3}/{epochs}"
            f"  train loss {entry['train_loss']:.4f}"
            f"  {scored_on} accuracy {entry['accuracy']:.4f}"
            f"  {entry['examples_per_second']:,.0f} examples/s",
            file=sys.stdout,
        )
        sys.stdout.flush()
