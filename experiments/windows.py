"""Does the window fit the membrane?: python -m experiments.windows RUN [RUN ...]."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments import cli, markdown, provenance, trained
from experiments.run_folder import RunError, write_report
from qifjax import QIFParams, qif_moments
from qifjax.training import Examples

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Windows:
    """Hold the surrogate window of trained networks against their membranes.

    For every layer: mean and variance of the membrane, as Theorem 1 predicts and as
    measured; and what part of it lies inside the window, of all neurons, of those that
    spike and of those that do not. Only there does gradient pass.

    Attributes:
      runs: folders of finished runs.
      examples: how many examples to measure, at equal distances in the evaluation set.
      data_dir: where data sets are.
      out: JSON file to write; the page goes beside it.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    examples: int = 512
    data_dir: Path = Path(".data")
    out: Path = Path("runs/windows.json")


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.windows"
        options = cli.parse(Windows, argv, program)
        if not options.runs:
            raise RunError(f"{program} needs the folders of one or more finished runs")
        if options.examples < 1:
            raise RunError(f"--examples must be at least 1, got {options.examples}")
        networks = (trained.load(run, options.data_dir) for run in options.runs)
        report = {
            "schema_version": SCHEMA_VERSION,
            "command": cli.command(program, argv),
            **provenance.describe(),
            "examples": options.examples,
            "runs": [audit(network, options.examples) for network in networks],
        }
        text = page(report)
        write_report(options.out, report, text)
        print(f"{text}\n{options.out.with_suffix('.md')}")


def audit(network: trained.Trained, examples: int) -> dict[str, Any]:
    """The window and the membrane of every layer of one network.

    Args:
      network: the network.
      examples: how many examples to measure.

    Returns:
      Plain values by layer; ``predicted_mean`` and ``predicted_variance`` are None
      where Theorem 1 says nothing, shares are None where there is nothing to share.
    """
    few = Examples.of(network.experiment.evaluation.spread(examples))
    predicted_mean, predicted_variance = _predicted(network)
    layers = {}
    for name, found in network.populations(few).items():
        measured = {
            field: _number(getattr(found, field))
            for field in (
                "mean",
                "variance",
                "rate",
                "inside",
                "inside_spiking",
                "inside_silent",
                "lower",
                "upper",
            )
        }
        layers[name] = {
            "predicted_mean": predicted_mean,
            "predicted_variance": predicted_variance,
            **measured,
        }
    return {
        "run": network.name,
        "window": network.config.window,
        "accuracy": network.folder.result()[network.config.evaluate_on]["accuracy"],
        "layers": layers,
    }


def _predicted(network: trained.Trained) -> tuple[float | None, float | None]:
    """Mean and variance by Theorem 1, which speaks of QIF with given parameters."""
    params = network.config.neuron_params
    if not isinstance(params, QIFParams) or network.config.model_options.get("learned"):
        return None, None
    mean, variance = qif_moments(params)
    return float(mean), float(variance)


def _number(value: Any) -> float | None:
    number = float(value)
    return None if math.isnan(number) else number


def page(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    lines = [
        "# Windows and membranes",
        "",
        f"Trained networks on {report['examples']} examples, by running statistics. "
        "*Predicted* is Theorem 1 of the paper for the nominal input N(0, u_th²). "
        "*Gets gradient* is the share of the membrane inside the surrogate window: of "
        "all neurons and steps, of those that spike, and of those that do not.",
        "",
    ]
    for run in report["runs"]:
        lines += [
            f"## {run['run']}, window {run['window']}",
            "",
            f"Accuracy {100 * run['accuracy']:.2f} %.",
            "",
            *table(run),
            "",
            *_verdict(run),
        ]
    return "\n".join([*lines, markdown.made_by(report), ""])


def table(run: dict[str, Any]) -> list[str]:
    """The audit of one network, as lines of Markdown."""
    rows = [
        [
            name,
            _cell(layer["predicted_mean"], ".3f"),
            _cell(layer["mean"], ".3f"),
            _cell(layer["predicted_variance"], ".3f"),
            _cell(layer["variance"], ".3f"),
            f"{layer['lower']:.3f} to {layer['upper']:.3f}",
            _cell(layer["rate"], ".2f", 100),
            _cell(layer["inside"], ".1f", 100),
            _cell(layer["inside_spiking"], ".1f", 100),
            _cell(layer["inside_silent"], ".1f", 100),
        ]
        for name, layer in run["layers"].items()
    ]
    head = [
        "layer",
        "mean, predicted",
        "measured",
        "variance, predicted",
        "measured",
        "window",
        "firing rate, %",
        "gets gradient, %",
        "of spiking, %",
        "of silent, %",
    ]
    return markdown.table(head, rows)


def _verdict(run: dict[str, Any]) -> list[str]:
    """How far the membranes are from Theorem 1, and who is left without gradient."""
    layers = run["layers"].values()
    shares = [layer["inside_spiking"] for layer in layers]
    spiking = [share for share in shares if share is not None]
    if not spiking:
        return []
    text = (
        f"Of the neurons that spike, {100 * min(spiking):.0f} to "
        f"{100 * max(spiking):.0f} % get gradient."
    )
    times = [
        layer["variance"] / layer["predicted_variance"]
        for layer in layers
        if layer["predicted_variance"]
    ]
    if times:
        text += (
            " The paper: the window follows the distribution of the membrane. Here the "
            f"variance is {min(times):.1f} to {max(times):.1f} times the predicted one."
        )
    return [text, ""]


def _cell(value: float | None, digits: str, scale: float = 1.0) -> str:
    return "" if value is None else f"{scale * value:{digits}}"


if __name__ == "__main__":
    main()
