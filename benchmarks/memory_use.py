"""What recomputation saves in memory: python -m benchmarks.memory_use.

For each choice of ``--remat``, the memory report of a config (two compiled batch sizes,
see :mod:`experiments.memory`), and the memory of a third, larger batch: as the straight
line through the two predicts it, and as XLA plans it when that is compiled too. Nothing
is trained.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from experiments import cli, config, markdown, memory, provenance
from experiments.build import build
from experiments.run_folder import write_report
from qifjax import nn, parallel

_THIRD = 8
_MEBIBYTE = 2**20


@dataclass(frozen=True)
class MemoryUse:
    """Tabulate the memory of training steps by recomputation.

    Attributes:
      configs: names of configs.
      batch_size: smallest batch size that is compiled.
      data_dir: where data sets are.
      out: JSON file to write; a page goes beside it.
    """

    configs: tuple[str, ...] = ("fashion_mnist_lenet5", "cifar10_resnet19")
    batch_size: int = 16
    data_dir: Path = Path(".data")
    out: Path = Path("docs/results/memory.json")


def tabulate(options: MemoryUse) -> list[dict[str, Any]]:
    """One row a config and choice of recomputation, in bytes."""
    rows = []
    for name in options.configs:
        for remat in get_args(nn.Remat):
            chosen = replace(
                config.load(name), remat=remat, batch_size=options.batch_size
            )
            experiment = build(chosen, options.data_dir, parallel.layout())
            report = memory.measure(experiment)
            third = _THIRD * options.batch_size
            rows.append(
                {
                    "config": name,
                    "remat": remat,
                    "batch_size": options.batch_size,
                    "kept": sum(report.kept.values()),
                    "temporary": report.step.temporary,
                    "third_batch_size": third,
                    "third_predicted": round(report.at(third)),
                    "third_compiled": memory.compiled_step(experiment, third).total,
                }
            )
    return rows


def page(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    rows = [
        (
            f"{row['config']}, {row['batch_size']}",
            row["remat"],
            _mebibytes(row["kept"]),
            _mebibytes(row["temporary"]),
            f"{row['third_batch_size']}",
            _mebibytes(row["third_predicted"]),
            _mebibytes(row["third_compiled"]),
            f"{100 * (row['third_predicted'] / row['third_compiled'] - 1):+.1f}",
        )
        for row in result["rows"]
    ]
    head = (
        *("config, batch", "--remat", "kept, MiB", "temporary, MiB"),
        *("larger batch", "predicted, MiB", "compiled, MiB", "difference, %"),
    )
    return "\n".join(
        [
            "# Memory of a training step",
            "",
            "Kept: what the layers hand on to their backward pass. Temporary: what XLA "
            "plans for activations, gradients and working memory. Predicted: the whole "
            "step for a larger batch, by the line that `--memory-report` draws; "
            "compiled: XLA's own plan for it.",
            "",
            *markdown.table(head, rows, left=2),
            "",
            markdown.made_by(result),
            "",
        ]
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Compiles, prints the page and writes the files."""
    with cli.one_line_errors():
        options = cli.parse(MemoryUse, argv, "python -m benchmarks.memory_use")
        result = {
            "command": f"python -m benchmarks.memory_use --configs "
            f"{' '.join(options.configs)} --batch-size {options.batch_size} "
            f"--out {options.out}",
            **provenance.describe(),
            "rows": tabulate(options),
        }
        write_report(options.out, result, page(result))
        print(page(result))


def _mebibytes(size: float) -> str:
    return f"{size / _MEBIBYTE:,.1f}"


if __name__ == "__main__":
    main()
