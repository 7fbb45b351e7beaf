"""Checks, before anything is timed, that contestants compute the same."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.contestants import CONTESTANTS, OURS
from benchmarks.peers.field import Field
from benchmarks.peers.tasks import SMALL
from benchmarks.peers.worker import PeerError
from experiments.run_folder import RunError

GRADIENT_TOLERANCE = 1e-5
"""Largest difference of a gradient of a current, absolute."""

LOSS_TOLERANCES = {"lenet5": 1e-4, "vggsnn": 0.1, "resnet19": 0.1}
"""Largest difference of a first loss, in nats. Convolutions round differently, and in
deep networks one spike that falls on the other side changes many behind it."""


def check(
    field: Field, neurons: Iterable[str], networks: Iterable[str]
) -> list[dict[str, Any]]:
    """Compares spikes and gradients of neurons, and first losses of networks.

    Args:
      field: the contestants, ours among them.
      neurons: neuron models.
      networks: names of networks.

    Returns:
      A row a neuron model and contestant, as plain values: share of spikes that
      differ, largest difference of gradients, and of losses by network.

    Raises:
      RunError: if something differs that has to be the same.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = {network: str(Path(folder) / f"{network}.npz") for network in networks}
        for network, file in files.items():
            field.workers[OURS].ask("weights", network=network, found=file)
        return [
            row
            for neuron in neurons
            for row in _compare(field, neuron, files, Path(folder))
        ]


def _compare(field, neuron, files, folder):
    given = folder / "given.npz"
    np.savez(given, currents=SMALL.currents(), cotangent=SMALL.cotangent())
    fired, losses = {}, {}
    for name in field.having(neuron):
        found = folder / f"{name}.npz"
        asks = field.workers[name].ask
        compared = {} if CONTESTANTS[name].same[neuron] == "cost" else files
        try:
            asks("fire", neuron=neuron, given=str(given), found=str(found))
            losses[name] = {
                network: asks("loss", network=network, neuron=neuron, given=file)
                for network, file in compared.items()
            }
        except PeerError as error:
            field.dismiss(name, error)
            continue
        fired[name] = dict(np.load(found))
    rows = [
        _row(neuron, name, fired[name], fired[OURS], losses[name], losses[OURS])
        for name in fired
        if name != OURS
    ]
    for row in rows:
        require(row)
    return rows


def _row(neuron, name, found, ours, losses, our_losses):
    same = CONTESTANTS[name].same[neuron]
    apart = np.abs(found["gradient"] - ours["gradient"]).max()
    return {
        "neuron": neuron,
        "contestant": name,
        "same": same,
        "spikes_apart": float(np.mean(found["spikes"] != ours["spikes"])),
        "gradient_apart": float(apart) if same == "gradient" else None,
        "loss_apart": {
            network: abs(loss - our_losses[network]) for network, loss in losses.items()
        },
    }


def require(row: dict[str, Any]) -> None:
    """Raises RunError if a row shows a difference where there must be none."""
    what = f"{row['contestant']} {row['neuron']}"
    if row["same"] == "cost":
        return
    if row["spikes_apart"] > 0:
        share = row["spikes_apart"]
        raise RunError(f"{what}: {share:.2e} of the spikes differ from qifjax")
    apart = row["gradient_apart"]
    if apart is not None and not apart <= GRADIENT_TOLERANCE:
        raise RunError(f"{what}: gradients differ from qifjax by {apart:.2e}")
    for network, difference in row["loss_apart"].items():
        if not difference <= LOSS_TOLERANCES[network]:
            raise RunError(f"{what}: loss of {network} differs by {difference:.2e}")
