"""Loss landscapes of trained networks: python -m experiments.landscape RUN [RUN]."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import numpy as np
import tyro

from experiments import cli, markdown, provenance, trained
from experiments.comparison import later
from experiments.config import ConfigError
from experiments.figures import landscapes
from experiments.partial import Partial
from experiments.run_folder import RunError, write_report
from qifjax import curvature
from qifjax import landscape as library
from qifjax.data.dataset import Dataset
from qifjax.evaluation import evaluate
from qifjax.landscape import Loss, Strategy
from qifjax.training import Examples

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Landscape:
    """Look at the loss around trained networks, along filter-normalised directions.

    For one run, or two of the same network: a grid of losses over two random
    directions, as contour and surface; and numbers that say how flat it is: how far one
    can go in random directions until the loss has risen, top eigenvalue and trace of
    the Hessian of the surrogate gradient. What a killed command has evaluated is kept
    beside the output, and the same command goes on from there.

    Attributes:
      runs: folders of at most two finished runs.
      points: points along each direction.
      reach: how far to go in each direction, in lengths of the filters.
      examples: examples of which the loss is the mean, at equal distances in the set.
      split: the loss on "train" examples, not augmented, or those of the "evaluation".
      rays: random directions along which the rise of the loss is looked for.
      rise: by how much the loss has to rise, in nats.
      curvature_steps: products with the Hessian for its top eigenvalue, and for its
        trace; 0 leaves both out.
      strategy: how points are evaluated; "auto" takes the fastest of a quick
        measurement.
      chunk: points that a device gets at a time.
      seed: seed of all directions.
      data_dir: where data sets are.
      out: JSON file to write; page and figure go beside it.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    points: int = 25
    reach: float = 1.0
    examples: int = 2000
    split: Literal["train", "evaluation"] = "train"
    rays: int = 10
    rise: float = 0.1
    curvature_steps: int = 20
    strategy: Literal["auto", "loop", "map", "vmap"] = "auto"
    chunk: int = 8
    seed: int = 0
    data_dir: Path = Path(".data")
    out: Path = Path("runs/landscape.json")


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.landscape"
        options = cli.parse(Landscape, argv, program)
        _check(options, program)
        networks = [trained.load(run, options.data_dir) for run in options.runs]
        trained.require_alike(networks)
        partial = _partial(options)
        report = {
            "schema_version": SCHEMA_VERSION,
            "command": cli.command(program, argv),
            **provenance.describe(),
            "coordinates": _line(options).tolist(),
            "rise": options.rise,
            "rays": options.rays,
            "examples": min(len(_part(network, options)) for network in networks),
            "split": options.split,
            "runs": [survey(network, options, partial) for network in networks],
        }
        landscapes.draw(report, options.out.with_suffix(".png"))
        text = page(report, options.out.with_suffix(".png").name)
        write_report(options.out, report, text)
        partial.remove()
        print(f"{text}\n{options.out.with_suffix('.md')}")


def _check(options: Landscape, program: str) -> None:
    if not 1 <= len(options.runs) <= 2:
        given = len(options.runs)
        raise RunError(
            f"{program} needs the folders of one or two finished runs, got {given}"
        )
    least = {"points": 2, "examples": 1, "rays": 2, "chunk": 1, "curvature_steps": 0}
    for name, value in least.items():
        if getattr(options, name) < value:
            flag, given = "--" + name.replace("_", "-"), getattr(options, name)
            raise ConfigError(f"{flag} must be at least {value}, got {given}")
    if options.curvature_steps == 1:
        raise ConfigError("--curvature-steps must be 0 or at least 2, got 1")
    for name in ("reach", "rise"):
        if not getattr(options, name) > 0:
            raise ConfigError(f"--{name} must be > 0, got {getattr(options, name)}")


def _partial(options: Landscape) -> Partial:
    """What has been evaluated; options and runs decide what that is."""
    results = [(run / "result.json").read_bytes() for run in options.runs]
    return Partial(options.out, json.dumps(asdict(options), default=str), *results)


def _part(network: trained.Trained, options: Landscape) -> Dataset:
    """The examples that the loss is of."""
    experiment = network.experiment
    parts = {"train": experiment.training, "evaluation": experiment.evaluation}
    return parts[options.split].spread(options.examples)


def survey(
    network: trained.Trained, options: Landscape, partial: Partial
) -> dict[str, Any]:
    """The landscape of one network.

    Args:
      network: the network.
      options: what to look at.
      partial: what has been evaluated before.

    Returns:
      Plain values: losses on the grid, radii, curvature, and the seconds a point of
      every strategy.
    """
    experiment = network.experiment
    examples = Examples.of(_part(network, options))

    def loss_of(data, params):
        return evaluate(experiment.task, params, *data).loss

    data = (network.model_state, examples, experiment.hparams.neuron)
    loss = jax.tree_util.Partial(loss_of, data)
    keys = jax.random.split(jax.random.key(options.seed), 2 + options.rays)
    directions = [library.filter_normalised(key, network.params) for key in keys[:2]]
    strategy, seconds = _strategy(loss, network.params, directions, options)

    def losses_along(part: str, directions: list, points: np.ndarray) -> np.ndarray:
        name = f"{network.folder.path} {part}"
        known = len(partial.done(name))
        for found in library.evaluate_points(
            loss,
            network.params,
            directions,
            points[known:],
            strategy,
            options.chunk,
            jax.local_devices(),
        ):
            partial.add(name, found)
        return np.asarray(partial.done(name))

    line = _line(options)
    grid = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    losses = losses_along("grid", directions, grid).reshape(len(line), len(line))
    distances = np.linspace(0, 2 * options.reach, 2 * options.points + 1)[:, None]
    radii = []
    for number, key in enumerate(keys[2:]):
        ray = [library.filter_normalised(key, network.params)]
        along = losses_along(f"ray {number}", ray, distances)
        radii.append(curvature.radius(distances[:, 0], along, options.rise))
    return {
        "run": network.name,
        "neuron": network.config.neuron,
        "loss": float(jax.jit(loss)(network.params)),
        "losses": losses.tolist(),
        "radii": radii,
        "curvature": _curvature(loss, network.params, options),
        "strategy": strategy,
        "seconds_a_point": seconds,
    }


def _line(options: Landscape) -> np.ndarray:
    return np.linspace(-options.reach, options.reach, options.points)


def _strategy(
    loss: Loss, params: Any, directions: list, options: Landscape
) -> tuple[Strategy, dict[str, float]]:
    """The strategy that was asked for, or the fastest one with what was measured."""
    if options.strategy != "auto":
        return options.strategy, {}
    points = jax.numpy.asarray(np.full((min(4, options.chunk), 2), 0.5, np.float32))
    return library.fastest(loss, params, directions, points)


def _curvature(loss: Loss, params: Any, options: Landscape) -> dict[str, float] | None:
    if not options.curvature_steps:
        return None
    operator, size = curvature.hessian(loss, params)
    keys, steps = (
        jax.random.split(jax.random.key(options.seed), 3),
        options.curvature_steps,
    )
    asymmetry = curvature.asymmetry(operator, size, keys[0], 4)
    values = curvature.lanczos(operator, size, keys[1], steps)
    trace, error = curvature.trace(operator, size, keys[2], steps)
    return {
        "asymmetry": asymmetry,
        "top_eigenvalue": float(values[0]),
        "bottom_eigenvalue": float(values[-1]),
        "trace": trace,
        "trace_error": error,
    }


def page(report: dict[str, Any], figure: str) -> str:
    """The report as Markdown."""
    runs = report["runs"]
    rows: list[list[str]] = [
        ["loss, nats", *(f"{run['loss']:.4f}" for run in runs)],
        [
            f"distance to a rise of {report['rise']:g} nats",
            *(_radii(run["radii"]) for run in runs),
        ],
    ]
    if runs[0]["curvature"]:
        for name, title in (
            ("top_eigenvalue", "top eigenvalue"),
            ("bottom_eigenvalue", "lowest eigenvalue"),
            ("asymmetry", "asymmetry"),
        ):
            rows.append([title, *(f"{run['curvature'][name]:.4g}" for run in runs)])
        rows.append(
            [
                "trace",
                *(
                    f"{run['curvature']['trace']:.4g} ± "
                    f"{run['curvature']['trace_error']:.2g}"
                    for run in runs
                ),
            ]
        )
    lines = [
        "# Loss landscapes",
        "",
        f"Mean cross-entropy of {report['examples']} {report['split']} examples around "
        "the trained parameters, in evaluation mode, along random directions whose "
        "filters are as long as the network's (Li et al. 2018); biases and norms stay.",
        "",
        f"![Contours and surfaces]({figure})",
        "",
        *markdown.table(["", *(run["run"] for run in runs)], rows),
        "",
        "The distance, in lengths of the filters, is to where the loss has risen along "
        f"a random direction: mean ± deviation over {report['rays']}. Eigenvalues and "
        "trace are of the derivative of the surrogate gradient, which is not the "
        "Hessian of the loss; *asymmetry* is the size of its antisymmetric part over "
        "that of the symmetric one.",
        "",
        *_verdict(report),
        *_speed(runs),
        markdown.made_by(report),
    ]
    return "\n".join([*lines, ""])


def _radii(radii: Sequence[float | None]) -> str:
    known = [radius for radius in radii if radius is not None]
    if len(known) < 2:
        return f"further away in {len(radii) - len(known)} of {len(radii)}"
    text = f"{statistics.fmean(known):.3f} ± {statistics.stdev(known):.3f}"
    missing = len(radii) - len(known)
    return f"{text} (further away in {missing})" if missing else text


def _verdict(report: dict[str, Any]) -> list[str]:
    """Whether the paper's claim holds for these runs."""
    by_neuron = {run["neuron"]: run["radii"] for run in report["runs"]}
    if not {"qif", "lif"} <= set(by_neuron):
        return []
    flatter, pairs = later(by_neuron["qif"], by_neuron["lif"])
    return [
        "The paper: QIF has the broader and smoother landscape. Here the loss of QIF "
        f"rises later than that of LIF along {flatter} of {pairs} random "
        "directions (the same draws for both).",
        "",
    ]


def _speed(runs: Sequence[dict[str, Any]]) -> list[str]:
    measured = [run for run in runs if run["seconds_a_point"]]
    if not measured:
        return []
    said = "; ".join(
        f"{run['run']}: "
        + ", ".join(f"{k} {1e3 * v:.0f} ms" for k, v in run["seconds_a_point"].items())
        + f", so {run['strategy']}"
        for run in measured
    )
    return [f"Time a point by strategy: {said}.", ""]


if __name__ == "__main__":
    main()
