"""Checks that a network can learn: python -m experiments.memorise NETWORK [options]."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from experiments import cli, provenance
from experiments.config import ConfigError
from experiments.memorisation import (
    NEURONS,
    SUBJECTS,
    NetworkName,
    create,
    memorise,
)
from experiments.run_folder import write_json
from qifjax import nn

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Memorise:
    """Train a network on one batch of noise with random labels until it is all right.

    Right means in training mode and with the running statistics. Exit code 1 says that
    it was not, within the steps.

    Attributes:
      network: the network, at the input shape, T and number of classes of the paper.
      neuron: neuron model, with the paper's parameters.
      steps: largest number of steps.
      examples: size of the batch.
      learning_rate: learning rate of Adam at the first step; it falls to zero as a
        cosine.
      settle: how many of the steps come after that, so that only the running statistics
        of the norms still move.
      window: surrogate window, see experiments.train.
      width_multiplier: factor on all channel counts.
      model_options: further options of the network, such as `stream_eta one`.
      out: JSON file of the result; by default runs/memorise/NETWORK-NEURON.json.
    """

    network: Annotated[NetworkName, tyro.conf.Positional] = tyro.MISSING
    neuron: Literal["qif", "lif"] = "qif"
    steps: int = 100
    examples: int = 16
    learning_rate: float = 1e-3
    settle: int = 0
    window: nn.WindowName = "analytic"
    width_multiplier: float = 1.0
    model_options: dict[str, bool | int | float | str] = field(default_factory=dict)
    out: Path | None = field(default=None, metadata={"ending": ".json"})


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.memorise"
        options = cli.parse(Memorise, argv, program)
        command = cli.command(program, argv)
        result = run(options, command)
        name = f"{options.network}-{options.neuron}.json"
        path = options.out or Path("runs/memorise") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, result)
        print(f"{summary(result)}\n{path}")
        if result["steps"] is None:
            raise SystemExit(1)


def run(options: Memorise, command: str) -> dict[str, Any]:
    """Trains the network and describes where."""
    for name, least in (("steps", 1), ("examples", 2)):
        if getattr(options, name) < least:
            given = getattr(options, name)
            raise ConfigError(f"--{name} must be at least {least}, got {given}")
    if not 0 <= options.settle < options.steps:
        raise ConfigError(
            f"--settle must be at least 0 and below --steps {options.steps}, "
            f"got {options.settle}"
        )
    if not options.learning_rate > 0:
        raise ConfigError(f"--learning-rate must be > 0, got {options.learning_rate}")
    subject = SUBJECTS[options.network]
    network_options = {
        "width_multiplier": options.width_multiplier,
        **options.model_options,
    }
    model = create(options.network, **network_options)
    result = memorise(
        model,
        subject,
        NEURONS[options.neuron],
        steps=options.steps,
        examples=options.examples,
        learning_rate=options.learning_rate,
        settle=options.settle,
        window=options.window,
    )
    return {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "network": options.network,
        "options": network_options,
        "neuron": options.neuron,
        **provenance.describe(),
        "peak_memory_bytes": provenance.peak_memory_bytes(),
        **result,
    }


def summary(result: dict[str, Any]) -> str:
    """The result in one line."""
    initial = [p["initial"] for p in result["populations"].values()]
    steps, fitted = result["steps"], result["steps_training_mode"]
    outcome = f"memorised in {steps} steps" if steps else "NOT memorised"
    if fitted:
        outcome += f" (in training mode in {fitted})"
    return (
        f"{result['network']} {result['neuron']}: {outcome}, "
        f"{result['train_seconds']:.1f} s; at the start at most "
        f"{max(p['silent'] for p in initial):.0%} silent, at least "
        f"{min(p['inside'] for p in initial):.0%} inside the window"
    )


if __name__ == "__main__":
    main()
