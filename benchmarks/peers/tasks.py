"""The work that is compared, for all environments: only NumPy is needed here."""

from typing import Literal, NamedTuple

import numpy as np

LEARNING_RATE = 1e-3
"""Of Adam, without weight decay."""

NEURONS = ("qif", "lif")


class Network(NamedTuple):
    """A network and its batch.

    Attributes:
      name: its name in :mod:`qifjax.nn`.
      timesteps: number of time steps T.
      batch: examples.
      shape: ``(H, W, C)`` of an image or of an event frame.
      events: event frames, not static images.
      flattened: ``(H, W, C)`` in front of the first dense layer, where that sees more
        than one pixel: frameworks differ in the order in which they join these axes.
    """

    name: str
    timesteps: int
    batch: int
    shape: tuple[int, int, int]
    events: bool = False
    flattened: tuple[int, int, int] | None = None

    def inputs(self) -> np.ndarray:
        """Random uint8 images ``[B, H, W, C]`` or event counts ``[T, B, H, W, C]``."""
        rng = np.random.default_rng(0)
        if self.events:
            size = (self.timesteps, self.batch, *self.shape)
            return rng.poisson(0.3, size).astype(np.uint8)
        return rng.integers(256, size=(self.batch, *self.shape), dtype=np.uint8)

    def labels(self) -> np.ndarray:
        """Random labels of ten classes, int64 ``[B]``."""
        return np.random.default_rng(1).integers(10, size=self.batch)

    def prepared(self, inputs: np.ndarray) -> np.ndarray:
        """What the network sees: images standardised, counts as they are, float32."""
        floats = inputs.astype(np.float32)
        return floats if self.events else (floats - MEAN) / DEVIATION


MEAN, DEVIATION = 127.5, 73.9
"""Of uniform pixels from 0 to 255."""

NETWORKS = {
    network.name: network
    for network in (
        Network("lenet5", 2, 128, (28, 28, 1), flattened=(5, 5, 16)),
        Network("vggsnn", 10, 8, (48, 48, 2), events=True, flattened=(3, 3, 512)),
        Network("resnet19", 2, 8, (32, 32, 3)),
    )
}

Kind = Literal["train", "infer", "neuron"]


class Task(NamedTuple):
    """What is timed.

    Attributes:
      kind: ``"train"``, a training step: forward pass, cross-entropy of the mean output
        over time, backward pass, Adam; ``"infer"``, the logits of a batch with the
        running statistics of the norms; ``"neuron"``, spikes of given currents and the
        gradient of the currents for a given gradient of the spikes.
      network: name in :data:`NETWORKS`; of ``"neuron"``, ``""``.
      steps: how often it is done in one timed turn.
      shape: of ``"neuron"``, the shape of the currents ``[T, ...]``.
    """

    kind: Kind
    network: str
    steps: int
    shape: tuple[int, ...] = ()

    def currents(self) -> np.ndarray:
        """Currents as behind tdBN, float32 ``[T, ...]``."""
        rng = np.random.default_rng(5)
        return rng.standard_normal(self.shape, np.float32) * np.float32(0.5)

    def cotangent(self) -> np.ndarray:
        """A gradient of the spikes, float32 ``[T, ...]``."""
        rng = np.random.default_rng(3)
        return rng.standard_normal(self.shape, np.float32)


_LAYER = (64, 32_768)
TASKS: dict[str, Task] = {
    "train-lenet5": Task("train", "lenet5", 10),
    "train-vggsnn": Task("train", "vggsnn", 1),
    "train-resnet19": Task("train", "resnet19", 1),
    "neuron-2": Task("neuron", "", 5, (2, *_LAYER)),
    "neuron-4": Task("neuron", "", 3, (4, *_LAYER)),
    "neuron-10": Task("neuron", "", 1, (10, *_LAYER)),
    "neuron-32": Task("neuron", "", 1, (32, *_LAYER)),
    "infer-lenet5": Task("infer", "lenet5", 20),
    "infer-vggsnn": Task("infer", "vggsnn", 1),
    "infer-resnet19": Task("infer", "resnet19", 2),
}
"""By the name that the command line takes."""

SMALL = Task("neuron", "", 1, (10, 4096))
"""What has to be equal before anything is timed."""
