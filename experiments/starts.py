"""How long networks take to start: python -m experiments.starts [options]."""

import concurrent.futures
import functools
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import jax
import jax.numpy as jnp

from experiments import cli, provenance
from experiments.config import ConfigError
from experiments.memorisation import NEURONS, SUBJECTS, NetworkName, create
from experiments.run_folder import write_json
from qifjax import nn
from qifjax.optimizers import Optimizer
from qifjax.training import Examples, HParams, Task, init_state, take, train_steps

BATCH = 16


@dataclass(frozen=True)
class Starts:
    """Time the first and the second start of networks, each in a new process.

    A start traces, lowers and compiles the program of a training step with Adam, as
    experiments.train runs it, at the input shape, T and number of classes of the paper.
    The first start finds an empty compilation cache, the second what the first has
    left; to import JAX is not part of them.

    Attributes:
      networks: which networks.
      width_multiplier: factor on all channel counts.
      rounds: how often each pair of starts is made; medians are reported.
      out: JSON file to write.
    """

    networks: tuple[NetworkName, ...] = get_args(NetworkName)
    width_multiplier: float = 1.0
    rounds: int = 1
    out: Path = Path("docs/results/starts.json")


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.starts"
        options = cli.parse(Starts, argv, program)
        if options.rounds < 1:
            raise ConfigError(f"--rounds must be at least 1, got {options.rounds}")
        for network in options.networks:
            create(network, width_multiplier=options.width_multiplier)
        result = {
            "command": cli.command(program, argv),
            **provenance.describe(),
            "batch_size": BATCH,
            "rounds": options.rounds,
            "starts": measure(options),
        }
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_json(options.out, result)
        print(options.out)


def measure(options: Starts) -> list[dict[str, Any]]:
    """The starts of every network with every neuron model.

    Args:
      options: what is started.

    Returns:
      A row for each, with the medians of the seconds that each part of the ``first``
      and ``second`` start took, ``{"trace": ..., "lower": ..., "compile": ...}``.
    """
    rows = []
    for network in options.networks:
        for neuron in NEURONS:
            found = [
                _pair(network, neuron, options.width_multiplier)
                for _ in range(options.rounds)
            ]
            first, second = (
                {name: statistics.median(s[name] for s in starts) for name in starts[0]}
                for starts in zip(*found, strict=True)
            )
            row = {"network": network, "neuron": neuron}
            rows.append({**row, "first": first, "second": second})
            print(
                f"{network} {neuron}: first start {sum(first.values()):.1f} s, "
                f"second {sum(second.values()):.1f} s",
                file=sys.stderr,
            )
    return rows


def _pair(network, neuron, width_multiplier):
    with tempfile.TemporaryDirectory() as cache:
        return [
            _in_new_process(start, network, neuron, width_multiplier, cache)
            for _ in range(2)
        ]


def _in_new_process(work, *arguments):
    """What a function of a module returns in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        return pool.submit(work, *arguments).result()


def start(
    network: NetworkName, neuron: str, width_multiplier: float, cache: str
) -> dict[str, float]:
    """Compiles a training step in this process, with a persistent cache.

    Args:
      network: name of the network.
      neuron: name of the neuron model.
      width_multiplier: factor on all channel counts.
      cache: folder of the cache.

    Returns:
      Seconds to ``trace``, ``lower`` and ``compile`` (or load) the program.
    """
    jax.config.update("jax_compilation_cache_dir", cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    cli.start_quickly()
    task, arguments = training_step(network, neuron, width_multiplier)
    program = jax.jit(functools.partial(train_steps, task), donate_argnums=0)
    begin = time.perf_counter()
    traced = program.trace(*arguments)
    after_trace = time.perf_counter()
    lowered = traced.lower()
    after_lowering = time.perf_counter()
    lowered.compile(nn.compiler_options())
    return {
        "trace": after_trace - begin,
        "lower": after_lowering - after_trace,
        "compile": time.perf_counter() - after_lowering,
    }


def training_step(
    network: NetworkName, neuron: str, width_multiplier: float
) -> tuple[Task, tuple[Any, ...]]:
    """The task of a network, and the shapes of what :func:`train_steps` takes.

    Args:
      network: name of the network.
      neuron: name of the neuron model.
      width_multiplier: factor on all channel counts.

    Returns:
      ``(task, arguments)``, the arguments without any value.
    """
    subject = SUBJECTS[network]
    task = Task(
        network=nn.pure(create(network, width_multiplier=width_multiplier)),
        optimizer=Optimizer("adam", total_steps=1),
        preprocess=lambda inputs: inputs.astype(jnp.float32),
        batch_size=BATCH,
    )
    time_axis = (subject.timesteps,) if subject.events else ()

    def arguments(key):
        examples = Examples(
            jnp.zeros((BATCH, *time_axis, *subject.shape), jnp.uint8),
            jnp.zeros(BATCH, jnp.int32),
        )
        hparams = jax.tree.map(jnp.float32, HParams(NEURONS[neuron], 1e-3, 0.0))
        one = take(examples, jnp.arange(1)).inputs
        state = init_state(task, hparams, key, one)
        return state, examples, jnp.arange(BATCH), hparams, jnp.int32(1)

    return task, jax.eval_shape(arguments, jax.random.key(0))


if __name__ == "__main__":
    main()
