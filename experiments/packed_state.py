"""The whole state of a run in a folder that is small enough to be carried elsewhere.

Beside the packed :class:`Snapshot` it holds the run's ``config.json`` and
``metrics.jsonl``, so that a run goes on from this folder alone, and of a finished run
its ``result.json``.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import jax

from experiments.config import Config, ConfigError
from experiments.run_folder import RunError, RunFolder, write_text
from experiments.snapshot import Snapshot
from qifjax import packed, processes
from qifjax.checkpoint import CheckpointError
from qifjax.encoding import Encoding

Format = Literal["exact", "bfloat16", "int8-momentum"]
"""What is shortened: nothing; weights and optimizer state; the optimizer state."""

_MEBIBYTE = 2**20
_LIMIT = 64 * _MEBIBYTE
_FOR_THE_REST = 2 * _MEBIBYTE  # the manifest, and the metrics of some 800 epochs
_CONFIG, _METRICS, _RESULT = "config.json", "metrics.jsonl", "result.json"


class PackedState:
    """The folder of ``--pack-state``.

    Attributes:
      folder: where it is.
      format: how it is written; it is read whatever its format is.
    """

    def __init__(self, folder: Path, format: Format = "exact"):
        self.folder = folder
        self.format = format

    @property
    def step(self) -> int:
        """Steps that the state has taken; -1 where the folder holds none."""
        step: int = self._about.get("step", -1)
        return step

    @property
    def finished(self) -> bool:
        """Whether the folder holds a finished run, with its result."""
        return bool(self._about.get("finished"))

    @property
    def _about(self) -> dict[str, Any]:
        """What the manifest says; nothing where there is none."""
        if not packed.exists(self.folder):
            return {}
        about = packed.about(self.folder)
        if "step" not in about:
            raise CheckpointError(
                f"{self.folder} holds exported weights, from which no run can go on; "
                "choose another --pack-state"
            )
        return about

    def result(self) -> dict[str, Any]:
        """The result of the finished run that the folder holds.

        Raises:
          CheckpointError: if it is damaged.
        """
        found: dict[str, Any] = json.loads(packed.attached(self.folder, _RESULT))
        return found

    def claim(self, config: Config, run: RunFolder) -> bool:
        """Makes sure that this folder is the run's, and the run's folder exists.

        Args:
          config: what the run computes.
          run: its folder; one that holds no run gets the configuration from here.

        Returns:
          Whether there is a state to go on from.

        Raises:
          RunError: if the state is another configuration's.
          CheckpointError: if the folder holds something else, or is damaged.
        """
        if self.step < 0:
            return False
        theirs = packed.attached(self.folder, _CONFIG).decode()
        try:
            RunFolder(self.folder).open(config, resume=True)
        except RunError as error:
            # Its advice is about the run's folder.
            text = str(error).replace("--workdir", "--pack-state")
            raise RunError(text) from error
        if not run.started:
            run.path.mkdir(parents=True, exist_ok=True)
            write_text(run.path / _CONFIG, theirs)
        return True

    def size(self, like: Snapshot) -> int:
        """Bytes of the packed arrays, from their shapes and dtypes alone."""
        return _size(like, self.format)

    def require_room(self, like: Snapshot) -> None:
        """Raises ConfigError where such a state is too large in this format."""
        room = _LIMIT - _FOR_THE_REST
        if self.size(like) <= room:
            return
        sizes = {name: _size(like, name) for name in get_args(Format)}
        said = ", ".join(f"{n} {b / _MEBIBYTE:.1f}" for n, b in sizes.items())
        raise ConfigError(
            f"--pack-format {self.format} does not fit {room // _MEBIBYTE} MiB "
            f"(MiB of this state: {said}); choose one that does, or leave out "
            "--pack-state"
        )

    def write(
        self,
        snapshot: Snapshot,
        run: RunFolder,
        result: Mapping[str, Any] | None = None,
    ) -> None:
        """Packs a state with the configuration and metrics of its run.

        Args:
          snapshot: the state.
          run: the run's folder.
          result: the result of a finished run.

        Raises:
          CheckpointError: if it has values that the format does not know.
        """
        metrics = run.path / _METRICS
        attached = {
            _CONFIG: (run.path / _CONFIG).read_bytes(),
            _METRICS: metrics.read_bytes() if metrics.exists() else b"",
        }
        if result is not None:
            attached[_RESULT] = json.dumps(result).encode()
        about = {
            "step": int(snapshot.state.step),
            "format": self.format,
            "finished": result is not None,
        }
        packed.write(self.folder, snapshot, _encoding(self.format), attached, about)

    def restore(self, like: Snapshot, run: RunFolder) -> Snapshot:
        """Unpacks the state, and the metrics into the run's folder.

        Args:
          like: a snapshot of the same structure, where the arrays are to lie.
          run: the run's folder.

        Returns:
          The state.

        Raises:
          CheckpointError: if it is damaged or of another structure.
        """
        metrics = packed.attached(self.folder, _METRICS).decode()
        restored = packed.read(self.folder, like)
        if processes.is_first():
            write_text(run.path / _METRICS, metrics)
        return jax.tree.map(_place, restored, like)


def _place(array: Any, like: Any) -> Any:
    return (
        jax.device_put(array, like.sharding) if isinstance(like, jax.Array) else array
    )


def _size(like: Snapshot, format: Format) -> int:
    return packed.size(like, _encoding(format))


def _encoding(format: Format) -> packed.EncodingOf:
    """How each leaf of a snapshot is written in a format."""

    def encoding(path: str, leaf: Any) -> Encoding:
        # What has less axes is small: norms, statistics, counters, keys.
        if format == "exact" or leaf.ndim < 2:
            return "exact"
        if path.startswith((".state.params", ".state.average")):
            return "bfloat16" if format == "bfloat16" else "exact"
        if not path.startswith(".state.opt_state"):
            return "exact"
        # Second moments span too many magnitudes for integers.
        first_moment = ".trace" in path or ".mu" in path
        return "int8" if format == "int8-momentum" and first_moment else "bfloat16"

    return encoding
