"""Scores a trained network: python -m experiments.evaluate RUN [options]."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from experiments import cli, provenance, result, trained
from experiments.run_folder import write_json


@dataclass(frozen=True)
class Evaluate:
    """Score the network of a finished run on the split that the run was scored on.

    Attributes:
      run: folder of the run.
      precision: dtype of convolutions and dense layers; by default that of the run.
      data_dir: where data sets are.
      out: JSON file to write the scores to.
    """

    run: Annotated[Path, tyro.conf.Positional] = tyro.MISSING
    precision: Literal["float32", "bfloat16"] | None = None
    data_dir: Path = Path(".data")
    out: Path | None = field(default=None, metadata={"ending": ".json"})


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        options = cli.parse(Evaluate, argv, "python -m experiments.evaluate")
        cli.start_quickly()
        changes = {"precision": options.precision} if options.precision else {}
        network = trained.load(options.run, options.data_dir, **changes)
        scores = score(network)
        if options.out is not None:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            write_json(options.out, scores)
        split = network.config.evaluate_on
        print(
            f"{network.name} ({network.config.precision}): "
            f"{split} accuracy {scores[split]['accuracy']:.4f} of "
            f"{scores[split]['examples']:,} examples, "
            f"mean firing rate {scores['mean_firing_rate']:.4f}, "
            f"energy {scores['total_energy_mj']:.3g} mJ an example"
        )


def score(network: trained.Trained) -> dict[str, Any]:
    """The scores, and where they were made."""
    return {
        "run": str(network.folder.path),
        "config": network.config.to_json(),
        **provenance.describe(),
        **result.scores(network.config, network.experiment, network.evaluate()),
    }


if __name__ == "__main__":
    main()
