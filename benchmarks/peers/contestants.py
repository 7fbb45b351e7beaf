"""Who is compared, in which environment, and how close its neurons are to ours."""

from typing import Literal, NamedTuple

Same = Literal["gradient", "spikes", "cost"]
"""What a neuron has in common with ours: spikes and gradient, spikes alone with another
surrogate, or neither, but nearly the same cost."""

Stepping = Literal["multi-step", "step-by-step", "compiled"]

_TORCH = ("torch==2.13.0", "numpy")


class Environment(NamedTuple):
    """A virtual environment.

    Attributes:
      name: its folder.
      requirements: arguments of each ``pip install``, in order.
    """

    name: str
    requirements: tuple[tuple[str, ...], ...]


class Contestant(NamedTuple):
    """A library at the work of :mod:`benchmarks.peers.tasks`.

    Attributes:
      title: how pages call it.
      module: its worker.
      environment: where that runs; None is the environment of this command.
      same: by neuron model that it has, what is the same as in ours.
      stepping: how its neurons go through time: one call for all steps, one call a
        step, or one compiled program.
    """

    title: str
    module: str
    environment: Environment | None
    same: dict[str, Same]
    stepping: Stepping


def _peer(name: str, *needs: str) -> Environment:
    """The peer's own requirements would bring packages that none of this work needs."""
    bare = ("--no-deps", name)
    return Environment(name.partition("=")[0], (_TORCH, needs, bare))


_BY_HAND = Environment("torch", (_TORCH,))
_EXACT: dict[str, Same] = {"qif": "gradient", "lif": "gradient"}

OURS = "qifjax"
CONTESTANTS = {
    OURS: Contestant("qifjax", "qifjax_worker", None, _EXACT, "compiled"),
    "torch-eager": Contestant(
        *("PyTorch by hand, eager", "torch_eager_worker", _BY_HAND),
        *(_EXACT, "step-by-step"),
    ),
    "torch-compiled": Contestant(
        *("PyTorch by hand, compiled", "torch_compiled_worker", _BY_HAND),
        *(_EXACT, "compiled"),
    ),
    "spikingjelly": Contestant(
        *("SpikingJelly", "spikingjelly_worker"),
        _peer("spikingjelly==2.0.0", "loguru", "tqdm", "scipy", "packaging"),
        {"qif": "cost", "lif": "gradient"},
        "multi-step",
    ),
    "snntorch": Contestant(
        *("snnTorch", "snntorch_worker"),
        _peer("snntorch==1.0.0", "nir", "nirtorch", "h5py", "tqdm"),
        {"lif": "spikes"},
        "step-by-step",
    ),
    "norse": Contestant(
        *("Norse", "norse_worker"),
        _peer("norse==1.1.0", "nir", "nirtorch"),
        {"lif": "spikes"},
        "step-by-step",
    ),
    "spyx": Contestant(
        *("Spyx", "spyx_worker"),
        Environment("spyx", (("spyx==1.0.0",),)),
        {"lif": "cost"},
        "compiled",
    ),
}
"""By the name that the command line takes."""
