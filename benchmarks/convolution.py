"""Speed of a convolution's kernel gradient by form: python -m benchmarks.convolution.

For layers of the networks it times the forward pass and every form of
:mod:`qifjax.nn.kernel_gradient`, besides XLA's own, in turns, and writes the medians.
"""

import functools
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments import cli, provenance
from experiments.markdown import origin, table
from experiments.run_folder import write_report
from qifjax.nn import kernel_gradient

_LAYOUT = ("NHWC", "HWIO", "NHWC")

# (name, side of the image, input and output channels, side of the kernel, stride).
_LAYERS = (
    ("LeNet-5 conv1", 28, 1, 6, 5, 1),
    ("LeNet-5 conv2", 12, 6, 16, 5, 1),
    ("VGGSNN conv1", 48, 2, 64, 3, 1),
    ("VGGSNN conv3", 24, 128, 256, 3, 1),
    ("ResNet-19 conv1", 32, 3, 64, 3, 1),
    ("ResNet-19 stage 1", 32, 128, 128, 3, 1),
    ("ResNet-19 stage 2", 16, 256, 256, 3, 1),
    ("ResNet-19 stage 3", 8, 512, 512, 3, 1),
    ("ResNet-19 shortcut", 32, 128, 256, 1, 2),
    ("ResNet-19 / 8 stage 1", 32, 16, 16, 3, 1),
    ("ResNet-19 / 4 stage 1", 32, 32, 32, 3, 1),
    ("ResNet-19 / 4 stage 3", 8, 128, 128, 3, 1),
)


@dataclass(frozen=True)
class Convolution:
    """Time the forms of a convolution's kernel gradient.

    Attributes:
      out: the JSON file to write.
      batch: images.
      passes: timed passes of each form.
    """

    out: Path = Path("convolution.json")
    batch: int = 32
    passes: int = 9


def main(argv: Sequence[str] | None = None) -> None:
    """Measures, prints a table and writes the file."""
    with cli.one_line_errors():
        program = "python -m benchmarks.convolution"
        options = cli.parse(Convolution, argv, program)
        layers = {name: _measure(options, *layer) for name, *layer in _LAYERS}
        result = {
            "command": " ".join([program, *cli.arguments(argv)]),
            **provenance.describe(),
            "batch": options.batch,
            "gflop_per_second": layers,
        }
        write_report(options.out, result, _page(result))
        print(_page(result))


def _measure(
    options: Convolution, side: int, channels: int, features: int, kernel: int, s: int
) -> dict[str, float]:
    """Speed of the forward pass and of every form, 10^9 operations a second."""
    rng = np.random.default_rng(0)
    pad = kernel // 2
    pads = ((pad, pad), (pad, pad))
    x = jnp.asarray(rng.random((options.batch, side, side, channels)) < 0.2, float)
    weights = jnp.asarray(rng.normal(size=(kernel, kernel, channels, features)), float)

    def forward(x, weights):
        return jax.lax.conv_general_dilated(
            x, weights, (s, s), pads, dimension_numbers=_LAYOUT
        )

    def xla(x, cotangent):
        _, pull_back = jax.vjp(functools.partial(forward, x), weights)
        return pull_back(cotangent)[0]

    y = jax.jit(forward)(x, weights)
    cotangent = jnp.asarray(rng.normal(size=y.shape), float)
    forms: dict[str, Callable[[], jax.Array]] = {
        "forward": functools.partial(jax.jit(forward), x, weights),
        "XLA": functools.partial(jax.jit(xla), x, cotangent),
    }
    for name in ("by_patches", "by_positions", "by_correlation"):
        form = functools.partial(
            getattr(kernel_gradient, name),
            shape=(kernel, kernel),
            strides=(s, s),
            pads=pads,
        )
        forms[name] = functools.partial(jax.jit(form), x, cotangent)
    count = 2 * kernel**2 * channels * y.size / 1e9
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(options.passes + 1):
        for name, form in forms.items():
            start = time.perf_counter()
            form().block_until_ready()
            seconds[name].append(time.perf_counter() - start)
    # The first pass compiles.
    return {name: count / statistics.median(s[1:]) for name, s in seconds.items()}


def _page(result: dict[str, Any]) -> str:
    layers = result["gflop_per_second"]
    forms = list(next(iter(layers.values())))
    rows = [
        [name, *(f"{speeds[form]:.1f}" for form in forms)]
        for name, speeds in layers.items()
    ]
    return "\n".join(
        [
            "# Speed of the kernel gradient of a convolution",
            "",
            f"10^9 operations a second on {result['batch']} images, medians: the "
            "forward pass, XLA's own kernel gradient, and the forms of "
            "`qifjax.nn.kernel_gradient`.",
            "",
            *table(["layer", *forms], rows),
            "",
            f"Made by `{result['command']}` on {origin(result)}.",
            "",
        ]
    )


if __name__ == "__main__":
    main()
