"""Trains one network: python -m experiments.train CONFIG [options]."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments import cli, memory
from experiments.build import build
from experiments.config import Config, ConfigError
from experiments.deadline import Deadline, stop_after
from experiments.engine import run
from experiments.feed import DataOn
from experiments.interruption import Interrupted
from experiments.packed_state import Format, PackedState
from experiments.run_folder import RunFolder
from experiments.tensorboard import EventFiles
from qifjax import processes
from qifjax.parallel import Layout, Mode


@dataclass(frozen=True)
class Train:
    """Train one network and write a run folder.

    CONFIG is the name of a file in experiments/configs; options replace its values.

    Attributes:
      config: the configuration.
      workdir: folder of the run; by default runs/NAME-NEURON-seedN.
      data_dir: where data sets are.
      parallel: "jit" runs on one device, "pmap" divides each batch over the devices of
        this machine, "mesh" over those of all machines; the result is the same.
      devices: number of devices; by default one for "jit", else all.
      processes: number of processes of a run over many machines, each started with the
        same options and --parallel mesh; 0 takes it, and the two below, from the
        environment of the cluster.
      process_index: number of this process, from 0.
      coordinator: address of process 0, as HOST:PORT.
      resume: go on with the run in the folder, from its newest intact checkpoint.
      resume_step: go on from the checkpoint of this step; later ones are removed when
        the next one has been written.
      keep: number of newest checkpoints that are kept. A run with --evaluate-on
        validation also keeps that of its best epoch, which result.json names; one that
        is scored on the test set does not, since nothing may be chosen by that score.
      stop_after: stop after this time, such as 520s, 8m or 1.5h, as a SIGTERM would:
        write the state and say which command goes on. It counts from the start of this
        command, with reading data and compilation, but without the seconds in which
        Python loads the libraries before. The run begins no dispatch of 25 steps that
        would leave too little time to score the epoch that ends with it and to write
        the state, where each is taken to last as long as the longest so far and a half
        more. So it takes longer only where one of these lasts longer than that, where
        the first write is slower than 10 MB/s, or where the time is too short to start
        and take one dispatch, since one is always taken.
      pack_state: folder into which the whole state is packed when the run stops or
        finishes, in files of at most 16 MiB and 64 MiB in all, with its metrics. Where
        it holds a state of this config, the run goes on from it, also in another
        --workdir or elsewhere, unless the --workdir has a checkpoint as new; of a
        finished run it unpacks weights and result. It holds no other checkpoint, not
        even that of the best epoch.
      pack_format: "exact" packs everything as it is; "bfloat16" shortens kernels and
        their optimizer state; "int8-momentum" keeps the weights and shortens the
        optimizer state, momentum to int8 with a scale for each output channel. What
        has less than two axes is always exact.
      save_every: seconds from one checkpoint to the next; 0 writes one after every
        epoch instead. One is always written at the end, and where the run stops.
      data_on: where the examples lie: all on the "device", or on the "host", which
        gathers the next batches while the device works, for sets that do not fit it;
        the result is the same.
      tensorboard: write the metrics of each epoch to the folder tensorboard of the run
        as well, as TensorBoard reads them.
      memory_report: instead of training, print what a training step holds in memory,
        layer by layer, and which batch fits.
    """

    config: Annotated[Config, tyro.conf.arg(name="")]
    workdir: Path | None = None
    data_dir: Path = Path(".data")
    parallel: Mode = "jit"
    devices: int | None = None
    processes: int = 1
    process_index: int | None = None
    coordinator: str | None = None
    resume: bool = False
    resume_step: int | None = None
    keep: int = 2
    stop_after: str | None = None
    pack_state: Path | None = None
    pack_format: Format = "exact"
    save_every: float = 60.0
    data_on: DataOn = "device"
    tensorboard: bool = False
    memory_report: bool = False


def main(argv: Sequence[str] | None = None) -> None:
    began = time.monotonic()
    with cli.one_line_errors():
        options = cli.parse_with_config(Train, argv, "python -m experiments.train")
        cli.start_quickly()
        config = options.config
        if options.keep < 1:
            raise ConfigError(f"--keep must be at least 1, got {options.keep}")
        if not options.save_every >= 0:
            raise ConfigError(
                f"--save-every must be at least 0 seconds, got {options.save_every}"
            )
        deadline = stop_after(options.stop_after, began)
        _connect(options)
        if options.memory_report and options.data_on == "host":
            raise ConfigError(
                "--memory-report counts all examples on the device; leave out "
                "--data-on host, and subtract the training and evaluation sets"
            )
        if options.memory_report:
            print(_memory_report(options))
            return
        workdir = options.workdir or default_workdir(config)
        try:
            result = _run(options, workdir, deadline)
        except Interrupted as interruption:
            print(f"stopped: {interruption}; go on with: {_resume_command(argv)}")
            return
        scores = result[config.evaluate_on]
        if not processes.is_first():
            return
        print(
            f"{config.evaluate_on} accuracy {scores['accuracy']:.4f}, "
            f"mean firing rate {result['mean_firing_rate']:.4f}, "
            f"energy {result['total_energy_mj']:.3g} mJ an image; {workdir}/result.json"
        )


def _run(options: Train, workdir: Path, deadline: Deadline) -> dict[str, Any]:
    """Trains, with or without event files."""
    pack = None
    if options.pack_state is not None:
        pack = PackedState(options.pack_state, options.pack_format)
    with contextlib.ExitStack() as stack:
        on_epoch = None
        if options.tensorboard:
            folder = workdir / "tensorboard"
            on_epoch = stack.enter_context(EventFiles(folder)).write
        return run(
            options.config,
            RunFolder(workdir),
            options.data_dir,
            cli.layout(options.parallel, options.devices),
            resume=options.resume or options.resume_step is not None,
            resume_step=options.resume_step,
            keep=options.keep,
            save_every=options.save_every,
            data_on=options.data_on,
            on_epoch=on_epoch,
            pack=pack,
            deadline=deadline,
        )


def _memory_report(options: Train) -> str:
    """What a step holds on each device, which sees its share of a batch."""
    config, placed = options.config, cli.layout(options.parallel, options.devices)
    count = len(placed.devices)
    if config.batch_size % count:
        raise ConfigError(
            f"--batch-size {config.batch_size} cannot be divided over {count} devices"
        )
    share = replace(config, batch_size=config.batch_size // count)
    alone = Layout("jit", placed.devices[:1])
    report = memory.measure(build(share, options.data_dir, alone), count)
    return memory.text(report, count)


def _connect(options: Train) -> None:
    """Joins the other processes, if there are any."""
    if options.processes == 1:
        return
    place = (options.process_index, options.coordinator)
    if options.parallel != "mesh":
        raise ConfigError(
            "--processes needs --parallel mesh, which divides batches over all of them"
        )
    if options.processes and None in place:
        raise ConfigError(
            f"--processes {options.processes} needs --process-index and --coordinator; "
            "--processes 0 takes all three from the cluster"
        )
    try:
        processes.connect(options.coordinator, options.processes or None, place[0])
    except (RuntimeError, ValueError) as error:
        raise ConfigError(f"cannot join the processes: {error}") from error


def _resume_command(argv: Sequence[str] | None) -> str:
    """The command that goes on with the run of a command."""
    resuming = {"--resume": 0, "--resume-step": 1}
    kept = cli.without(cli.arguments(argv), resuming)
    return cli.command("python -m experiments.train", [*kept, "--resume"])


def default_workdir(config: Config) -> Path:
    """Where a run goes that was not told."""
    return Path("runs") / f"{config.name}-{config.neuron}-seed{config.seed}"


if __name__ == "__main__":
    main()
