"""The finished cells of a sweep, a line each, that nothing takes back."""

import json
from pathlib import Path
from typing import Any

from experiments.config import Config
from experiments.run_folder import RunError, write_json
from experiments.sweep.axes import Cell


class Store:
    """A folder with ``config.json`` and files ``cells*.jsonl``, only ever appended to.

    Args:
      folder: the folder.
      base: the configuration; parameters of its neuron, learning rate, weight decay and
        seed are those of the cells and may differ.
      writer: name of the process that appends, so that no two write to one file.

    Raises:
      RunError: if the folder holds a sweep of another configuration.
    """

    def __init__(self, folder: Path, base: Config, writer: str = ""):
        self._folder = folder
        self._base = base
        self._file = folder / f"cells{writer}.jsonl"
        mine = shared(base)
        file = folder / "config.json"
        if not file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_json(file, mine)
        # Settings that came later have their defaults in sweeps from before.
        theirs = shared(Config.from_json(json.loads(file.read_text())))
        for name in sorted(mine):
            if mine[name] != theirs[name]:
                raise RunError(
                    f"{folder} holds a sweep with another config ({name}: there "
                    f"{theirs[name]!r}, here {mine[name]!r}); choose another "
                    "--workdir"
                )

    def identity(self, cell: Cell) -> str:
        """What tells the network of a cell from those of all other grids."""
        config = cell.config(self._base)
        whole = {
            **config.neuron_params._asdict(),
            "learning_rate": config.neuron_learning_rate,
            "weight_decay": config.weight_decay,
        }
        return Cell({k: float(v) for k, v in whole.items()}, cell.seed).name

    def rows(self) -> dict[str, dict[str, Any]]:
        """Everything that is known, by identity; a torn last line is left out."""
        found = {}
        for file in sorted(self._folder.glob("cells*.jsonl")):
            for line in file.read_text().splitlines():
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                found[row["cell"]] = row
        return found

    def add(self, cell: Cell, row: dict[str, Any]) -> None:
        """Appends what a cell has given, on a line of its own."""
        line = json.dumps({"cell": self.identity(cell), "seed": cell.seed, **row})
        torn = self._file.exists() and not self._file.read_bytes().endswith(b"\n")
        with self._file.open("a") as file:
            file.write(("\n" if torn else "") + line + "\n")


def shared(base: Config) -> dict[str, Any]:
    """What all cells of a sweep have in common, as it reads in a file."""
    plain: dict[str, Any] = json.loads(json.dumps(base.to_json()))
    for name in ("qif", "lif", "euler_qif", "seed"):
        del plain[name]
    for name in ("learning_rate", "lif_learning_rate", "weight_decay"):
        del plain[name]
    return plain
