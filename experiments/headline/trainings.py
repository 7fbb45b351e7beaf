"""The runs of a study, trained one after another, and what is kept of each.

A run is large and lies where it is soon lost; of a finished one its configuration,
metrics and result are kept, in a folder of the same layout without checkpoints. What is
kept is not trained again, and is all that the page is made from.
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from experiments.config import Config
from experiments.deadline import Deadline
from experiments.engine import run
from experiments.interruption import Interrupted
from experiments.packed_state import Format, PackedState
from experiments.run_folder import RunError, RunFolder
from qifjax.parallel import Layout

# What a run does at least, once it has begun.
_ACTS = ("start", "steps", "save", "pack")
_CURVES = ("epoch", "step", "train_loss", "train_accuracy", "loss", "accuracy")


def folder_name(arm: str, seed: int) -> str:
    """The name of the folder of a run, where it is trained and where it is kept."""
    return f"{arm}-seed{seed}"


def train(
    configs: Mapping[tuple[str, int], Config],
    workdir: Path,
    results: Path,
    data_dir: Path,
    layout: Layout,
    deadline: Deadline,
    packs: Path | None = None,
    pack_format: Format = "exact",
) -> Iterator[Path]:
    """Trains every run that is not kept, and keeps it as soon as it is finished.

    Args:
      configs: the runs, by arm and seed.
      workdir: folder of the run folders; unfinished runs go on from there.
      results: folder in which finished runs are kept.
      data_dir: where data sets are.
      layout: the devices to run on.
      deadline: when everything has to have ended.
      packs: folder in which the run that is stopped is packed, in a folder of its own,
        and from which it goes on; that of a finished run is removed when it is kept.
      pack_format: how it is packed.

    Yields:
      Where each run is kept, when it is.

    Raises:
      RunError: if another configuration's run is kept or in the workdir; none is
        trained then.
      Interrupted: on request, or at the deadline; the next call goes on.
    """
    missing = {}
    for (arm, seed), config in configs.items():
        if find(results, arm, seed, config) is None:
            missing[folder_name(arm, seed)] = config

    def run_of(name: str) -> tuple[RunFolder, PackedState | None]:
        pack = None if packs is None else PackedState(packs / name, pack_format)
        return RunFolder(workdir / name), pack

    def finished(name: str) -> bool:
        folder, pack = run_of(name)
        return folder.finished or (pack is not None and pack.finished)

    # What only has to be kept comes first: no deadline is too near for that.
    for name in sorted(missing, key=lambda name: not finished(name)):
        if not finished(name) and deadline.too_near(*_ACTS):
            raise Interrupted(f"{deadline.name} before {name}")
        folder, pack = run_of(name)
        run(
            *(missing[name], folder, data_dir, layout),
            resume=folder.started,
            pack=pack,
            deadline=deadline,
        )
        keep(folder, results / name)
        if pack is not None:
            shutil.rmtree(pack.folder, ignore_errors=True)
        yield results / name


def find(results: Path, arm: str, seed: int, config: Config) -> RunFolder | None:
    """What is kept of a run, or None where it is not.

    Raises:
      RunError: if a run of another configuration is kept in its place.
    """
    folder = RunFolder(results / folder_name(arm, seed))
    if not folder.finished:
        return None
    try:
        folder.open(config, resume=True)
    except RunError as error:
        # Its advice is about the folder of a run that is trained.
        raise RunError(str(error).replace("--workdir", "--out")) from error
    return folder


def keep(run: RunFolder, path: Path) -> None:
    """Keeps what a finished run has found: its result, and curves without layers.

    Args:
      run: the folder of the run.
      path: where it is kept.
    """
    kept = RunFolder(path)
    kept.open(Config.from_json(run.config()), resume=kept.started)
    kept.start_metrics(0)
    for entry in run.metrics():
        kept.add_metrics({name: entry[name] for name in _CURVES})
    kept.finish(run.result())
