"""Time of QIF against LIF (Table 2): python -m experiments.latency."""

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from experiments import build, cli, config, markdown, provenance
from experiments.config import Config, ConfigError
from experiments.partial import Partial
from experiments.run_folder import write_report
from experiments.training_step import TrainingStep
from qifjax import nn

SCHEMA_VERSION = 1
# Inputs and classes of the paper's networks: [H, W, C], or [T, H, W, C] of recordings.
_INPUTS: dict[str, tuple[tuple[int, ...], int]] = {
    "fashion_mnist_lenet5": ((28, 28, 1), 10),
    "cifar10_resnet19": ((32, 32, 3), 10),
    "cifar10_resnet34": ((64, 64, 3), 10),
    "cifar10_dvs_vggsnn": ((10, 48, 48, 2), 10),
    "n_caltech101_vgg11": ((10, 48, 48, 2), 101),
    "dvs128_gesture": ((10, 128, 128, 2), 11),
    "tiny_imagenet_meta_spikeformer": ((64, 64, 3), 200),
}
_WARM_UP = 2

Work = Literal["inference", "training"]


@dataclass(frozen=True)
class Latency:
    """Time every network of the paper with QIF and with LIF.

    Initial networks on random inputs of the paper's shapes: the time depends on shapes
    alone. QIF and LIF take turns. No data set is needed. What a killed command has
    measured is kept beside the output, and the same command goes on from there.

    Attributes:
      configs: names of configurations; by default all networks of the paper.
      work: what is timed, a forward pass or a training step with Adam.
      batches: batch sizes; 0 is the one of the configuration.
      largest_batch: the limit of all batch sizes, for small machines.
      repeats: timed calls of each neuron model.
      out: JSON file to write; the page goes beside it.
    """

    configs: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    work: Work = "inference"
    batches: tuple[int, ...] = (1, 0)
    largest_batch: int = 1024
    repeats: int = 30
    out: Path = Path("runs/latency.json")


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.latency"
        options = cli.parse(Latency, argv, program)
        names = _check(options)
        origin = provenance.describe()
        partial = Partial(
            options.out,
            f"{options.work} {options.largest_batch} {options.repeats} "
            f"{origin['git_commit']}",
        )
        rows = [
            measure(config.load(name), options.work, batch, options.repeats, partial)
            for name in names
            for batch in _batches(options, config.load(name))
        ]
        report = {
            "schema_version": SCHEMA_VERSION,
            "command": cli.command(program, argv),
            **origin,
            "work": options.work,
            "rows": rows,
        }
        text = page(report)
        write_report(options.out, report, text)
        partial.remove()
        print(f"{text}\n{options.out.with_suffix('.md')}")


def _check(options: Latency) -> tuple[str, ...]:
    """The names of the configurations, if all options make sense."""
    for name in options.configs:
        if name not in _INPUTS:
            known = ", ".join(_INPUTS)
            raise ConfigError(f"no latency of config {name!r} (known: {known})")
    for name, least in (("largest_batch", 1), ("repeats", 2)):
        if getattr(options, name) < least:
            flag, given = "--" + name.replace("_", "-"), getattr(options, name)
            raise ConfigError(f"{flag} must be at least {least}, got {given}")
    if min(options.batches, default=-1) < 0:
        raise ConfigError(f"--batches must be at least 0, got {options.batches}")
    return options.configs or tuple(_INPUTS)


def _batches(options: Latency, config: Config) -> list[int]:
    """The batch sizes, each once."""
    sizes = (batch or config.batch_size for batch in options.batches)
    return list(dict.fromkeys(min(size, options.largest_batch) for size in sizes))


def measure(
    config: Config, work: Work, batch: int, repeats: int, partial: Partial
) -> dict[str, Any]:
    """Times one network at one batch size.

    Args:
      config: its configuration.
      work: what it does.
      batch: batch size.
      repeats: timed calls of each neuron model.
      partial: what has been measured before.

    Returns:
      Plain values: quartiles of the seconds of QIF and LIF, and the ratio of their
      medians with a 95 % bootstrap interval.
    """
    shape, _ = _INPUTS[config.name]
    names = {neuron: f"{config.name} {batch} {neuron}" for neuron in ("qif", "lif")}
    if len(partial.done(names["lif"])) < repeats:
        make = {"inference": _inference, "training": _training}[work]
        calls = {neuron: make(config, neuron, batch) for neuron in names}
        turns = [
            {neuron: seconds(call) for neuron, call in calls.items()}
            for _ in range(_WARM_UP + repeats)
        ][_WARM_UP:]
        for neuron, name in names.items():
            partial.add(name, [turn[neuron] for turn in turns])
    qif, lif = (np.asarray(partial.done(name)) for name in names.values())
    low, high = ratio_interval(qif, lif)
    return {
        "config": config.name,
        "model": config.model,
        "timesteps": shape[0] if len(shape) == 4 else config.timesteps,
        "batch": batch,
        "qif_seconds": np.quantile(qif, (0.25, 0.5, 0.75)).tolist(),
        "lif_seconds": np.quantile(lif, (0.25, 0.5, 0.75)).tolist(),
        "ratio": float(np.median(qif) / np.median(lif)),
        "ratio_low": low,
        "ratio_high": high,
    }


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes, until what it returns has been computed."""
    start = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - start


def _inference(config: Config, neuron: str, batch: int) -> Callable[[], object]:
    """A compiled call of an initial network on one batch."""
    model, params, shape = _network(config, neuron)
    rng = np.random.default_rng(0)
    if len(shape) == 4:
        frames = rng.poisson(0.05, (shape[0], batch, *shape[1:]))
        x = jnp.asarray(frames, jnp.float32)
    else:
        x = jnp.asarray(rng.normal(size=(batch, *shape)), jnp.float32)
    few = x[:, :1] if len(shape) == 4 else x[:1]
    variables = jax.jit(model.init)(jax.random.key(0), few, params)
    run = jax.jit(
        lambda variables, x: model.apply(variables, x, params),
        compiler_options=nn.compiler_options(config.remat),
    )
    return lambda: run(variables, x)


def _training(config: Config, neuron: str, batch: int) -> Callable[[], object]:
    """A compiled training step of an initial network on one batch."""
    model, params, shape = _network(config, neuron)
    return TrainingStep(model, params, batch, shape).take


def _network(config, neuron):
    shape, classes = _INPUTS[config.name]
    changed = dataclasses.replace(config, neuron=neuron)
    return build.network(changed, classes), changed.neuron_params, shape


def ratio_interval(
    above: np.ndarray, below: np.ndarray, draws: int = 2000
) -> tuple[float, float]:
    """95 % bootstrap interval of the ratio of medians; turns are drawn together.

    Args:
      above: numbers of the numerator, one a turn, ``[N]``.
      below: numbers of the denominator in the same turns, ``[N]``.
      draws: number of bootstrap samples.

    Returns:
      Both ends.
    """
    chosen = np.random.default_rng(0).integers(len(above), size=(draws, len(above)))
    ratios = np.median(above[chosen], 1) / np.median(below[chosen], 1)
    low, high = np.quantile(ratios, (0.025, 0.975))
    return float(low), float(high)


def page(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    rows = [
        [
            row["model"],
            str(row["timesteps"]),
            str(row["batch"]),
            _milliseconds(row["qif_seconds"]),
            _milliseconds(row["lif_seconds"]),
            f"{row['ratio']:.3f}",
            f"{row['ratio_low']:.3f} to {row['ratio_high']:.3f}",
        ]
        for row in report["rows"]
    ]
    head = ["network", "T", "batch", "QIF, ms", "LIF, ms", "QIF / LIF", "95 % interval"]
    ratios = [row["ratio"] for row in report["rows"]]
    work = report["work"]
    above = sum(row["ratio_low"] > 1.04 for row in report["rows"])
    lines = [
        f"# Time of QIF against LIF in {work}",
        "",
        "Median and quartiles; QIF and LIF in turns, the network compiled, float32.",
        "",
        *markdown.table(head, rows),
        "",
        "The paper (Table 2): QIF takes 1.04 to 1.39 times as long in inference. Here "
        f"{min(ratios):.2f} to {max(ratios):.2f} times, median "
        f"{statistics.median(ratios):.2f}; in {above} of {len(ratios)} rows the whole "
        "interval lies above 1.04.",
        "",
        markdown.made_by(report),
    ]
    return "\n".join([*lines, ""])


def _milliseconds(quartiles: Sequence[float]) -> str:
    low, middle, high = (1e3 * value for value in quartiles)
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


if __name__ == "__main__":
    main()
