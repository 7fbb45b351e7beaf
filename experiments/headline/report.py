"""What the runs of a study have found: numbers and page, from what is kept of them."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from experiments import config as configs
from experiments import markdown, paper, tabulate
from experiments.comparison import TITLES, Spread, Summary, rate_table, ratio, spread
from experiments.config import Config
from experiments.headline import verdicts
from experiments.headline.studies import Study
from experiments.headline.trainings import find
from experiments.headline.verdicts import Effect
from experiments.run_folder import RunError
from qifjax import nn
from qifjax.data import simulated

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Arm:
    """One arm of a study, over the seeds that are finished.

    Attributes:
      title: neuron model, time steps and learning rate, in words.
      config: its configuration, with the first seed.
      seeds: the finished seeds.
      missing: the others.
      summary: scores over the finished seeds.
      examples_per_second: speed of training, without compilation and evaluation.
    """

    title: str
    config: Config
    seeds: tuple[int, ...]
    missing: tuple[int, ...]
    summary: Summary
    examples_per_second: Spread


@dataclass(frozen=True)
class Report:
    """A study as far as it is finished.

    Attributes:
      name: name of the study.
      command: what has made it.
      title: what it is, with its size.
      config: what the arms have in common.
      differences: by the name of a setting its value here and in the paper, of those
        that differ in all arms.
      trained: devices, versions and commits of the runs.
      arms: by name, those with a finished seed; the first is held against the others.
      untrained: titles of the arms without one.
      seeds: how many seeds there shall be.
      paper: name of the configuration of the paper's experiment.
      parameter_count: parameters of the network.
      examples: number of examples that the accuracies are of.
    """

    name: str
    command: str
    title: str
    config: Config
    differences: dict[str, tuple[Any, Any]]
    trained: tuple[str, ...]
    arms: dict[str, Arm]
    untrained: tuple[str, ...]
    seeds: int
    paper: str
    parameter_count: int
    examples: int

    def to_json(self) -> dict[str, Any]:
        """The report as plain values; summaries and titles are by arm."""
        arms = {
            name: {
                "title": arm.title,
                "seeds": arm.seeds,
                "missing": arm.missing,
                "examples_per_second": dataclasses.asdict(arm.examples_per_second),
            }
            for name, arm in self.arms.items()
        }
        return {
            "schema_version": SCHEMA_VERSION,
            "command": self.command,
            "name": self.name,
            "title": self.title,
            "config": self.config.to_json(),
            "differences": self.differences,
            "trained": self.trained,
            "arms": arms,
            "untrained": self.untrained,
            "summaries": {
                name: dataclasses.asdict(arm.summary) for name, arm in self.arms.items()
            },
            "claims": [dataclasses.asdict(claim) for claim in claims(self)],
        }


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


def summarise(
    study: Study, config: Config, seeds: int, results: Path, command: str
) -> Report:
    """Reads what is kept of the runs of a study.

    Args:
      study: the study.
      config: what its arms have in common.
      seeds: number of seeds that there shall be.
      results: folder in which finished runs are kept.
      command: what is written into the report.

    Returns:
      The report on the runs that are there.

    Raises:
      RunError: if there is none of the first arm, or one of another configuration.
    """
    arms: dict[str, list[Config]] = {name: [] for name in study.arms}
    for (name, _), each in study.configs(config, seeds).items():
        arms[name].append(each)
    finished, untrained, runs = {}, [], []
    for name, planned in arms.items():
        title = _title(planned[0], study)
        found = {each.seed: find(results, name, each.seed, each) for each in planned}
        there = {seed: folder for seed, folder in found.items() if folder is not None}
        if not there:
            untrained.append(title)
            continue
        here = [folder.result() for folder in there.values()]
        runs += here
        finished[name] = Arm(
            title,
            planned[0],
            tuple(there),
            tuple(found.keys() - there.keys()),
            Summary.of(list(there.values())),
            spread([result["examples_per_second"] for result in here]),
        )
    if (base := next(iter(study.arms))) not in finished:
        raise RunError(
            f"{results} holds no finished run of {base}, which the others are held "
            "against"
        )
    differences = _differences(study, config)
    return Report(
        name=config.name,
        command=command,
        title=_heading(config, differences),
        config=config,
        differences=differences,
        trained=tuple(dict.fromkeys(map(markdown.origin, runs))),
        arms=finished,
        untrained=tuple(untrained),
        seeds=seeds,
        paper=study.paper,
        parameter_count=runs[0]["parameter_count"],
        examples=runs[0][config.evaluate_on]["examples"],
    )


def _title(config: Config, study: Study) -> str:
    """What an arm is, and whether its rate is the paper's."""
    own = dataclasses.replace(configs.load(study.paper), neuron=config.neuron)
    rate = config.neuron_learning_rate
    whose = " (the paper's)" if rate == own.neuron_learning_rate else ""
    steps = "" if config.recorded else f", T = {config.timesteps}"
    return f"{TITLES[config.neuron]}{steps}, rate {rate:g}{whose}"


def _differences(study: Study, config: Config) -> dict[str, tuple[Any, Any]]:
    """The settings in which all arms differ from the paper's experiment."""
    options = set(nn.options(config.model))
    here = tabulate.settings(config, options)
    there = tabulate.settings(configs.load(study.paper), options)
    return {
        name: (value, there.get(name))
        for name, value in here.items()
        if name != "name" and value != there.get(name)
    }


def _heading(config: Config, differences: Mapping[str, Any]) -> str:
    """What the study is, with its size."""
    width = float(config.model_options.get("width_multiplier", 1))
    narrow = f"narrow {config.model} (width {Fraction(width).limit_denominator(64)})"
    network = narrow if width < 1 else config.model
    few = f"{config.limit:,} examples of " if config.limit else ""
    whose = "not the paper's set-up" if differences else "the paper's set-up"
    data = f"{few}{config.dataset}" + (
        " (simulated events)" if config.dataset in simulated.SETS else ""
    )
    return f"{network} on {data}, {config.epochs} epochs: {whose}"


def claims(report: Report) -> list[Claim]:
    """The claims of the paper that the finished arms touch, each with its verdict."""
    (_, first), *others = report.arms.items()
    found: list[Claim] = []
    for _, other in others:
        if other.config.neuron == "qif":
            found.append(_second_step(first, other))
        else:
            found += [
                _accuracy(first, other),
                _spiking(report.paper, first, other),
                _energy(report.paper, first, other),
                _convergence(first, other),
            ]
    return sorted(found, key=lambda claim: claim.what)


def _accuracy(qif: Arm, lif: Arm) -> Claim:
    accuracies = qif.summary.accuracy, lif.summary.accuracy
    effect = verdicts.difference(*(accuracy.values for accuracy in accuracies))
    return Claim(
        "QIF is at least as accurate as LIF",
        lif.title,
        f"{_both(*accuracies)}, {_points(effect)}",
        effect.verdict(),
    )


def _second_step(two: Arm, one: Arm) -> Claim:
    accuracies = two.summary.accuracy, one.summary.accuracy
    energies = two.summary.total_energy_mj, one.summary.total_energy_mj
    effect = verdicts.difference(*(accuracy.values for accuracy in accuracies))
    return Claim(
        "More time steps make QIF more accurate (used throughout)",
        one.title,
        f"{_both(*accuracies)}, {_points(effect)}, at {ratio(*energies)} the energy",
        effect.verdict(),
    )


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


def _convergence(qif: Arm, lif: Arm) -> Claim:
    curves = qif.summary.curve, lif.summary.curve
    level = verdicts.level(*curves)
    epochs = [
        spread([verdicts.epochs_until(seed, level) for seed in _by_seed(curve)])
        for curve in curves
    ]
    effect = verdicts.difference(epochs[1].values, epochs[0].values)
    ours = " against ".join(number.format(".2f") for number in epochs)
    return Claim(
        "QIF converges faster than LIF",
        lif.title,
        f"{ours} epochs to {100 * level:.1f} %, 90 % of the lowest final accuracy of "
        f"both, {effect.mean:+.2f} epochs for LIF{_interval(effect, '+.2f')}",
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


def page(report: Report, figure: str) -> str:
    """The report as a page of Markdown.

    Args:
      report: what has been found.
      figure: name of the figure beside the page.
    """
    config, arms = report.config, report.arms
    summaries = {arm.title: arm.summary for arm in arms.values()}
    lines = [
        f"# {report.title[0].upper()}{report.title[1:]}",
        "",
        f"QIF against LIF with {config.optimizer}, cosine decay, weight decay "
        f"{config.weight_decay:g}, batch {config.batch_size}, "
        f"{report.parameter_count:,} parameters.",
        "",
        f"Made by `{report.command}` from runs on {'; '.join(report.trained)}.",
        "",
        *_missing(report),
        *_table(report),
        "",
        "Mean ± sample standard deviation over the seeds; accuracy on the "
        f"{report.examples:,} {config.evaluate_on} examples after the last epoch, with "
        "no choice of epoch; energy of an example by eq. 17 (45 nm, float32), held "
        f"against that of the first row; speed of training on {config.batch_size} "
        "examples a step, without compilation and evaluation.",
        "",
        f"![Learning curves and firing rates]({figure})",
        "",
        "## The paper's numbers",
        "",
        *_papers(report),
        "",
        "## What holds and what does not",
        "",
        verdicts.RULE,
        "",
        *_claims(report),
        "",
        "## What differs from the paper's set-up",
        "",
        *_differing(report),
        "",
        "## Firing rate per layer",
        "",
        "Spikes per neuron and time step:",
        "",
        *rate_table(summaries),
        "",
    ]
    return "\n".join(lines)


def _missing(report: Report) -> list[str]:
    """Which runs are not finished, if any."""
    parts = [f"{title} (all {report.seeds} seeds)" for title in report.untrained]
    for arm in report.arms.values():
        if arm.missing:
            seeds = ", ".join(map(str, sorted(arm.missing)))
            parts.append(f"{arm.title} (seeds {seeds})")
    return [f"**Not finished yet:** {'; '.join(parts)}.", ""] if parts else []


def _table(report: Report) -> list[str]:
    base = next(iter(report.arms.values())).summary.total_energy_mj
    rows = []
    for arm in report.arms.values():
        summary = arm.summary
        energy = summary.total_energy_mj
        rows.append(
            [
                arm.title,
                ", ".join(map(str, arm.seeds)),
                summary.accuracy.format(".2f", 100),
                summary.mean_firing_rate.format(".2f", 100),
                energy.format(".4g", 1000),
                ratio(energy, base),
                arm.examples_per_second.format(".0f"),
                summary.train_seconds.format(".0f"),
            ]
        )
    head = ["arm", "seeds", "accuracy, %", "firing rate, %", "energy, µJ"]
    head += ["of the first", "examples/s", "training, s"]
    return markdown.table(head, rows, left=2)


def _papers(report: Report) -> list[str]:
    """The paper's numbers of the same experiment at its own size."""
    lif, qif = paper.ENERGY_MJ[report.paper]
    accuracy = paper.QIF_ACCURACY[report.paper]
    lines = [
        f"`{report.paper}` in the paper: QIF {accuracy} (its table is lost; this "
        f"follows from its text) and {qif:.3f} mJ, LIF {lif:.3f} mJ "
        f"({lif / qif:.2f} times). The authors' later version: "
        f"{paper.LATER_ACCURACY[report.paper]} with the TET loss."
    ]
    if report.differences:
        lines.append(
            "With another set-up neither accuracy nor energy can be held against these "
            "as they are, only ratios and directions."
        )
    return lines


def _claims(report: Report) -> list[str]:
    found = claims(report)
    if not found:
        return ["No two arms that could be compared are finished."]
    return [
        f"- {claim.what}: **{claim.verdict}** against {claim.against}: "
        f"{claim.measured}."
        for claim in found
    ]


def _differing(report: Report) -> list[str]:
    rows = [[name, f"{a}", f"{b}"] for name, (a, b) in report.differences.items()]
    own = [
        "Each arm's title says where its learning rate is the paper's. Every number is "
        f"over at most {report.seeds} seeds."
    ]
    if not rows:
        return ["No setting.", "", *own]
    return [*markdown.table(["setting", "here", "paper"], rows, left=3), "", *own]
