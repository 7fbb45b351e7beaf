"""What the runs of a study have found, read from what is kept of them."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from experiments import config as configs
from experiments import markdown, tabulate
from experiments.comparison import TITLES, Spread, Summary, spread
from experiments.config import Config
from experiments.headline.studies import Study
from experiments.headline.trainings import find
from experiments.run_folder import RunError
from qifjax.data import simulated

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Arm:
    """One arm of a study, over the seeds that are finished.

    Attributes:
      title: neuron model, time steps, learning rate and another window, in words.
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
      chance: accuracy of guesses.
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
    chance: float

    def to_json(self) -> dict[str, Any]:
        """The report as plain values; summaries and titles are by arm."""
        arms = {
            name: {
                "title": arm.title,
                "neuron": arm.config.neuron,
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
        }


def comparable(study: Study, config: Config, seeds: int, results: Path) -> bool:
    """Whether a run of the first arm is kept, which the others are held against."""
    base = next(iter(study.arms))
    return any(
        arm == base and find(results, arm, seed, each) is not None
        for (arm, seed), each in study.configs(config, seeds).items()
    )


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
    differences = tabulate.differences(config, configs.load(study.paper))
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
        chance=1 / study.classes,
    )


def _title(config: Config, study: Study) -> str:
    """Neuron, time steps, the window if it is not the paper's, and learning rate."""
    own = dataclasses.replace(configs.load(study.paper), neuron=config.neuron)
    rate = config.neuron_learning_rate
    whose = " (the paper's)" if rate == own.neuron_learning_rate else ""
    steps = "" if config.recorded else f", T = {config.timesteps}"
    window = "" if config.window == own.window else f", {config.window} window"
    return f"{TITLES[config.neuron]}{steps}{window}, rate {rate:g}{whose}"


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
