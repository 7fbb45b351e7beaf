"""Each neuron at its best learning rate: python -m experiments.learning_rates CONFIG.

The protocol, the same for every neuron model and network: each model trains at each
rate of one small set, without the validation part; the rate with the highest mean
validation accuracy after the last epoch is chosen (of equal ones the smallest); then
each model trains on all training examples at the rate of its configuration and at the
chosen one, with several seeds, and is scored on the test set. No choice is made by the
test set.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import tyro

from experiments import cli, markdown
from experiments.comparison import TITLES, Spread, spread
from experiments.config import Config, ConfigError
from experiments.engine import run
from experiments.interruption import Interrupted
from experiments.run_folder import RunFolder, write_report
from qifjax.parallel import Layout, Mode

Neuron: TypeAlias = Literal["qif", "lif", "euler_qif"]
Split: TypeAlias = Literal["validation", "test"]
SCHEMA_VERSION = 1
RATES = {"adam": (1e-3, 2e-3, 5e-3, 1e-2), "sgd": (1e-3, 1e-2, 3e-2, 1e-1)}
"""The rates to choose from; both sets hold the paper's own."""


@dataclass(frozen=True)
class LearningRates:
    """Choose a learning rate for each neuron model on validation, and compare on test.

    CONFIG is the name of a file in experiments/configs; options replace its values.
    Runs that are finished are not repeated, unfinished ones go on from their last
    checkpoint.

    Attributes:
      config: the configuration; neuron, seed, learning rate and split are replaced.
      neurons: neuron models.
      rates: learning rates to choose from; by default a set for each optimizer.
      seeds: number of seeds on the test set, counted from --seed.
      validation_seeds: number of seeds on the validation part.
      workdir: folder of all runs; by default runs/NAME-rates.
      data_dir: where data sets are.
      parallel: see experiments.train.
      devices: see experiments.train.
      out: JSON file to write; the page goes beside it. By default in the workdir.
    """

    config: Annotated[Config, tyro.conf.arg(name="")]
    neurons: tuple[Neuron, ...] = ("qif", "lif")
    rates: tuple[float, ...] = ()
    seeds: int = 3
    validation_seeds: int = 1
    workdir: Path | None = None
    data_dir: Path = Path(".data")
    parallel: Mode = "jit"
    devices: int | None = None
    out: Path | None = field(default=None, metadata={"ending": ".json"})


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.learning_rates"
        options = cli.parse_with_config(LearningRates, argv, program)
        cli.start_quickly()
        _check(options)
        workdir = options.workdir or Path("runs") / f"{options.config.name}-rates"
        command = cli.command(program, argv)
        try:
            report = choose(options, workdir, command)
        except Interrupted as interruption:
            print(f"stopped: {interruption}; go on with: {command}")
            return
        out = options.out or workdir / "learning_rates.json"
        write_report(out, report, page(report))
        print(f"\n{page(report)}\n{out.with_suffix('.md')}")


def _check(options: LearningRates) -> None:
    for name in ("seeds", "validation_seeds"):
        if getattr(options, name) < 1:
            flag = "--" + name.replace("_", "-")
            raise ConfigError(
                f"{flag} must be at least 1, got {getattr(options, name)}"
            )
    if bad := [rate for rate in options.rates if not rate > 0]:
        raise ConfigError(f"--rates must be > 0, got {bad[0]:g}")
    if len(set(options.neurons)) != len(options.neurons) or not options.neurons:
        given = " ".join(options.neurons)
        raise ConfigError(f"--neurons must name each model once, got {given!r}")


def choose(options: LearningRates, workdir: Path, command: str) -> dict[str, Any]:
    """Trains every model at every rate and tells what was chosen and what it scores.

    Args:
      options: what to train.
      workdir: folder of the runs.
      command: what is written into the report.

    Returns:
      Plain values: by neuron model the validation accuracy of each rate, the chosen
      rate, and test scores at the chosen and at the configured rate.
    """
    layout = cli.layout(options.parallel, options.devices)
    rates = sorted(options.rates or RATES[options.config.optimizer])
    first = options.config.seed

    def train(split: Split, neuron: Neuron, rate: float, seeds: int) -> list[dict]:
        configs = (
            dataclasses.replace(
                options.config,
                neuron=neuron,
                learning_rate=rate,
                lif_learning_rate=0.0,
                evaluate_on=split,
                seed=seed,
            )
            for seed in range(first, first + seeds)
        )
        return _results(configs, workdir / split, options.data_dir, layout)

    models = {}
    example: dict[str, Any] = {}
    for neuron in options.neurons:
        validation = {
            rate: spread(
                [
                    result["validation"]["accuracy"]
                    for result in train(
                        "validation", neuron, rate, options.validation_seeds
                    )
                ]
            )
            for rate in rates
        }
        chosen = max(rates, key=lambda rate: validation[rate].mean)
        configured = dataclasses.replace(
            options.config, neuron=neuron
        ).neuron_learning_rate
        test = {}
        for rate in sorted({configured, chosen}):
            results = train("test", neuron, rate, options.seeds)
            example = results[0]
            test[f"{rate:g}"] = dataclasses.asdict(Scores.of(results))
        models[neuron] = {
            "validation": {
                f"{rate:g}": dataclasses.asdict(accuracy)
                for rate, accuracy in validation.items()
            },
            "configured": configured,
            "chosen": chosen,
            "at_edge": len(rates) > 1 and chosen in (rates[0], rates[-1]),
            "test": test,
        }
    return {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        **{name: example[name] for name in ("git_commit", "versions", "device")},
        "name": options.config.name,
        "config": options.config.to_json(),
        "rates": rates,
        "seeds": options.seeds,
        "validation_seeds": options.validation_seeds,
        "neurons": models,
    }


@dataclass(frozen=True)
class Scores:
    """Scores on the test set over seeds.

    Attributes:
      accuracy: share of the examples classified correctly after the last epoch.
      mean_firing_rate: spikes per neuron and step.
      total_energy_mj: energy of an example in mJ (eq. 17).
    """

    accuracy: Spread
    mean_firing_rate: Spread
    total_energy_mj: Spread

    @classmethod
    def of(cls, results: Sequence[dict]) -> "Scores":
        """The scores of runs that differ in their seeds."""
        return cls(
            spread([result["test"]["accuracy"] for result in results]),
            spread([result["mean_firing_rate"] for result in results]),
            spread([result["total_energy_mj"] for result in results]),
        )


def _results(
    configs: Iterable[Config], folder: Path, data_dir: Path, layout: Layout
) -> list[dict]:
    """The results of runs, which are trained where they are not finished."""
    results = []
    for config in configs:
        rate = f"{config.learning_rate:g}"
        run_folder = RunFolder(folder / f"{config.neuron}-lr{rate}-seed{config.seed}")
        run(config, run_folder, data_dir, layout, resume=run_folder.started)
        results.append(run_folder.result())
    return results


def page(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    models = report["neurons"]
    lines = [
        f"# {report['name']}: each neuron at its own learning rate",
        "",
        "Every neuron model has the same rates to choose from. The choice is made by "
        "the accuracy on the validation part, a tenth of the training examples, after "
        f"the last epoch, over {report['validation_seeds']} seed(s); the test set is "
        f"read afterwards, with {report['seeds']} seed(s) trained on all training "
        "examples.",
        "",
        "Validation accuracy in %, the chosen one in bold:",
        "",
        *markdown.table(
            ["neuron", *(f"{rate:g}" for rate in report["rates"])],
            [
                [TITLES[neuron], *_validation_cells(model)]
                for neuron, model in models.items()
            ],
        ),
        "",
        "On the test set:",
        "",
        *markdown.table(
            [
                "neuron",
                "learning rate",
                "accuracy, %",
                "firing rate, %",
                "energy, µJ",
            ],
            [
                row
                for neuron, model in models.items()
                for row in _test_rows(neuron, model)
            ],
            left=2,
        ),
        "",
    ]
    if edge := [TITLES[n] for n, model in models.items() if model["at_edge"]]:
        lines += [
            f"The best rate of {' and '.join(edge)} is at the end of the set, so a "
            "better one may lie beyond it.",
            "",
        ]
    return "\n".join([*lines, markdown.made_by(report), ""])


def _validation_cells(model: dict[str, Any]) -> list[str]:
    cells = []
    for rate, accuracy in model["validation"].items():
        text = Spread(**accuracy).format(".2f", 100)
        cells.append(f"**{text}**" if float(rate) == model["chosen"] else text)
    return cells


def _test_rows(neuron: str, model: dict[str, Any]) -> list[list[str]]:
    rows = []
    for rate, scores in model["test"].items():
        kinds = {model["configured"]: "configured", model["chosen"]: "chosen"}
        if model["configured"] == model["chosen"]:
            kinds = {model["chosen"]: "configured and chosen"}
        rows.append(
            [
                TITLES[neuron],
                f"{rate} ({kinds[float(rate)]})",
                Spread(**scores["accuracy"]).format(".2f", 100),
                Spread(**scores["mean_firing_rate"]).format(".2f", 100),
                Spread(**scores["total_energy_mj"]).format(".4f", 1000),
            ]
        )
    return rows


if __name__ == "__main__":
    main()
