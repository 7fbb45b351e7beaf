"""What the tests of all networks share."""

import jax
import numpy as np

from qifjax import QIFParams, nn


def parameter_count(model, shape):
    """Number of parameters of a model, without computing anything."""
    x = jax.ShapeDtypeStruct(shape, np.float32)
    variables = jax.eval_shape(
        lambda x: model.init(jax.random.key(0), x, QIFParams()), x
    )
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


def synapses(model, shape):
    """Operations per example and step of the synaptic layers, by name."""
    operations = nn.operations(model, shape, QIFParams())
    return {name: o.count for name, o in operations.items() if o.kind != "neuron"}


def analog(model, shape):
    """The names of the layers whose operations count as MAC."""
    operations = nn.operations(model, shape, QIFParams())
    return [name for name, o in operations.items() if o.kind == "mac"]


def populations(model, shape):
    """Number of populations of neurons."""
    operations = nn.operations(model, shape, QIFParams())
    return sum(o.kind == "neuron" for o in operations.values())


def parameters_by_layer(model, shape, depth=1):
    """Number of parameters below every path of a given depth, in sorted order."""
    x = jax.ShapeDtypeStruct(shape, np.float32)
    tree = jax.eval_shape(lambda x: model.init(jax.random.key(0), x, QIFParams()), x)
    counts: dict[str, int] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree["params"]):
        name = "/".join(entry.key for entry in path[:depth])
        counts[name] = counts.get(name, 0) + leaf.size
    return counts
