"""Every shared block against NumPy in float64: values, and gradients by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qifjax import LIFParams, QIFParams
from qifjax.nn.blocks import ConvNormSpike, DenseSpike, ResidualBlock
from qifjax.nn.context import Context
from qifjax.nn.initializers import INITIALISATIONS
from qifjax.nn.layers import avg_pool, max_pool
from qifjax.nn.meta_blocks import HEADS, ConvBlock, TransformerBlock
from tests.networks import quick_jit
from tests.reference_network import Tape, Var

T, HALF = 3, 0.5**0.5
ETAS = (0.7, 0.6)
FRAMES = (T, 2, 4, 4, 3)


def conv_norm_spike(tape, x, p, s, strides=1):
    x = tape.conv(x, p["conv"]["kernel"], strides)
    return tape.fire(tape.repeat(tape.norm(x, p["norm"], s["norm"]), T))


def dense_spike(tape, x, p, s):
    x = tape.dense(x, p["dense"])
    return tape.fire(tape.norm(x, p["norm"], s["norm"]) if "norm" in p else x)


def residual(tape, x, p, s, strides=1, branch=HALF):
    y = conv_norm_spike(tape, x, p["conv1"], s["conv1"], strides)
    y = tape.norm(tape.conv(y, p["conv2"]["kernel"]), p["norm2"], s["norm2"], branch)
    if "projection" in p:
        x = tape.conv(x, p["projection"]["kernel"], strides)
    if "shortcut_norm" in p:
        x = tape.norm(x, p["shortcut_norm"], s["shortcut_norm"], HALF)
    return tape.fire(tape.add(y, x))


def mixer(tape, x, p, s, eta):
    y = tape.fire(tape.repeat(x, T))
    y = tape.norm(tape.conv(y, p["expand"]["kernel"]), p["norm1"], s["norm1"])
    y = tape.conv(tape.fire(y), p["reduce"]["kernel"])
    return tape.norm(y, p["norm2"], s["norm2"], eta)


def separable(tape, x, p, s, eta):
    y = tape.fire(tape.repeat(x, T))
    y = tape.norm(tape.conv(y, p["expand"]["kernel"]), p["norm1"], s["norm1"])
    y = tape.conv(tape.fire(y), p["depthwise"]["kernel"])
    y = tape.conv(y, p["reduce"]["kernel"])
    return tape.norm(y, p["norm2"], s["norm2"], eta)


def conv_block(tape, x, p, s):
    x = tape.add(x, separable(tape, x, p["separable"], s["separable"], ETAS[0]))
    return tape.add(x, mixer(tape, x, p["mixer"], s["mixer"], ETAS[1]))


def rep_conv(tape, x, p, s, eta=1.0):
    y = tape.conv(x, p["conv1"]["kernel"])
    y = tape.norm(y, p["norm1"], s["norm1"], padding=1)
    y = tape.conv(y, p["depthwise"]["kernel"], padding=0)
    y = tape.norm(tape.conv(y, p["conv2"]["kernel"]), p["norm2"], s["norm2"])
    return tape.norm(y, p["norm3"], s["norm3"], eta)


def attention(tape, x, p, s, eta):
    spikes = tape.fire(tape.repeat(x, T))
    q, k, v = (tape.fire(rep_conv(tape, spikes, p[n], s[n])) for n in "qkv")
    y = tape.scale(tape.attention(q, k, v, HEADS), 0.125)
    y = tape.fire(tape.norm(y, {}, s["attention_norm"]))
    return rep_conv(tape, y, p["proj"], s["proj"], eta)


def transformer_block(tape, x, p, s):
    x = tape.add(x, attention(tape, x, p["attention"], s["attention"], ETAS[0]))
    return tape.add(x, mixer(tape, x, p["mlp"], s["mlp"], ETAS[1]))


def then(reference, pool):
    """A block of the event networks: the block and the pooling behind it."""

    def run(tape, x, p, s):
        return getattr(tape, pool)(reference(tape, x, p, s), 2)

    return run


class Pooled:
    """The same in Flax."""

    def __init__(self, block, pool):
        self.block, self.pool, self.init = block, pool, block.init

    def apply(self, *args, **kwargs):
        y, updates = self.block.apply(*args, **kwargs)
        return self.pool(y, 2), updates


def strided(tape, x, p, s):
    return conv_norm_spike(tape, x, p, s, 2)


def projecting(tape, x, p, s):
    return residual(tape, x, p, s, 2)


def identity_of_mpbn(tape, x, p, s):
    return residual(tape, x, p, s, 1, 1.0)


# Name: (block, reference, shape of the input, further arguments).
CASES = {
    "convolution": (ConvNormSpike(5), conv_norm_spike, FRAMES, ()),
    "static stem": (ConvNormSpike(5), conv_norm_spike, (1, *FRAMES[1:]), ()),
    "strided": (ConvNormSpike(5, strides=2), strided, FRAMES, ()),
    "average pool": (
        Pooled(ConvNormSpike(5), avg_pool),
        then(conv_norm_spike, "avg_pool"),
        FRAMES,
        (),
    ),
    "max-pool": (
        Pooled(ConvNormSpike(5), max_pool),
        then(conv_norm_spike, "max_pool"),
        FRAMES,
        (),
    ),
    "dense": (DenseSpike(5), dense_spike, (T, 4, 6), ()),
    "dense tdbn": (DenseSpike(5, "tdbn"), dense_spike, (T, 4, 6), ()),
    "identity": (ResidualBlock(3), residual, FRAMES, ()),
    "identity norm": (
        ResidualBlock(3, residual_eta="branch+proj+identity"),
        residual,
        FRAMES,
        (),
    ),
    "identity of MPBN": (
        ResidualBlock(3, residual_eta="proj_blocks_only"),
        identity_of_mpbn,
        FRAMES,
        (),
    ),
    "projection": (ResidualBlock(4, 2), projecting, FRAMES, ()),
    "convolution block": (ConvBlock(), conv_block, (1, 2, 3, 3, 2), (ETAS,)),
    "transformer block": (
        TransformerBlock(),
        transformer_block,
        (T, 2, 2, 2, 2 * HEADS),
        (ETAS,),
    ),
}


@pytest.mark.parametrize("neuron", [QIFParams(), LIFParams()], ids=("qif", "lif"))
@pytest.mark.parametrize("train", [True, False], ids=("train", "eval"))
@pytest.mark.parametrize("case", CASES)
def test_block_equals_numpy(case, train, neuron):
    block, reference, shape, arguments = CASES[case]
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        context = Context(
            neuron=neuron,
            window=None,
            train=train,
            timesteps=T,
            static=False,
            dtype=jnp.float64,
            axis_name=None,
            weight_init=INITIALISATIONS["kaiming"],
            learned=False,
            remat="none",
        )

        def run(variables, x):
            y, _ = block.apply(
                variables, x, context, *arguments, mutable=["batch_stats"]
            )
            return y

        x = rng.normal(0.2, 0.8, shape)
        tree = jax.eval_shape(
            lambda x: block.init(jax.random.key(0), x, context, *arguments), x
        )
        # Anything but what they start with; variances have to be positive.
        variables = jax.tree.map(lambda leaf: rng.uniform(0.2, 1.2, leaf.shape), tree)
        variables["params"] = jax.tree_util.tree_map_with_path(
            lambda path, leaf: (
                rng.normal(0, 0.6, leaf.shape) if path[-1].key == "kernel" else leaf
            ),
            variables["params"],
        )
        cotangent = rng.normal(size=jax.eval_shape(run, variables, x).shape)

        @quick_jit
        def everything(variables, x, cotangent):
            y, pull_back = jax.vjp(run, variables, x)
            return y, *pull_back(cotangent)

        y, gradients, x_gradient = everything(variables, x, cotangent)
        assert y.dtype == jnp.float64

    params, stats, start = (
        jax.tree.map(Var, part)
        for part in (variables["params"], variables.get("batch_stats", {}), x)
    )
    tape = Tape(neuron, train)
    expected = reference(tape, start, params, stats)
    tape.backward(expected, cotangent)
    np.testing.assert_allclose(y, expected.value, atol=1e-6)
    np.testing.assert_allclose(x_gradient, start.grad, atol=1e-6)
    assert np.count_nonzero(start.grad) > start.grad.size / 10

    def compare(path, mine, theirs):
        where = jax.tree_util.keystr(path)
        np.testing.assert_allclose(mine, theirs.grad, atol=1e-6, err_msg=where)

    jax.tree_util.tree_map_with_path(compare, gradients["params"], params)
