"""Do bfloat16 layers decide as float32 ones?: python -m benchmarks.precision RUN ...

Takes trained networks as they are, computes convolutions and dense layers once in
float32 and once in bfloat16 (membranes, statistics and weights are float32 in both),
and compares the classes that they predict for every example of the split that the run
is scored on. Float32 layers, of which only the kernels are rounded to bfloat16, tell
how much of the difference that makes; and the half of the examples of which the network
is surer in float32, by the distance between its two largest outputs, whether it is the
close decisions that change. Kernels disturbed at random tell how small an error changes
decisions: sums in another order, as on another machine, differ by about 1e-7.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from experiments import cli, markdown, provenance, trained
from experiments.run_folder import RunError, write_report
from qifjax.evaluation import outputs

DISTURBANCES = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3)
"""Standard deviations of random errors of the kernels, relative to each weight."""


@dataclass(frozen=True)
class Precision:
    """Compare the predictions of trained networks in float32 and bfloat16.

    Attributes:
      runs: folders of finished runs.
      data_dir: where data sets are.
      out: JSON file to write; the page goes beside it.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    data_dir: Path = Path(".data")
    out: Path = Path("docs/results/precision.json")


def main(argv: Sequence[str] | None = None) -> None:
    """Compares, and writes the files."""
    with cli.one_line_errors():
        program = "python -m benchmarks.precision"
        options = cli.parse(Precision, argv, program)
        if not options.runs:
            raise RunError(f"{program} needs the folders of one or more finished runs")
        rows = [compare(run, options.data_dir) for run in options.runs]
        result = {
            "command": cli.command(program, argv),
            **provenance.describe(),
            "disturbances": DISTURBANCES,
            "runs": rows,
        }
        write_report(options.out, result, page(result))
        print(options.out.with_suffix(".md"))


def compare(run: Path, data_dir: Path) -> dict[str, Any]:
    """The predictions of one network in both precisions, counted."""
    in_float32 = trained.load(run, data_dir, precision="float32")
    in_bfloat16 = trained.load(run, data_dir, precision="bfloat16")
    of_rounded = replace(in_float32, params=_rounded(in_float32.params))
    logits = _logits(in_float32)
    wide = np.argmax(logits, -1)
    narrow, rounded = map(_predictions, (in_bfloat16, of_rounded))
    disturbed = [
        _predictions(replace(in_float32, params=_disturbed(in_float32.params, size)))
        for size in DISTURBANCES
    ]
    surer = _surer_half(logits)
    network = trained.load(run, data_dir)
    labels = network.experiment.evaluation.labels
    return {
        "run": network.name,
        "model": network.config.model,
        "model_options": network.config.model_options,
        "timesteps": network.config.timesteps,
        "trained_in": network.config.precision,
        "examples": len(labels),
        "same": int(np.sum(wide == narrow)),
        "surer": len(surer),
        "same_of_surer": int(np.sum((wide == narrow)[surer])),
        "same_rounded_kernels": int(np.sum(wide == rounded)),
        "same_disturbed": [int(np.sum(wide == other)) for other in disturbed],
        "correct_float32": int(np.sum(wide == labels)),
        "correct_bfloat16": int(np.sum(narrow == labels)),
    }


def _rounded(params):
    """The parameters, kernels as bfloat16 has them."""
    return _kernels(lambda leaf: leaf.astype(jnp.bfloat16).astype(leaf.dtype), params)


def _disturbed(params, size):
    """The parameters, kernels with relative errors of a standard deviation."""
    rng = np.random.default_rng(0)

    def disturb(leaf):
        factors = 1 + size * rng.standard_normal(leaf.shape)
        return jnp.asarray(np.asarray(leaf) * factors, leaf.dtype)

    return _kernels(disturb, params)


def _kernels(change, params):
    return jax.tree.map(lambda leaf: change(leaf) if leaf.ndim > 1 else leaf, params)


def _predictions(network: trained.Trained) -> np.ndarray:
    return np.argmax(_logits(network), -1)


def _logits(network: trained.Trained) -> np.ndarray:
    """Outputs, averaged over time, of all examples ``[N, classes]``."""
    experiment = network.experiment
    run = jax.jit(functools.partial(outputs, experiment.task))
    neuron = experiment.hparams.neuron
    found = run(network.params, network.model_state, network.examples, neuron)
    return np.mean(found, axis=0)


def _surer_half(logits: np.ndarray) -> np.ndarray:
    """Which examples have their two largest logits farther apart than the others."""
    second, first = np.sort(logits, -1)[:, -2:].T
    return np.argsort(second - first)[: len(logits) // 2]


def page(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    counts = ("same_rounded_kernels", "correct_float32", "correct_bfloat16")
    rows = [
        (
            *(run["run"], _network(run), run["trained_in"]),
            str(run["timesteps"]),
            f"{run['examples']:,}",
            f"{100 * run['same'] / run['examples']:.2f}",
            f"{100 * run['same_of_surer'] / run['surer']:.2f}",
            *(f"{100 * run[name] / run['examples']:.2f}" for name in counts),
        )
        for run in result["runs"]
    ]
    errors = [
        (
            *(run["run"], _network(run)),
            *(f"{100 * same / run['examples']:.2f}" for same in run["same_disturbed"]),
        )
        for run in result["runs"]
    ]
    sizes = [f"{size:.0e}".replace("e-0", "e-") for size in result["disturbances"]]
    head = ("run", "network", "trained in", "T", "examples", "same prediction, %")
    head += (
        "of the surer half, %",
        "with rounded kernels alone, %",
        "accuracy in float32, %",
        "in bfloat16, %",
    )
    return "\n".join(
        [
            "# Predictions in float32 and bfloat16",
            "",
            "The same trained weights with convolutions and dense layers in float32 "
            "and in bfloat16; membranes, statistics and weights are float32 in both.",
            "",
            *markdown.table(head, rows, left=3),
            "",
            "Same predictions, %, in float32, with kernels disturbed at random by so "
            "much of each weight (standard deviation, one draw):",
            "",
            *markdown.table(("run", "network", *sizes), errors, left=2),
            "",
            markdown.made_by(result),
            "",
        ]
    )


def _network(run):
    options = (f"{name} {value}" for name, value in run["model_options"].items())
    return ", ".join([run["model"], *options])


if __name__ == "__main__":
    main()
