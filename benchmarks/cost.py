"""How the cost of a training step grows: python -m benchmarks.cost.

LeNet-5 for its time and memory over time steps and over the batch, each compiled and
run on random images; VGGSNN on event frames of 48 x 48 pixels for its memory over time
steps with each choice of ``--remat``, which XLA's plan tells without running it. A
straight line is fitted to each curve by least squares of its relative errors, and the
page says how far the worst point lies from it: a step in the cost would show there.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from experiments import cli, figure, markdown, provenance
from experiments.latency import seconds
from experiments.partial import Partial
from experiments.run_folder import RunError, write_report
from experiments.training_step import TrainingStep
from qifjax import QIFParams, nn

# What stays fixed while the other grows.
_BATCH, _TIMESTEPS = 32, 2
_FRAMES = (48, 48, 2)
_IMAGES = (28, 28, 1)
_EXAMPLES = (4, 8)
_MEGABYTE = 1e6
_COLOURS = (figure.BLUE, figure.ORANGE, figure.GREEN)


@dataclass(frozen=True)
class Cost:
    """Measure how time and memory of a training step grow with T and the batch.

    What a killed command has compiled of VGGSNN is kept beside the output, and the same
    command goes on from there.

    Attributes:
      timesteps: numbers of time steps, of LeNet-5 with 32 images.
      batches: batch sizes, of LeNet-5 with two time steps.
      event_timesteps: numbers of time steps, of VGGSNN.
      rounds: timed turns of every point, of which the median counts.
      out: JSON file to write; a page and a figure go beside it.
    """

    timesteps: tuple[int, ...] = (1, 2, 4, 8, 10, 16, 17, 24, 32, 48, 64)
    batches: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256)
    event_timesteps: tuple[int, ...] = (2, 4, 10, 32)
    rounds: int = 9
    out: Path = Path("docs/results/cost.json")


def measure(options: Cost, partial: Partial) -> dict[str, Any]:
    """All curves.

    Args:
      options: what to measure.
      partial: what has been measured so far.

    Returns:
      Plain values: points ``[n, seconds, bytes]`` over time steps and over batches, and
      by choice of recomputation points ``[T, bytes of one more example]``.
    """

    def point(timesteps: int, batch: int) -> list[float]:
        *seconds, size = partial.done(f"lenet5 {timesteps} {batch}")
        return [statistics.median(seconds), size]

    def example(remat: nn.Remat, timesteps: int) -> float:
        part = f"vggsnn {remat} {timesteps}"
        if not partial.done(part):
            shape = (timesteps, *_FRAMES)
            steps = [_step("vggsnn", timesteps, n, shape, remat) for n in _EXAMPLES]
            partial.add(part, [_memory(step) for step in steps])
        few, many = partial.done(part)
        return (many - few) / (_EXAMPLES[1] - _EXAMPLES[0])

    examples = {
        remat: [[T, example(remat, T)] for T in options.event_timesteps]
        for remat in get_args(nn.Remat)
    }
    _take_turns(
        [(T, _BATCH) for T in options.timesteps]
        + [(_TIMESTEPS, B) for B in options.batches],
        options.rounds,
        partial,
    )
    return {
        "examples": examples,
        "timesteps": [[T, *point(T, _BATCH)] for T in options.timesteps],
        "batches": [[B, *point(_TIMESTEPS, B)] for B in options.batches],
    }


def _take_turns(points, rounds, partial):
    """All points in every round, for the machine is not always equally fast."""
    parts = {f"lenet5 {T} {B}": (T, B) for T, B in points}
    steps = {
        part: _step("lenet5", *point, _IMAGES)
        for part, point in parts.items()
        if not partial.done(part)
    }
    for step in steps.values():
        step.take()
    rows = [
        {part: seconds(step.take) for part, step in steps.items()}
        for _ in range(rounds)
    ]
    for part, step in steps.items():
        partial.add(part, [*(row[part] for row in rows), _memory(step)])


def _step(name, timesteps, batch, shape, remat="none"):
    model = nn.create(name, num_classes=10, timesteps=timesteps, remat=remat)
    return TrainingStep(model, QIFParams(), batch, shape)


def _memory(step):
    """What XLA plans for activations and gradients, in bytes."""
    plan = step.memory()
    if plan is None:
        raise RunError("this backend does not say how much memory a program takes")
    return plan.temporary


def line(points: Sequence[Sequence[float]], column: int) -> tuple[float, float]:
    """The straight line whose relative errors are least, ``(offset, slope)``."""
    number, cost = (np.asarray([p[i] for p in points], float) for i in (0, column))
    slope, offset = np.polyfit(number, cost, 1, w=1 / cost)
    return float(offset), float(slope)


def farthest(points: Sequence[Sequence[float]], column: int) -> tuple[float, float]:
    """The point farthest from its line: its number, and by which share it is above."""
    offset, slope = line(points, column)
    apart = [(p[0], p[column] / (offset + slope * p[0]) - 1) for p in points]
    return max(apart, key=lambda found: abs(found[1]))


def page(result: Mapping[str, Any]) -> str:
    """The result as Markdown."""
    head = ("ms a step", "temporary, MB")

    def rows(points):
        return [
            (f"{n:g}", f"{1e3 * seconds:.4g}", f"{size / _MEGABYTE:.4g}")
            for n, seconds, size in points
        ]

    def straight(points, column):
        number, share = farthest(points, column)
        return (
            f"{100 * abs(share):.0f} % {'above' if share > 0 else 'below'} ({number})"
        )

    examples = result["examples"]
    numbers = [point[0] for point in next(iter(examples.values()))]
    by_steps = [
        (str(T), *(f"{points[i][1] / _MEGABYTE:.1f}" for points in examples.values()))
        for i, T in enumerate(numbers)
    ]
    slopes = [line(points, 1)[1] / _MEGABYTE for points in examples.values()]
    by_steps.append(("one more step", *(f"{slope:.1f}" for slope in slopes)))
    judged = [
        (f"{what} over {over}", straight(result[key], column))
        for key, over in (("timesteps", "T"), ("batches", "batch"))
        for column, what in ((1, "time"), (2, "memory"))
    ] + [
        (f"VGGSNN, `--remat {remat}`, memory over T", straight(points, 1))
        for remat, points in examples.items()
    ]
    return "\n".join(
        [
            "# How the cost of a training step grows",
            "",
            f"LeNet-5 (QIF, {_IMAGES[0]} x {_IMAGES[1]} pixels), {_BATCH} images, over "
            "time steps T:",
            "",
            *markdown.table(("T", *head), rows(result["timesteps"])),
            "",
            f"and T = {_TIMESTEPS}, over the batch:",
            "",
            *markdown.table(("batch", *head), rows(result["batches"])),
            "",
            f"Memory of one more example in MB, VGGSNN ({_FRAMES[0]} x {_FRAMES[1]} "
            "pixels, full width, float32), by `--remat`, as XLA plans it for "
            f"{_EXAMPLES[0]} and {_EXAMPLES[1]} examples:",
            "",
            *markdown.table(("T", *examples), by_steps),
            "",
            "Farthest from a straight line:",
            "",
            *markdown.table(("curve", "where, and by how much"), judged),
            "",
            "![time and memory over time steps and batch](cost.png)",
            "",
            markdown.made_by(result),
            "",
        ]
    )


def draw(result: Mapping[str, Any], path: Path) -> None:
    """Draws all curves with their lines to a PNG file."""
    drawing = figure.new(9, 5)
    grid = drawing.add_gridspec(2, 3)
    for row, (key, label) in enumerate((("timesteps", "T"), ("batches", "batch"))):
        for column, (what, scale) in enumerate(
            (("ms a step", 1e3), ("MB", 1 / _MEGABYTE))
        ):
            axes = drawing.add_subplot(grid[row, column])
            _curve(axes, result[key], 1 + column, scale, _COLOURS[0])
            axes.set_xlabel(f"LeNet-5: {label}")
            axes.set_ylabel(what)
    axes = drawing.add_subplot(grid[:, 2])
    for colour, (remat, points) in zip(
        _COLOURS, result["examples"].items(), strict=True
    ):
        _curve(axes, points, 1, 1 / _MEGABYTE, colour, f"--remat {remat}")
    axes.set_xlabel("VGGSNN: T")
    axes.set_ylabel("MB of one more example")
    axes.legend(frameon=False)
    figure.save(drawing, path, dpi=120)


def _curve(axes, points, column, scale, colour, label=None):
    offset, slope = line(points, column)
    ends = np.asarray([0, points[-1][0]])
    axes.plot(ends, scale * (offset + slope * ends), color=colour, linewidth=0.8)
    values = [scale * point[column] for point in points]
    axes.plot([p[0] for p in points], values, "o", color=colour, markersize=4)
    if label:
        axes.plot([], [], color=colour, label=label)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)


def main(argv: Sequence[str] | None = None) -> None:
    """Measures, prints the page and writes the files."""
    with cli.one_line_errors():
        program = "python -m benchmarks.cost"
        options = cli.parse(Cost, argv, program)
        for name in ("timesteps", "batches", "event_timesteps"):
            given = getattr(options, name)
            if len(set(given)) < 2 or min(given) < 1:
                flag = name.replace("_", "-")
                raise RunError(
                    f"--{flag} must be two different numbers or more, from 1 on, got "
                    f"{' '.join(map(str, given))}"
                )
        if options.rounds < 1:
            raise RunError(f"--rounds must be at least 1, got {options.rounds}")
        origin = provenance.describe()
        partial = Partial(options.out, str(origin["git_commit"]), str(options.rounds))
        result = {
            "command": cli.command(program, argv),
            **origin,
            "rounds": options.rounds,
            **measure(options, partial),
        }
        text = page(result)
        write_report(options.out, result, text)
        draw(result, options.out.with_suffix(".png"))
        partial.remove()
        print(f"{text}\n{options.out.with_suffix('.md')}")


if __name__ == "__main__":
    main()
