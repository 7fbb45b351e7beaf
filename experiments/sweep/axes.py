"""The cells of a grid: what is typed, what is allowed, what each cell is."""

import dataclasses
import itertools
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import qmc

import qifjax
from experiments.config import Config, ConfigError

MOST_CELLS = 10_000
_OTHERS = ("learning_rate", "weight_decay")


@dataclass(frozen=True)
class Cell:
    """One network of a grid.

    Attributes:
      values: value of each axis, by name.
      seed: seed of initialisation and data order.
    """

    values: Mapping[str, float]
    seed: int

    @property
    def name(self) -> str:
        """What tells it from other cells, such as ``"a=0.2 u_th=0.4 seed=0"``."""
        parts = [f"{axis}={value:.12g}" for axis, value in sorted(self.values.items())]
        return " ".join([*parts, f"seed={self.seed}"])

    def config(self, base: Config) -> Config:
        """The configuration of a run of this cell alone."""
        params = base.neuron_params
        own = {k: v for k, v in self.values.items() if k in params._fields}
        changes: dict[str, Any] = {base.neuron: params._replace(**own)}
        changes |= {k: v for k, v in self.values.items() if k in _OTHERS}
        if "learning_rate" in changes:
            changes["lif_learning_rate"] = 0.0
        return dataclasses.replace(base, seed=self.seed, **changes)


def parse(text: str, base: Config) -> dict[str, tuple[float, ...]]:
    """The axes of a grid such as ``"a=0.2:1.0:0.2 u_th=0.5,1.0"``.

    Args:
      text: for each axis its name and either first, last and step, or a list.
      base: the configuration, whose neuron model says which axes there are.

    Returns:
      The values of each axis.

    Raises:
      ConfigError: if an axis is unknown, repeated or empty, or cannot be read.
    """
    known = (*base.neuron_params._fields, *_OTHERS)
    axes: dict[str, tuple[float, ...]] = {}
    for word in text.split():
        name, sign, values = word.partition("=")
        if not sign or name not in known:
            raise ConfigError(
                f"unknown axis {name!r} of --grid (known for {base.neuron}: "
                f"{', '.join(known)}); write NAME=FIRST:LAST:STEP or NAME=A,B,C"
            )
        if name in axes:
            raise ConfigError(f"--grid has axis {name} twice")
        axes[name] = _values(word, values)
    if not axes:
        raise ConfigError("--grid needs an axis, such as 'a=0.2:1.0:0.2'")
    return axes


def _values(word: str, text: str) -> tuple[float, ...]:
    separator = ":" if ":" in text else ","
    try:
        numbers = [float(part) for part in text.split(separator)]
    except ValueError:
        raise ConfigError(f"--grid cannot read the numbers of {word!r}") from None
    if not all(map(math.isfinite, numbers)):
        raise ConfigError(f"--grid needs finite numbers, got {word!r}")
    if separator == ",":
        if len(set(numbers)) < len(numbers):
            raise ConfigError(f"--grid has a value twice in {word!r}")
        return tuple(numbers)
    if len(numbers) != 3 or not numbers[2] > 0:
        raise ConfigError(f"--grid needs FIRST:LAST:STEP with STEP > 0, got {word!r}")
    first, last, step = numbers
    count = math.floor((last - first) / step + 1e-9) + 1
    if count < 1:
        raise ConfigError(f"--grid has an empty range: {word!r}")
    if count > MOST_CELLS:
        raise ConfigError(
            f"--grid has {count:,} values in {word!r}: is the step right?"
        )
    # 0.2 + 2 * 0.2 should read as 0.6.
    return tuple(round(first + i * step, 12) for i in range(count))


def count(axes: Mapping[str, Sequence[float]], seeds: int, sample: str = "") -> int:
    """The number of networks of a grid, see :func:`cells`.

    Args:
      axes: values by axis.
      seeds: networks a cell.
      sample: what is sampled, if anything.

    Returns:
      The number.

    Raises:
      ConfigError: if the sample cannot be read.
    """
    if not sample:
        return math.prod(map(len, axes.values())) * seeds
    kind, _, number = sample.partition(":")
    if kind not in ("random", "sobol") or not number.isdigit() or not int(number):
        raise ConfigError(
            f"--sample must be random:N or sobol:N with N > 0, got {sample!r}"
        )
    return int(number) * seeds


def cells(
    base: Config, axes: Mapping[str, Sequence[float]], seeds: int, sample: str = ""
) -> list[Cell]:
    """All cells of a grid, or samples of the space that it spans.

    Args:
      base: the configuration; seeds are counted from its own.
      axes: values by axis.
      seeds: networks a cell.
      sample: ``"random:N"`` or ``"sobol:N"`` draws N points between the lowest and the
        highest value of each axis instead of taking the grid.

    Returns:
      The cells, those of one seed together.

    Raises:
      ConfigError: if a cell has parameters that make no sense.
    """
    points = [*(_sampled(sample, axes) if sample else _product(axes))]
    for values in points:
        try:
            with warnings.catch_warnings():
                # The summary tells cells with a > 0.4 apart, as the paper does.
                warnings.simplefilter("ignore")
                qifjax.validate(Cell(values, 0).config(base).neuron_params)
        except ValueError as error:
            raise ConfigError(
                f"--grid: {Cell(values, 0).name[:-7]}: {error}"
            ) from error
        for name in _OTHERS:
            value = values.get(name, 1.0)
            if value < 0 or (name == "learning_rate" and value == 0):
                raise ConfigError(f"--grid: {name} cannot be {value:g}")
    first = base.seed
    return [Cell(v, seed) for seed in range(first, first + seeds) for v in points]


def _product(axes: Mapping[str, Sequence[float]]) -> Iterator[dict[str, float]]:
    for values in itertools.product(*axes.values()):
        yield dict(zip(axes, values, strict=True))


def _sampled(
    sample: str, axes: Mapping[str, Sequence[float]]
) -> Iterator[dict[str, float]]:
    kind, _, number = sample.partition(":")
    lows, highs = (np.asarray([f(v) for v in axes.values()]) for f in (min, max))
    if kind == "sobol":
        # Balanced for powers of two; any other number takes the first ones.
        power = math.ceil(math.log2(int(number)))
        unit = qmc.Sobol(len(axes), seed=0).random_base2(power)[: int(number)]
    else:
        unit = np.random.default_rng(0).random((int(number), len(axes)))
    for row in lows + unit * (highs - lows):
        yield {name: round(float(x), 12) for name, x in zip(axes, row, strict=True)}
