"""The claims of the paper that a study touches, each beside what the runs say."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from experiments import paper
from experiments.comparison import Spread, ratio, spread
from experiments.headline import verdicts
from experiments.headline.report import Arm, Report
from experiments.headline.verdicts import Effect


@dataclass(frozen=True)
class Claim:
    """A claim of the paper beside what the runs say.

    Attributes:
      what: the claim, with the paper's number.
      against: title of the arm that the first is held against.
      measured: the numbers.
      verdict: see :data:`experiments.headline.verdicts.RULE`.
    """

    what: str
    against: str
    measured: str
    verdict: verdicts.Verdict


def claims(report: Report) -> list[Claim]:
    """The claims of the paper that the finished arms touch, each with its verdict."""
    (_, first), *others = report.arms.items()
    found: list[Claim] = []
    for _, other in others:
        if other.config.window != first.config.window:
            found.append(_window(first, other))
        elif other.config.neuron == "qif":
            found.append(_second_step(first, other))
        else:
            found += [
                _accuracy(first, other),
                _spiking(report.paper, first, other),
                _energy(report.paper, first, other),
                _convergence(report, first, other),
            ]
    return sorted(found, key=lambda claim: claim.what)


def _accuracy(qif: Arm, lif: Arm) -> Claim:
    return _more_accurate("QIF is at least as accurate as LIF", qif, lif)


def _second_step(two: Arm, one: Arm) -> Claim:
    energies = two.summary.total_energy_mj, one.summary.total_energy_mj
    what = "More time steps make QIF more accurate (used throughout)"
    return _more_accurate(what, two, one, f", at {ratio(*energies)} the energy")


def _window(first: Arm, other: Arm) -> Claim:
    windows = f"the {first.config.window} than with the {other.config.window} window"
    what = f"QIF is more accurate with {windows} (section 4.2)"
    return _more_accurate(what, first, other)


def _more_accurate(what: str, first: Arm, second: Arm, more: str = "") -> Claim:
    accuracies = first.summary.accuracy, second.summary.accuracy
    effect = verdicts.difference(*(accuracy.values for accuracy in accuracies))
    measured = f"{_both(*accuracies)}, {_points(effect)}{more}"
    return Claim(what, second.title, measured, effect.verdict())


def _spiking(name: str, qif: Arm, lif: Arm) -> Claim:
    share = paper.LESS_SPIKING.get(name, paper.LESS_SPIKING_ON_AVERAGE)
    of = "" if name in paper.LESS_SPIKING else ", on average over its data sets"
    rates = qif.summary.mean_firing_rate, lif.summary.mean_firing_rate
    effect = verdicts.log_ratio(rates[1].values, rates[0].values)
    return Claim(
        f"QIF spikes {100 * share:.4g} % less than LIF{of}",
        lif.title,
        f"firing rates {_both(*rates)}, {_factor(effect)} as many spikes with LIF",
        effect.verdict(-math.log(1 - share)),
    )


def _energy(name: str, qif: Arm, lif: Arm) -> Claim:
    theirs = paper.ENERGY_MJ[name]
    claimed = theirs[0] / theirs[1]
    energies = qif.summary.total_energy_mj, lif.summary.total_energy_mj
    effect = verdicts.log_ratio(energies[1].values, energies[0].values)
    ours = " against ".join(energy.format(".4g", 1000) for energy in energies)
    return Claim(
        f"QIF needs {claimed:.2f} times less energy than LIF",
        lif.title,
        f"{ours} µJ, {_factor(effect)} the energy with LIF",
        effect.verdict(math.log(claimed)),
    )


def _convergence(report: Report, qif: Arm, lif: Arm) -> Claim:
    what, chance = "QIF converges faster than LIF", report.chance
    curves = qif.summary.curve, lif.summary.curve
    lowest = min(accuracy for curve in curves for accuracy in curve[-1].values)
    if not verdicts.better_than_chance(lowest, chance, report.examples):
        ends = f"a network ends at {100 * lowest:.2f} %, no better than guesses"
        return Claim(what, lif.title, ends, "cannot be said")
    level = verdicts.level(lowest, chance)
    epochs = [
        spread([verdicts.epochs_until(seed, level, chance) for seed in _by_seed(curve)])
        for curve in curves
    ]
    effect = verdicts.difference(epochs[1].values, epochs[0].values)
    ours = " against ".join(number.format(".2f") for number in epochs)
    more = f"{effect.mean:+.2f} epochs for LIF{_interval(effect, '+.2f')}"
    return Claim(
        what,
        lif.title,
        f"{ours} epochs to {100 * level:.1f} %, 90 % of the way from guesses to the "
        f"lowest final accuracy of both, {more}",
        effect.verdict(),
    )


def _by_seed(curve: Sequence[Spread]) -> Iterator[tuple[float, ...]]:
    """The learning curve of each seed."""
    return zip(*(point.values for point in curve), strict=True)


def _both(first: Spread, second: Spread) -> str:
    return f"{first.format('.2f', 100)} % against {second.format('.2f', 100)} %"


def _points(effect: Effect) -> str:
    scaled = Effect(*(100 * value for value in dataclasses.astuple(effect)))
    return f"{scaled.mean:+.2f} points for QIF{_interval(scaled, '+.2f')}"


def _factor(effect: Effect) -> str:
    if math.isnan(effect.mean):
        return "unknown times"
    factors = Effect(*(math.exp(value) for value in dataclasses.astuple(effect)))
    return f"{factors.mean:.2f} times{_interval(factors, '.2f')}"


def _interval(effect: Effect, digits: str) -> str:
    if math.isinf(effect.high):
        return " (a single seed has no interval)"
    return f" ({effect.low:{digits}} to {effect.high:{digits}})"
