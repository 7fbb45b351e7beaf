"""What the tests of all networks share."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from qifjax import QIFParams, nn


def parameter_count(model, shape):
    """Number of parameters of a model, without computing anything."""
    x = jax.ShapeDtypeStruct(shape, np.float32)
    variables = jax.eval_shape(
        lambda x: model.init(jax.random.key(0), x, QIFParams()), x
    )
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


@functools.cache
def operations(model, shape):
    """What every layer does; tracing a deep network takes a second."""
    return nn.operations(model, shape, QIFParams())


def synapses(model, shape):
    """Operations per example and step of the synaptic layers, by name."""
    return {
        name: o.count
        for name, o in operations(model, shape).items()
        if o.kind != "neuron"
    }


def analog(model, shape):
    """The names of the layers whose operations count as MAC."""
    return [name for name, o in operations(model, shape).items() if o.kind == "mac"]


def populations(model, shape):
    """Number of populations of neurons."""
    return sum(o.kind == "neuron" for o in operations(model, shape).values())


def parameters_by_layer(model, shape, depth=1):
    """Number of parameters below every path of a given depth, in sorted order."""
    x = jax.ShapeDtypeStruct(shape, np.float32)
    tree = jax.eval_shape(lambda x: model.init(jax.random.key(0), x, QIFParams()), x)
    counts: dict[str, int] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree["params"]):
        name = "/".join(entry.key for entry in path[:depth])
        counts[name] = counts.get(name, 0) + leaf.size
    return counts


def random_variables(model, shape, neuron=None):
    """Variables as Kaiming would draw them, without compiling an initialisation."""
    rng = np.random.default_rng(0)
    neuron = neuron or QIFParams()

    def draw(path, leaf):
        if path[-1].key == "kernel":
            scale = (2 / np.prod(leaf.shape[:-1])) ** 0.5
            return jnp.asarray(rng.normal(0, scale, leaf.shape), jnp.float32)
        return jnp.full(leaf.shape, path[-1].key in ("gamma", "var"), jnp.float32)

    x = jax.ShapeDtypeStruct(shape, np.float32)
    tree = jax.eval_shape(lambda x: model.init(jax.random.key(0), x, neuron), x)
    return jax.tree_util.tree_map_with_path(draw, tree)


def quick_jit(function):
    """``jax.jit`` for programs that take longer to compile than to run."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def training_pass(model):
    """A compiled function ``(variables, x, key) -> (logits, updates)``."""

    @quick_jit
    def run(variables, x, key):
        return model.apply(
            variables,
            x,
            QIFParams(),
            train=True,
            mutable=["batch_stats"],
            rngs={"dropout": key},
        )

    return run


def settled(variables, updates):
    """Variables whose running statistics are those of one batch.

    ``updates`` is what a first training pass leaves, which is just that.
    """
    return {**variables, "batch_stats": updates["batch_stats"]}


def forward(model, shape):
    """Logits of a new model for random input, through one compiled program."""
    x = jax.random.uniform(jax.random.key(0), shape)
    run = training_pass(model)
    logits, _ = run(random_variables(model, shape), x, jax.random.key(0))
    assert np.all(np.isfinite(logits))
    return logits
