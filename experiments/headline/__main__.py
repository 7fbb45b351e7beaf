"""QIF against LIF in one study: python -m experiments.headline STUDY [options]."""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from experiments import cli
from experiments.config import Config, ConfigError
from experiments.deadline import stop_after
from experiments.headline import studies, trainings
from experiments.headline.claims import claims
from experiments.headline.figure import draw
from experiments.headline.page import page
from experiments.headline.report import comparable, summarise
from experiments.interruption import Interrupted
from experiments.packed_state import Format
from experiments.run_folder import write_report
from qifjax.parallel import Mode


@dataclass(frozen=True)
class Headline:
    """Train all arms of a study with several seeds, and write a page about them.

    STUDY is one of experiments/headline/studies.py; options replace its values, such as
    --epochs 60. The same command goes on where it was stopped or killed. Finished runs
    are kept beside the page, without their weights; they are not trained again, and the
    page is made from them alone.

    Attributes:
      config: the configuration; neuron, learning rate and seed of an arm replace its
        own.
      seeds: number of seeds, counted from --seed.
      workdir: folder of the runs; by default runs/headline/STUDY.
      data_dir: where data sets are.
      parallel: see experiments.train.
      devices: see experiments.train.
      stop_after: stop after this time, such as 520s, 8m or 1.5h; see experiments.train.
      pack_state: folder into which the run that is stopped is packed, small enough to
        be carried elsewhere, where the same command goes on with it; see
        experiments.train.
      pack_format: see experiments.train.
      only_page: train nothing, and write the page about the runs that are kept.
      out: JSON file to write; the page and its figure go beside it, and finished runs
        are kept in the folder of its name. By default docs/results/STUDY.json.
    """

    config: Annotated[Config, tyro.conf.arg(name="")]
    seeds: int = 2
    workdir: Path | None = None
    data_dir: Path = Path(".data")
    parallel: Mode = "jit"
    devices: int | None = None
    stop_after: str | None = None
    pack_state: Path | None = None
    pack_format: Format = "exact"
    only_page: bool = False
    out: Path | None = field(default=None, metadata={"ending": ".json"})


def main(argv: Sequence[str] | None = None) -> None:
    began = time.monotonic()
    with cli.one_line_errors():
        program = "python -m experiments.headline"
        options = cli.parse_with_config(Headline, argv, program, studies)
        cli.start_quickly()
        if options.seeds < 1:
            raise ConfigError(f"--seeds must be at least 1, got {options.seeds}")
        if options.config.epochs < 1:
            raise ConfigError("--epochs must be at least 1, got 0")
        study = studies.find(options.config.name)
        workdir = options.workdir or Path("runs/headline") / options.config.name
        out = options.out or Path(f"docs/results/{options.config.name}.json")
        results = out.with_suffix("")
        if workdir.resolve() == results.resolve():
            raise ConfigError(
                f"runs would be kept in {results}, where they are trained; choose "
                "another --workdir or --out"
            )
        command = cli.command(program, argv)
        # The command on the page gives all of it, trainings and all, in one sitting.
        sitting = {
            "--only-page": 0,
            "--stop-after": 1,
            "--pack-state": 1,
            "--pack-format": 1,
        }
        whole = cli.command(program, cli.without(cli.arguments(argv), sitting))

        def write() -> None:
            report = summarise(study, options.config, options.seeds, results, whole)
            draw(report, out.with_suffix(".png"))
            found = [dataclasses.asdict(claim) for claim in claims(report)]
            content = {**report.to_json(), "claims": found}
            write_report(out, content, page(report, f"{out.stem}.png"))

        if not options.only_page:
            try:
                for run in trainings.train(
                    study.configs(options.config, options.seeds),
                    workdir,
                    results,
                    options.data_dir,
                    cli.layout(options.parallel, options.devices),
                    stop_after(options.stop_after, began),
                    options.pack_state,
                    options.pack_format,
                ):
                    print(f"kept: {run}")
                    if comparable(study, options.config, options.seeds, results):
                        write()
            except Interrupted as interruption:
                print(f"stopped: {interruption}; go on with: {command}")
                return
        write()
        print(out.with_suffix(".md"))


if __name__ == "__main__":
    main()
