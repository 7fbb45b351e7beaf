"""Do jit, pmap and mesh agree?: python -m benchmarks.parallel_agreement.

One training step of a small LeNet-5 on the same global batch, on one device and divided
over four CPU devices in two ways; loss, gradients and batch statistics are compared. In
float64 rounding cannot move a membrane over the threshold here, so they agree to
rounding. In float32 it may: the spikes of all populations are compared one by one, in
training mode, with the weights of several training steps.

What is called the difference of two arrays is the largest distance of two elements,
divided by the largest magnitude in the array of jit.
"""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np

from experiments import cli, markdown, provenance
from experiments.run_folder import write_report
from qifjax import QIFParams, nn, parallel
from qifjax.data import Batch
from qifjax.optimizers import Optimizer
from qifjax.training import (
    Examples,
    HParams,
    Task,
    TrainState,
    init_state,
    take,
    train_step,
)

_DEVICES = 4
_BATCH, _SIDE, _CLASSES = 32, 16, 4
_LEARNING_RATE = 0.1


@dataclass(frozen=True)
class Agreement:
    """Compare one step under jit, pmap and mesh on four CPU devices.

    Attributes:
      steps: float32 training steps before spikes are compared again.
      out: JSON file to write; a page goes beside it.
    """

    steps: int = 20
    out: Path = Path("docs/results/parallel.json")


class Setting:
    """One layout and dtype, with a state and a batch that are the same in all layouts.

    Attributes:
      state: state before the first step.
    """

    def __init__(self, mode: parallel.Mode, dtype: Any):
        self._layout = parallel.layout(mode, 1 if mode == "jit" else _DEVICES)
        self._model = nn.create(
            "lenet5",
            num_classes=_CLASSES,
            dtype=dtype,
            axis_name=self._layout.axis_name,
        )
        # Momentum without weight decay, so that its trace is the gradient of a step.
        task = Task(
            nn.pure(self._model),
            Optimizer("sgd", total_steps=1000),
            lambda x: x.astype(dtype) / 128 - 1,
            _BATCH,
        )
        self._task = self._layout.divide(task)
        hparams = HParams(QIFParams(), _LEARNING_RATE, 0.0)
        self._hparams = jax.tree.map(lambda value: jnp.asarray(value, dtype), hparams)
        self._examples = _examples()
        self._spread = self._layout.spread(self._examples)
        self.state = self._initial(dtype)

    def step(self, state: TrainState) -> tuple[TrainState, jax.Array]:
        """Trains one step and gives the mean loss."""
        return self._program("step")(state, self._spread, self._hparams)

    def spikes(self, state: TrainState) -> dict[str, np.ndarray]:
        """All spikes of each population, ``[T, B, ...]``, in training mode."""
        # The state may lie on the device of another layout.
        host = jax.device_get((state.params, state.model_state))
        state = self.state._replace(params=host[0], model_state=host[1])
        found = self._program("spikes")(state, self._spread, self._hparams)
        return {name: np.asarray(each) for name, each in found.items()}

    def _initial(self, dtype: Any) -> TrainState:
        two = take(self._examples, jnp.arange(2)).inputs

        def create() -> TrainState:
            state = init_state(self._task, self._hparams, jax.random.key(0), two)
            return jax.tree.map(functools.partial(_fill, dtype=dtype), state)

        return self._layout.create(create)

    @functools.cache  # noqa: B019 - settings live as long as the program
    def _program(self, name: str) -> Any:
        function = {"step": self._train, "spikes": self._fire}[name]
        arguments = (self.state, self._spread, self._hparams)
        return self._layout.compile(function, arguments, fixed=1)

    def _batch(self, examples: Examples) -> Batch:
        return self._task.batch(examples, self._task.share(jnp.arange(_BATCH)))

    def _train(self, state, examples, hparams):
        state, totals = train_step(self._task, state, self._batch(examples), hparams)
        return state, totals.loss / totals.examples

    def _fire(self, state, examples, hparams):
        _, recorded = self._model.apply(
            {"params": state.params, "batch_stats": state.model_state},
            self._task.preprocess(self._batch(examples).inputs),
            hparams.neuron,
            train=True,
            mutable=["batch_stats", "intermediates"],
            capture_intermediates=lambda module, method: (
                isinstance(module, nn.Spiking) and method == "__call__"
            ),
        )
        found = nn.by_layer(recorded["intermediates"], "__call__")
        return {name: self._gather(values[0]) for name, values in found.items()}

    def _gather(self, spikes):
        axis = self._task.axis_name
        if axis is None:
            return spikes
        return jax.lax.all_gather(spikes, axis, axis=1, tiled=True)


def use_devices() -> None:
    """Makes four devices of this CPU; before anything else of JAX is used."""
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", _DEVICES)


def differences(dtype: str) -> dict[str, dict[str, float]]:
    """How far pmap and mesh are from jit after one step, by mode and quantity."""
    with jax.enable_x64(dtype == "float64"):
        return _differences(jnp.dtype(dtype))


def _differences(dtype: Any) -> dict[str, dict[str, float]]:
    found = {}
    for mode in _modes():
        setting = Setting(mode, dtype)
        state, loss = setting.step(setting.state)
        found[mode] = {
            "loss": loss,
            "gradients": _gradients(state),
            "batch_statistics": state.model_state,
        }
    expected = found.pop("jit")
    return {
        mode: {name: _distance(tree, expected[name]) for name, tree in trees.items()}
        for mode, trees in found.items()
    }


def flipped(steps: int) -> dict[str, Any]:
    """Spikes that differ from those of jit in float32, for the same weights.

    Args:
      steps: training steps (of jit) after which they are compared once more.

    Returns:
      Number of spikes that were compared, and of those that differ, by mode.
    """
    settings = {mode: Setting(mode, jnp.float32) for mode in _modes()}
    state = settings["jit"].state
    states = [state]
    for _ in range(steps):
        state, _ = settings["jit"].step(state)
        states.append(state)
    compared = {"at the start": states[0], f"after {steps} steps": states[-1]}
    counts: dict[str, Any] = {}
    for moment, held in compared.items():
        each = {mode: setting.spikes(held) for mode, setting in settings.items()}
        counts[moment] = {"compared": sum(s.size for s in each["jit"].values())}
        for mode in ("pmap", "mesh"):
            counts[moment][mode] = sum(
                int(np.sum(each[mode][name] != each["jit"][name]))
                for name in each["jit"]
            )
    return counts


def page(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    rows = [
        (dtype, mode, *(f"{value:.1e}" for value in values.values()))
        for dtype, modes in result["difference_from_jit"].items()
        for mode, values in modes.items()
    ]
    head = ("dtype", "mode", "loss", "gradients", "batch statistics")
    flips = [
        (moment, f"{counts['compared']:,}", str(counts["pmap"]), str(counts["mesh"]))
        for moment, counts in result["flipped_spikes_float32"].items()
    ]
    return "\n".join(
        [
            "# jit, pmap and mesh on the same batch",
            "",
            f"One training step of LeNet-5 (QIF, T = 2) on {_BATCH} examples, on one "
            f"CPU device (jit) and divided over {_DEVICES} (pmap, mesh).",
            "Differences are the largest distance of two elements over the largest "
            "magnitude of jit's array.",
            "",
            *markdown.table(head, rows, left=2),
            "",
            "Spikes in float32 that differ from jit's, for the same weights:",
            "",
            *markdown.table(("weights", "spikes", "pmap", "mesh"), flips),
            "",
            markdown.made_by(result),
            "",
        ]
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Compares, prints the page and writes the files."""
    with cli.one_line_errors():
        options = cli.parse(Agreement, argv, "python -m benchmarks.parallel_agreement")
        use_devices()
        spikes = flipped(options.steps)
        found = {dtype: differences(dtype) for dtype in ("float32", "float64")}
        result = {
            "command": "python -m benchmarks.parallel_agreement "
            f"--steps {options.steps} --out {options.out}",
            **provenance.describe(),
            "devices": _DEVICES,
            "difference_from_jit": found,
            "flipped_spikes_float32": spikes,
        }
        write_report(options.out, result, page(result))
        print(json.dumps({"difference_from_jit": found, "flipped": spikes}, indent=2))
        print(options.out)


def _modes() -> tuple[parallel.Mode, ...]:
    return get_args(parallel.Mode)


def _examples() -> Examples:
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 256, (_BATCH, _SIDE, _SIDE, 1), np.uint8)
    labels = rng.integers(0, _CLASSES, _BATCH, np.int32)
    return Examples(jnp.asarray(inputs), jnp.asarray(labels))


def _fill(leaf: jax.Array, dtype: Any) -> jax.Array:
    """A leaf in a dtype, all of whose digits matter; else sums might be exact."""
    if not jnp.issubdtype(leaf.dtype, jnp.floating):
        return leaf
    return leaf.astype(dtype) * jnp.asarray(1 + 1 / 3, dtype)


def _gradients(state: TrainState) -> Any:
    """The trace of momentum after the first step, which is its gradient."""
    shapes = [leaf.shape for leaf in jax.tree.leaves(state.params)]
    leaves = [leaf for leaf in jax.tree.leaves(state.opt_state) if leaf.shape in shapes]
    return leaves[: len(shapes)]


def _distance(mine: Any, theirs: Any) -> float:
    """Largest relative difference over the arrays of a tree, which share a dtype."""
    pairs = zip(*map(jax.tree.leaves, (mine, theirs)), strict=True)
    return max(
        float(np.max(np.abs(np.asarray(a) - np.asarray(b))) / np.max(np.abs(b)))
        for a, b in pairs
    )


if __name__ == "__main__":
    main()
