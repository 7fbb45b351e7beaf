"""Whether a claim holds for runs of few seeds: one rule for differences and ratios."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.stats import norm, t

Verdict = Literal["holds", "does not hold", "cannot be said"]
CONFIDENCE = 0.95

RULE = (
    f"A claim *holds* where the {CONFIDENCE:.0%} interval of the effect".replace(
        "%", " %"
    )
    + " excludes the opposite effect and reaches the size that the paper gives, if it "
    "gives one; it *does not hold* where the whole interval falls short of that; "
    "otherwise it *cannot be said*, as with a single seed. The interval is Student's, "
    "of the difference of means of independent seeds with one variance, for ratios of "
    "their logarithms."
)
"""The rule of :meth:`Effect.verdict`, in words."""


@dataclass(frozen=True)
class Effect:
    """A measured effect with its interval; positive is what is claimed.

    Attributes:
      mean: the effect.
      low: lower end of the interval; minus infinity where there is none.
      high: upper end; infinity where there is none.
    """

    mean: float
    low: float
    high: float

    def verdict(self, claimed: float = 0.0) -> Verdict:
        """Whether an effect of a claimed size holds.

        Args:
          claimed: the size, at least 0; 0 claims a direction alone.
        """
        if self.high < claimed:
            return "does not hold"
        return "holds" if self.low >= 0 else "cannot be said"


def difference(first: Sequence[float], second: Sequence[float]) -> Effect:
    """By how much the first numbers are larger than the second.

    Args:
      first: a number for each seed.
      second: the same of the other side; the seeds are taken for independent.

    Returns:
      The difference of the means, with ``len(first) + len(second) - 2`` degrees of
      freedom behind its interval, which is unbounded where a side has one seed alone.
    """
    sides = (first, second)
    counts = [len(side) for side in sides]
    means = [math.fsum(side) / len(side) for side in sides]
    effect = means[0] - means[1]
    if min(counts) < 2:
        return Effect(effect, -math.inf, math.inf)
    freedom = sum(counts) - 2
    squares = math.fsum(
        (value - mean) ** 2
        for side, mean in zip(sides, means, strict=True)
        for value in side
    )
    error = math.sqrt(squares / freedom * math.fsum(1 / n for n in counts))
    reach = float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    return Effect(effect, effect - reach, effect + reach)


def log_ratio(numerator: Sequence[float], denominator: Sequence[float]) -> Effect:
    """The natural logarithm of a ratio of geometric means.

    Args:
      numerator: a number for each seed.
      denominator: the same of the other side.

    Returns:
      The effect as :func:`difference` gives it; unknown where a number is not above 0,
      as the firing rate of a silent network.
    """
    if min(*numerator, *denominator) <= 0:
        return Effect(math.nan, -math.inf, math.inf)
    return difference(
        *([math.log(v) for v in side] for side in (numerator, denominator))
    )


def better_than_chance(accuracy: float, chance: float, examples: int) -> bool:
    """Whether an accuracy is above the 95 % interval of guesses.

    Args:
      accuracy: the accuracy.
      chance: that of guesses.
      examples: number of examples that it is of.
    """
    deviation = math.sqrt(chance * (1 - chance) / examples)
    return accuracy > chance + float(norm.ppf((1 + CONFIDENCE) / 2)) * deviation


def epochs_until(curve: Sequence[float], level: float, chance: float) -> float:
    """After how many epochs a learning curve first reaches a level.

    Args:
      curve: accuracy after each epoch.
      level: the accuracy to reach, above chance.
      chance: accuracy at the start.

    Returns:
      The epochs, interpolated linearly between two of them and from the start;
      infinity where it is never reached.
    """
    before = chance
    for epoch, accuracy in enumerate(curve):
        if accuracy >= level:
            return epoch + (level - before) / (accuracy - before)
        before = accuracy
    return math.inf


def level(lowest: float, chance: float) -> float:
    """The accuracy by which the speed of learning curves is compared.

    It is 90 % of the way to the lowest final accuracy of any curve, so that every one
    reaches it, and the side that ends higher is not held to a higher standard.

    Args:
      lowest: the lowest final accuracy.
      chance: accuracy at the start.
    """
    return chance + 0.9 * (lowest - chance)
