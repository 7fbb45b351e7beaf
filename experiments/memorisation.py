"""Whether a network can learn at all: 16 examples with random labels, by heart."""

import functools
import time
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.config import ConfigError
from qifjax import LIFParams, NeuronParams, QIFParams, nn

NetworkName = Literal[
    "lenet5",
    "resnet19",
    "resnet34",
    "vggsnn",
    "vgg11",
    "dvs_gesture_net",
    "meta_spikeformer",
]
NEURONS: dict[str, NeuronParams] = {"qif": QIFParams(), "lif": LIFParams()}
"""Neuron models with the parameters of the paper."""

SEED = 0
_SQUARES = 4
_EVENT_RATE = 0.3


@dataclass(frozen=True)
class Subject:
    """The input of a network in the paper.

    Attributes:
      shape: ``(H, W, C)`` of an image or a frame.
      num_classes: number of classes of its data set.
      timesteps: number of time steps T.
      events: event frames, not static images.
    """

    shape: tuple[int, int, int]
    num_classes: int
    timesteps: int
    events: bool = False


SUBJECTS: dict[NetworkName, Subject] = {
    "dvs_gesture_net": Subject((128, 128, 2), 11, 10, events=True),
    "lenet5": Subject((28, 28, 1), 10, 2),
    "meta_spikeformer": Subject((64, 64, 3), 200, 1),
    "resnet19": Subject((32, 32, 3), 10, 2),
    "resnet34": Subject((64, 64, 3), 10, 2),
    "vgg11": Subject((48, 48, 2), 101, 10, events=True),
    "vggsnn": Subject((48, 48, 2), 10, 10, events=True),
}


def create(name: NetworkName, **options: Any) -> nn.SpikingNetwork:
    """A network with the T and the number of classes of its subject.

    Args:
      name: name of the network.
      options: further options, see :func:`qifjax.nn.create`.

    Returns:
      The network.

    Raises:
      ConfigError: if it has no such option, or the option no such value.
    """
    subject = SUBJECTS[name]
    try:
        return nn.create(
            name,
            num_classes=subject.num_classes,
            timesteps=subject.timesteps,
            **options,
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(str(error)) from error


def memorise(
    model: nn.SpikingNetwork,
    subject: Subject,
    neuron: NeuronParams,
    *,
    steps: int,
    examples: int,
    learning_rate: float,
    settle: int = 0,
    window: nn.WindowName = "analytic",
) -> dict[str, Any]:
    """Trains a network on one batch until it classifies all of it correctly.

    Every example has a random pattern of 4 x 4 squares: images are normal noise of the
    squares and of the pixels; event frames are Poisson counts whose rates are those of
    the squares, exponential with a mean of 0.3. The labels are random. The
    batch is learned by heart after the first step at which the network is right about
    every example in training mode, before the step, and in evaluation mode, after it.

    Args:
      model: the network.
      subject: what its input is.
      neuron: neuron parameters.
      steps: largest number of steps, of Adam.
      examples: size of the batch.
      learning_rate: learning rate of the first step; it falls to zero as a cosine.
      settle: how many of the steps come after that, so that only the running
        statistics of the norms still move.
      window: surrogate window, see :data:`qifjax.nn.WindowName`.

    Returns:
      What was measured, as plain values: ``steps`` is None where the batch was not
      learned by heart; ``steps_training_mode`` is the first step at which the network
      was right in training mode, or None.
    """
    x, labels = _batch(subject, examples)
    start = time.perf_counter()
    # One example is enough for the shapes of the parameters.
    one = x[:1, :1] if subject.events else x[:1]
    chosen = nn.named_window(window)
    init = jax.jit(functools.partial(model.init, window=chosen))
    variables = init(jax.random.key(SEED), one, neuron)
    init_seconds = time.perf_counter() - start

    # It falls to zero, so that the running statistics can catch up with the weights.
    optimizer = optax.adam(optax.cosine_decay_schedule(learning_rate, steps - settle))
    state = (variables, optimizer.init(variables["params"]))
    step = functools.partial(_step, model, optimizer, neuron, chosen)
    train = jax.jit(step).lower(state, x, labels).compile()
    evaluation = jax.jit(lambda v, x: model.apply(v, x, neuron))
    score = evaluation.lower(variables, x).compile()

    look = jax.jit(
        functools.partial(nn.inspect_populations, model, window=chosen, train=True)
    )
    before = look(variables, x, neuron)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    start = time.perf_counter()
    learned, taken, fitted = False, 0, None
    while not learned and taken < steps:
        state, loss, correct = train(state, x, labels)
        taken += 1
        if int(correct) == examples:
            fitted = fitted or taken
            logits = score(state[0], x)
            learned = bool(jnp.all(jnp.argmax(logits, -1) == labels))
    seconds = time.perf_counter() - start
    after = look(state[0], x, neuron)
    operations = nn.operations(model, one.shape, neuron)
    return {
        "examples": examples,
        "input_shape": list(x.shape),
        "timesteps": subject.timesteps,
        "num_classes": subject.num_classes,
        "learning_rate": learning_rate,
        "settle": settle,
        "window": window,
        "parameter_count": parameters,
        "operations": sum(o.count for o in operations.values() if o.kind != "neuron"),
        "init_seconds": init_seconds,
        "steps": taken if learned else None,
        "steps_training_mode": fitted,
        "steps_taken": taken,
        "train_seconds": seconds,
        "final_loss": float(loss),
        "populations": {
            name: {"initial": _plain(before[name]), "final": _plain(after[name])}
            for name in before
        },
    }


def _batch(subject: Subject, examples: int) -> tuple[jax.Array, jax.Array]:
    rng = np.random.default_rng(SEED)
    H, W, C = subject.shape
    coarse = (examples, _SQUARES, _SQUARES, C)
    fine = np.ones((1, H // _SQUARES, W // _SQUARES, 1))
    if subject.events:
        rates = np.kron(rng.exponential(_EVENT_RATE, coarse), fine)
        inputs = np.float32(rng.poisson(rates, (subject.timesteps, *rates.shape)))
    else:
        pattern = np.kron(rng.normal(size=coarse), fine)
        inputs = np.float32(pattern + rng.normal(size=pattern.shape))
    labels = rng.integers(subject.num_classes, size=examples)
    return jnp.asarray(inputs), jnp.asarray(labels, jnp.int32)


def _step(model, optimizer, neuron, window, state, x, labels):
    """One step; the loss and the number of correct answers are of before it."""
    variables, opt_state = state
    rest = {name: tree for name, tree in variables.items() if name != "params"}
    # Adam and its schedule count alike.
    taken = optax.tree_utils.tree_get_all_with_path(opt_state, "count")[0][1]
    dropout = jax.random.fold_in(jax.random.key(SEED), taken)

    def mean_loss(params):
        logits, updates = model.apply(
            {"params": params, **rest},
            x,
            neuron,
            train=True,
            window=window,
            mutable=["batch_stats"],
            rngs={"dropout": dropout},
        )
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return jnp.mean(losses), (updates, jnp.sum(jnp.argmax(logits, -1) == labels))

    gradient_of = jax.value_and_grad(mean_loss, has_aux=True)
    (loss, (updates, correct)), gradients = gradient_of(variables["params"])
    changes, opt_state = optimizer.update(gradients, opt_state)
    params = optax.apply_updates(variables["params"], changes)
    return ({"params": params, **rest, **updates}, opt_state), loss, correct


def _plain(statistics: nn.PopulationStatistics) -> dict[str, float]:
    names = ("rate", "silent", "always", "mean", "variance", "inside")
    return {name: float(getattr(statistics, name)) for name in names}
