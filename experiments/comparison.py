"""Results of several runs, summarised over seeds: the numbers and their table."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments import markdown
from experiments.config import Config
from experiments.run_folder import RunError, RunFolder

TITLES = {"qif": "QIF", "lif": "LIF", "euler_qif": "Euler QIF"}
"""How each neuron model is called in tables and figures."""


@dataclass(frozen=True)
class Spread:
    """A number over seeds.

    Attributes:
      mean: mean over the seeds.
      deviation: sample standard deviation; None for a single seed.
      values: the number of each seed.
    """

    mean: float
    deviation: float | None
    values: tuple[float, ...]

    def format(self, digits: str, scale: float = 1.0) -> str:
        """Mean and deviation in a format such as ``".2f"``."""
        text = f"{self.mean * scale:{digits}}"
        if self.deviation is None:
            return text
        return f"{text} ± {self.deviation * scale:{digits}}"


def later(
    first: Sequence[float | None], second: Sequence[float | None]
) -> tuple[int, int]:
    """How often something comes later than something else, in pairs.

    Args:
      first: where one comes; None is further away than has been looked.
      second: where the other one comes.

    Returns:
      ``(number, pairs)``: in how many pairs ``first`` is later, of those pairs in which
      one at least is known.
    """
    pairs = [
        tuple(math.inf if place is None else place for place in pair)
        for pair in zip(first, second, strict=True)
        if pair != (None, None)
    ]
    return sum(one > other for one, other in pairs), len(pairs)


@dataclass(frozen=True)
class Summary:
    """One neuron model over seeds.

    Attributes:
      accuracy: share of the evaluation set classified correctly after the last epoch.
      loss: mean cross-entropy on the evaluation set.
      mean_firing_rate: spikes per neuron and step over all layers.
      firing_rate: the same per layer.
      energy_mj: energy of one image in mJ per layer (eq. 17).
      total_energy_mj: their sum.
      train_seconds: time of training, without compilation and evaluation.
      curve: accuracy on the evaluation set after each epoch.
    """

    accuracy: Spread
    loss: Spread
    mean_firing_rate: Spread
    firing_rate: dict[str, Spread]
    energy_mj: dict[str, Spread]
    total_energy_mj: Spread
    train_seconds: Spread
    curve: tuple[Spread, ...]

    @classmethod
    def of(cls, folders: Sequence[RunFolder]) -> "Summary":
        """The summary of finished runs that differ in their seeds alone."""
        results = [folder.result() for folder in folders]
        split = results[0]["config"]["evaluate_on"]

        def per_layer(name):
            layers = results[0][name]
            return {
                layer: spread([r[name][layer] for r in results]) for layer in layers
            }

        epochs = zip(*(folder.metrics() for folder in folders), strict=True)
        return cls(
            accuracy=spread([r[split]["accuracy"] for r in results]),
            loss=spread([r[split]["loss"] for r in results]),
            mean_firing_rate=spread([r["mean_firing_rate"] for r in results]),
            firing_rate=per_layer("firing_rate"),
            energy_mj=per_layer("energy_mj"),
            total_energy_mj=spread([r["total_energy_mj"] for r in results]),
            train_seconds=spread([r["train_seconds"] for r in results]),
            curve=tuple(
                spread([entry["accuracy"] for entry in same]) for same in epochs
            ),
        )


@dataclass(frozen=True)
class Comparison:
    """Neuron models side by side.

    Attributes:
      command: what produced it.
      name: name of the experiment.
      evaluated_on: which split the accuracies are of.
      examples: how many examples that split has.
      seeds: the seeds.
      description: data set, network and training, in words.
      provenance: commit, versions and device.
      summaries: by neuron model.
    """

    command: str
    name: str
    evaluated_on: str
    examples: int
    seeds: tuple[int, ...]
    description: str
    provenance: dict[str, Any]
    summaries: dict[str, Summary]

    def labelled(self) -> dict[str, Summary]:
        """The summaries by the titles of their neuron models."""
        return {TITLES[neuron]: summary for neuron, summary in self.summaries.items()}

    def to_markdown(self) -> str:
        """The comparison as a page of Markdown, without its figure."""
        lines = [
            f"# {self.name}: {' against '.join(self.labelled())}",
            "",
            self.description,
            "",
            f"Made by `{self.command}` on {markdown.origin(self.provenance)}.",
            "",
            *self.table(),
            "",
            "Firing rate per layer (spikes per neuron and time step):",
            "",
            *rate_table(self.labelled()),
            "",
            f"Mean ± sample standard deviation over {len(self.seeds)} seed(s); "
            f"accuracy on the {self.examples:,} {self.evaluated_on} examples after the "
            "last epoch, with no choice of epoch. Energy of an example by eq. 17 of "
            "the paper (45 nm, float32): MAC where a layer sees an image, AC at the "
            "rate of its input elsewhere.",
            "",
        ]
        return "\n".join(lines)

    def table(self) -> list[str]:
        """The main table, as lines of Markdown."""
        rows = [
            [
                TITLES[neuron],
                summary.accuracy.format(".2f", 100),
                summary.mean_firing_rate.format(".2f", 100),
                summary.total_energy_mj.format(".4f", 1000),
                summary.train_seconds.format(".0f"),
            ]
            for neuron, summary in self.summaries.items()
        ]
        head = ["neuron", "accuracy, %", "firing rate, %", "energy, µJ", "training, s"]
        (base, of), *others = self.summaries.items()
        for neuron, other in others:
            accuracy = (other.accuracy.mean - of.accuracy.mean) * 100
            rows.append(
                [
                    f"{TITLES[neuron]} / {TITLES[base]}",
                    f"{accuracy:+.2f} points",
                    ratio(other.mean_firing_rate, of.mean_firing_rate),
                    ratio(other.total_energy_mj, of.total_energy_mj),
                    ratio(other.train_seconds, of.train_seconds),
                ]
            )
        return markdown.table(head, rows)


def rate_table(summaries: Mapping[str, Summary]) -> list[str]:
    """Firing rates per layer, as lines of Markdown.

    Args:
      summaries: the columns, by their titles.
    """
    layers = list(next(iter(summaries.values())).firing_rate)
    rows = [
        [layer, *(s.firing_rate[layer].format(".4f") for s in summaries.values())]
        for layer in layers
    ]
    return markdown.table(["layer", *summaries], rows)


def summarise(command: str, folders: Mapping[str, Sequence[RunFolder]]) -> Comparison:
    """Summarises finished runs.

    Args:
      command: what produced them.
      folders: the runs of each neuron model, one a seed.

    Returns:
      The comparison.

    Raises:
      RunError: if the runs differ in more than neuron and seed.
    """
    results = {n: [folder.result() for folder in runs] for n, runs in folders.items()}
    everything = [result for group in results.values() for result in group]
    first = everything[0]
    for result in everything:
        if _comparable(result["config"]) != _comparable(first["config"]):
            raise RunError("runs that are compared may differ in neuron and seed only")
    config = first["config"]
    split = config["evaluate_on"]
    decay = config["weight_decay"]
    rate = f"{config['learning_rate']:g}"
    if config.get("lif_learning_rate"):
        rate += f" (LIF {config['lif_learning_rate']:g})"
    description = (
        f"{config['model']} on {config['dataset']}, T = {first['timesteps']}, "
        f"{config['epochs']} epochs, {config['optimizer']} at {rate} with cosine "
        f"decay, weight decay {decay:g}, batch {config['batch_size']}, "
        f"{first['parameter_count']:,} parameters."
    )
    return Comparison(
        command=command,
        name=config["name"],
        evaluated_on=split,
        examples=first[split]["examples"],
        seeds=tuple(result["seed"] for result in next(iter(results.values()))),
        description=description,
        provenance={k: first[k] for k in ("git_commit", "versions", "device")},
        summaries={neuron: Summary.of(runs) for neuron, runs in folders.items()},
    )


def spread(values: Sequence[float]) -> Spread:
    """Mean and sample standard deviation of a number over seeds."""
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Spread(statistics.fmean(values), deviation, tuple(values))


def ratio(numerator: Spread, denominator: Spread) -> str:
    """The ratio of two means, for tables."""
    if denominator.mean == 0:
        return "undefined"
    return f"{numerator.mean / denominator.mean:.2f}x"


def _comparable(config: dict) -> dict:
    settings = Config.from_json(config).to_json()
    return {k: v for k, v in settings.items() if k not in ("neuron", "seed")}
