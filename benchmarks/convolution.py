"""Speed of a convolution and its gradients by form: python -m benchmarks.convolution.

For layers of the networks it times every form of :mod:`qifjax.nn.convolution`, besides
XLA's own gradients, in turns, and writes the medians.
"""

import functools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments import cli, markdown, provenance
from experiments.run_folder import write_report
from qifjax.nn.convolution import forward_forms, input_forms, kernel_forms, winograd

# (name, images of a training step, side of the image, input and output channels, side
# of the kernel, stride, zeros around the image).
_LAYERS = (
    ("LeNet-5 conv1", 128, 28, 1, 6, 5, 1, 2),
    ("LeNet-5 conv2", 256, 14, 6, 16, 5, 1, 0),
    ("VGGSNN conv1", 80, 48, 2, 64, 3, 1, 1),
    ("VGGSNN conv3", 80, 24, 128, 256, 3, 1, 1),
    ("ResNet-19 conv1", 8, 32, 3, 64, 3, 1, 1),
    ("ResNet-19 stage 1", 16, 32, 128, 128, 3, 1, 1),
    ("ResNet-19 stage 2", 16, 16, 256, 256, 3, 1, 1),
    ("ResNet-19 stage 3", 16, 8, 512, 512, 3, 1, 1),
    ("ResNet-19 shortcut", 16, 32, 128, 256, 1, 2, 0),
    ("ResNet-19 / 16 stage 1", 256, 32, 8, 8, 3, 1, 1),
    ("ResNet-19 / 8 stage 1", 64, 32, 16, 16, 3, 1, 1),
    ("ResNet-19 / 4 stage 1", 32, 32, 32, 32, 3, 1, 1),
    ("ResNet-19 / 4 stage 3", 32, 8, 128, 128, 3, 1, 1),
)


@dataclass(frozen=True)
class Convolution:
    """Time the forms of a convolution and of its gradients.

    Attributes:
      out: the JSON file to write.
      passes: timed passes of each form.
    """

    out: Path = Path("convolution.json")
    passes: int = 9


def main(argv: Sequence[str] | None = None) -> None:
    """Measures, prints a table and writes the file."""
    with cli.one_line_errors():
        program = "python -m benchmarks.convolution"
        options = cli.parse(Convolution, argv, program)
        layers = {name: _measure(options, *layer) for name, *layer in _LAYERS}
        result = {
            "command": cli.command(program, argv),
            **provenance.describe(),
            "images": {name: images for name, images, *_ in _LAYERS},
            "gflop_per_second": layers,
        }
        write_report(options.out, result, _page(result))
        print(_page(result))


def _measure(
    options: Convolution,
    images: int,
    side: int,
    channels: int,
    features: int,
    size: int,
    stride: int,
    pad: int,
) -> dict[str, dict[str, float]]:
    """Speed of every form of the three parts, 10^9 operations a second."""
    rng = np.random.default_rng(0)
    strides, pads = (stride, stride), ((pad, pad), (pad, pad))
    x = jnp.asarray(rng.random((images, side, side, channels)) < 0.2, float)
    kernel = jnp.asarray(rng.normal(size=(size, size, channels, features)), float)
    conv = functools.partial(forward_forms.by_xla, strides=strides, pads=pads)
    y = jax.jit(conv)(x, kernel)
    cotangent = jnp.asarray(rng.normal(size=y.shape), float)

    def xla_input(cotangent, kernel):
        return jax.vjp(lambda x: conv(x, kernel), x)[1](cotangent)[0]

    def xla_kernel(x, cotangent):
        return jax.vjp(lambda kernel: conv(x, kernel), kernel)[1](cotangent)[0]

    unfit = {
        "by_bands": stride > 1,
        "by_winograd": not winograd.fits((size, size), strides),
    }
    place = {"strides": strides, "pads": pads}
    parts = {
        "forward": (_forms(forward_forms, unfit, **place), (x, kernel)),
        "input": (
            {"XLA": xla_input, **_forms(input_forms, unfit, shape=x.shape, **place)},
            (cotangent, kernel),
        ),
        "kernel": (
            {
                "XLA": xla_kernel,
                **_forms(kernel_forms, unfit, shape=(size, size), **place),
            },
            (x, cotangent),
        ),
    }
    count = 2 * size**2 * channels * y.size / 1e9
    return {
        part: {
            name: count / seconds
            for name, seconds in _medians(forms, arguments, options.passes).items()
        }
        for part, (forms, arguments) in parts.items()
    }


def _forms(
    module: ModuleType, unfit: Mapping[str, bool], **settings: Any
) -> dict[str, Callable]:
    """The forms of a module by name, without those that do not fit."""
    return {
        name: functools.partial(form, **settings)
        for name, form in vars(module).items()
        if name.startswith("by_") and not unfit.get(name)
    }


def _medians(
    forms: dict[str, Callable], arguments: tuple[jax.Array, ...], passes: int
) -> dict[str, float]:
    """Seconds of every form, measured in turns."""
    compiled = {name: jax.jit(form) for name, form in forms.items()}
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(passes + 1):
        for name, form in compiled.items():
            start = time.perf_counter()
            form(*arguments).block_until_ready()
            seconds[name].append(time.perf_counter() - start)
    # The first pass compiles.
    return {name: statistics.median(taken[1:]) for name, taken in seconds.items()}


def _page(result: dict[str, Any]) -> str:
    layers = result["gflop_per_second"]
    lines = [
        "# Speed of a convolution and its gradients by form",
        "",
        "10^9 operations a second, medians: XLA's own gradients, and every form of "
        "`qifjax.nn.convolution`. The fastest is bold.",
    ]
    titles = {
        "forward": "Forward pass",
        "input": "Gradient of the input",
        "kernel": "Gradient of the kernel",
    }
    for part, title in titles.items():
        forms = list(
            dict.fromkeys(name for speeds in layers.values() for name in speeds[part])
        )
        rows = [
            [name, str(result["images"][name]), *_cells(speeds[part], forms)]
            for name, speeds in layers.items()
        ]
        head = ["layer", "images", *forms]
        lines += ["", f"## {title}", "", *markdown.table(head, rows)]
    return "\n".join([*lines, "", markdown.made_by(result), ""])


def _cells(speeds: dict[str, float], forms: Sequence[str]) -> list[str]:
    fastest = max(speeds.values())
    cells = []
    for form in forms:
        speed = speeds.get(form)
        text = "" if speed is None else f"{speed:.1f}"
        cells.append(f"**{text}**" if speed == fastest else text)
    return cells


if __name__ == "__main__":
    main()
