"""Draws the paper's figures: python -m experiments.figures [RUN [RUN]] [options]."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments import cli, markdown, provenance, trained
from experiments.figures import curves, membranes, rates, theorem
from experiments.run_folder import RunError, write_json, write_text


@dataclass(frozen=True)
class Figures:
    """Draw the paper's figures, each with its numbers as JSON beside it, and a page.

    For one run, or two of the same network: firing rate per layer (rates), membranes
    with threshold and window (membranes), training curves (curves). With or without a
    run: the analytic window over simulated membranes (window).

    Attributes:
      runs: folders of at most two finished runs.
      data_dir: where data sets are.
      out: folder to draw into.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    data_dir: Path = Path(".data")
    out: Path = Path("runs/figures")


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.figures"
        options = cli.parse(Figures, argv, program)
        if len(options.runs) > 2:
            given = len(options.runs)
            raise RunError(f"{program} draws at most two runs, got {given}")
        networks = [trained.load(run, options.data_dir) for run in options.runs]
        origin: dict[str, Any] = {
            "command": cli.command(program, argv),
            **provenance.describe(),
        }
        contents: list[tuple[str, Any, dict[str, Any]]] = [
            ("window", theorem, theorem.numbers())
        ]
        lines = ["# Figures", ""]
        if networks:
            trained.require_alike(networks)
            contents += [
                ("rates", rates, rates.numbers(networks)),
                ("membranes", membranes, membranes.numbers(networks)),
                ("curves", curves, curves.numbers(networks)),
            ]
        options.out.mkdir(parents=True, exist_ok=True)
        for name, module, numbers in contents:
            path = options.out / f"{name}.png"
            module.draw(numbers, path)
            write_json(path.with_suffix(".json"), {**origin, **numbers})
            lines += [f"![{name}]({path.name})", "", module.sentence(numbers), ""]
            print(path)
        write_text(
            options.out / "figures.md",
            "\n".join([*lines, markdown.made_by(origin), ""]),
        )


if __name__ == "__main__":
    main()
