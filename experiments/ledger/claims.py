"""Every row of the paper's tables and every claim of its text that can be measured."""

from collections.abc import Callable
from dataclasses import dataclass

from experiments import paper
from experiments.ledger import measured
from experiments.ledger.measured import Results


@dataclass(frozen=True)
class Claim:
    """One row of the ledger.

    Attributes:
      where: place in the paper.
      what: what is measured or claimed there.
      paper: the paper's value.
      command: what measures it here, without ``python -m``.
      missing: what the command needs that has not been at hand: data or time on a GPU.
      ours: what has been measured, from the results; None where they do not hold it.
    """

    where: str
    what: str
    paper: str
    command: str
    missing: str = ""
    ours: Callable[[Results], str | None] = measured.nothing


_GPU = "a GPU"


def _compare(config: str, steps: int | None = None) -> str:
    """The command that fills a row; other time steps have folders of their own."""
    name, more = config, ""
    if steps is not None:
        name = f"{config}_t{steps}"
        more = f" --timesteps {steps} --workdir runs/{name}"
    report = f"--report docs/results/{name}.md"
    return f"experiments.compare {config} --seeds 3{more} {report}"


def _sweeps(config: str, more: str = "") -> str:
    lif, qif = "beta=.2:1:.2 u_th=.2:1:.2", "a=.2:1:.2 u_c=.2:1:.2 u_th=.2:1:.2"
    return (
        f"experiments.sweep {config}{more} --neuron lif --grid '{lif}' --out LIF.json; "
        f"experiments.sweep {config}{more} --neuron qif --grid '{qif}' --out QIF.json; "
        "experiments.robustness LIF.json QIF.json"
    )


def _energy(runs: str) -> str:
    return f"experiments.energy runs/{runs}/lif-seed0 runs/{runs}/qif-seed0"


def _table_1(data: str, config: str, missing: str) -> Claim:
    lif, qif = paper.ENERGY_MJ[config]
    return Claim(
        "Table 1",
        f"energy on {data}, LIF and QIF",
        f"{lif} and {qif} mJ ({lif / qif:.2f}x)",
        f"{_compare(config)}; {_energy(config)}",
        missing,
        measured.comparison(config, measured.energies),
    )


def _accuracy(
    where: str, what: str, paper: str, command: str, config: str, missing: str
) -> Claim:
    ours = measured.comparison(config, measured.accuracies)
    return Claim(where, what, paper, command, missing, ours)


def _lost(config: str) -> str:
    return f"lost; {paper.QIF_ACCURACY[config]} by its text"


_DVS = "CIFAR10-DVS (10,000 recordings)"
_CALTECH = "N-Caltech-101 (8,709 recordings; five are here)"
_CARS = "N-Cars (24,029 recordings; one is here)"
_GESTURE = "DVS128 Gesture (1,342 recordings; ten excerpts are here)"
_C100 = f"all of CIFAR-100 (a sample of 2,500 is here), {_GPU}"

ENERGY = (
    _table_1("CIFAR-10, ResNet-19", "cifar10_resnet19", _GPU),
    _table_1("CIFAR-100, ResNet-19", "cifar100_resnet19", _C100),
    _table_1("CIFAR10-DVS, VGGSNN", "cifar10_dvs_vggsnn", _DVS),
    _table_1("N-Caltech-101, VGG-11", "n_caltech101_vgg11", _CALTECH),
    _table_1("N-Cars, VGGSNN", "n_cars_vggsnn", _CARS),
    _table_1("DVS128 Gesture", "dvs128_gesture", _GESTURE),
    Claim(
        "abstract",
        "QIF needs less energy than LIF by eq. 17",
        "1.43 to 4.21 times (Table 1: 1.23 to 4.21)",
        "experiments.energy RUN RUN",
        ours=measured.smaller_energy,
    ),
    Claim(
        "section 5.2",
        "QIF spikes less than LIF",
        f"{100 * paper.LESS_SPIKING_ON_AVERAGE:.2f} % less on average, "
        f"{100 * paper.LESS_SPIKING['cifar10_resnet19']:.0f} % on CIFAR-10",
        _compare("fashion_mnist_lenet5"),
        ours=measured.smaller_rate,
    ),
    Claim(
        "section 5.2",
        "its dynamics make it harder to spike",
        "stated",
        "pytest tests/test_paper_errors.py",
        ours=lambda _: "No: at equal input QIF fires more (docs/paper_errors.md)",
    ),
    Claim(
        "Table 2",
        "inference time of QIF against LIF",
        "1.04 to 1.39 times",
        "experiments.latency",
        ours=measured.latency,
    ),
    Claim(
        "Figure 9",
        "potentials above threshold, sixth layer of ResNet-19 on CIFAR-10",
        "16 % LIF, 4 % QIF",
        "experiments.figures RUN RUN",
        _GPU,
    ),
)

ACCURACY = (
    _accuracy(
        "Table 3",
        "CIFAR-10, ResNet-19, T = 2, QIF",
        _lost("cifar10_resnet19"),
        _compare("cifar10_resnet19"),
        "cifar10_resnet19",
        _GPU,
    ),
    _accuracy(
        "Table 3",
        "CIFAR-10, ResNet-19, T = 4, QIF",
        "lost; 94.3 to 94.9 % by its text",
        _compare("cifar10_resnet19", 4),
        "cifar10_resnet19_t4",
        _GPU,
    ),
    _accuracy(
        "Table 3",
        "CIFAR-100, ResNet-19, T = 2, QIF",
        _lost("cifar100_resnet19"),
        _compare("cifar100_resnet19"),
        "cifar100_resnet19",
        _C100,
    ),
    _accuracy(
        "Table 3",
        "CIFAR-100, ResNet-19, T = 4, QIF",
        "lost; 76.8 to 77.2 % by its text",
        _compare("cifar100_resnet19", 4),
        "cifar100_resnet19_t4",
        _C100,
    ),
    _accuracy(
        "Table 4",
        "CIFAR10-DVS, VGGSNN, T = 10, QIF",
        _lost("cifar10_dvs_vggsnn"),
        _compare("cifar10_dvs_vggsnn"),
        "cifar10_dvs_vggsnn",
        _DVS,
    ),
    _accuracy(
        "Table 4",
        "N-Caltech-101, VGG-11, T = 10, QIF",
        _lost("n_caltech101_vgg11"),
        _compare("n_caltech101_vgg11"),
        "n_caltech101_vgg11",
        _CALTECH,
    ),
    _accuracy(
        "Table 4",
        "N-Cars, VGGSNN, T = 10, QIF",
        _lost("n_cars_vggsnn"),
        _compare("n_cars_vggsnn"),
        "n_cars_vggsnn",
        _CARS,
    ),
    _accuracy(
        "Table 4",
        "DVS128 Gesture, T = 10, QIF",
        _lost("dvs128_gesture"),
        _compare("dvs128_gesture"),
        "dvs128_gesture",
        _GESTURE,
    ),
    _accuracy(
        "appendix E.1",
        "CIFAR-10 at 64 pixels, ResNet-34, LIF and QIF",
        "88.24 and 88.50 %; 3 and 1.4 mJ",
        _compare("cifar10_resnet34"),
        "cifar10_resnet34",
        _GPU,
    ),
    _accuracy(
        "appendix E.2",
        "Tiny ImageNet, Meta-SpikeFormer, LIF and QIF",
        "38.16 and 39.16 %; 8.14 and 8.20 mJ",
        _compare("tiny_imagenet_meta_spikeformer"),
        "tiny_imagenet_meta_spikeformer",
        f"Tiny ImageNet (110,000 images), {_GPU}",
    ),
    Claim(
        "section 5.3",
        "QIF is at least as accurate as LIF",
        "stated for all sets",
        "experiments.learning_rates fashion_mnist_lenet5 --neurons qif lif euler_qif",
        ours=measured.accuracy_at_best_rates,
    ),
    Claim(
        "appendix C",
        "Euler QIF (eq. 22) spikes more and is not more accurate than QIF",
        "preliminary tests",
        "experiments.learning_rates fashion_mnist_lenet5 --neurons qif lif euler_qif",
        ours=measured.euler,
    ),
)

TRAINING = (
    Claim(
        "Theorem 1",
        "mean and variance of the membrane under tdBN",
        "a (u_th² + u_rest u_c) and u_th² h",
        "experiments.windows RUN",
        ours=measured.theorem,
    ),
    Claim(
        "section 4.2",
        "the analytic window makes training better than a window of choice",
        "stated",
        "make analysis",
        ours=measured.windows,
    ),
    Claim(
        "section 5.4",
        "QIF trains faster",
        "stated",
        _compare("fashion_mnist_lenet5"),
        ours=measured.faster,
    ),
    Claim(
        "section 5.4",
        "QIF has the broader, smoother loss landscape",
        "Figures 15 to 36",
        "experiments.landscape RUN RUN",
        ours=measured.flatter,
    ),
    Claim(
        "throughout",
        "two time steps on images (T = 2)",
        "used",
        "experiments.temporal RUN; docs/time.md",
        ours=measured.one_step,
    ),
    Claim(
        "Table 6, LeNet-5",
        "QIF has the higher minimum, mean and maximum accuracy over its parameters and "
        "the smaller deviation (a <= 0.4)",
        "stated; the table is lost",
        _sweeps("fashion_mnist_lenet5"),
        "hours on two cores",
        measured.robust(
            {
                "robustness": "Fashion-MNIST, one seed",
                "robustness_seeds": "three seeds",
                "robustness_rates": "each at its better learning rate, one seed",
            }
        ),
    ),
    Claim(
        "Table 6, DVSGestureNet",
        "the same",
        "stated; the table is lost",
        _sweeps("dvs128_gesture", " --epochs 20 --model-options dropout 0"),
        f"{_GESTURE}, a GPU",
        measured.robust(
            {"robustness_gesture": "not the paper's set but N-MNIST, half the width"}
        ),
    ),
)

SECTIONS = {
    "Energy, spikes and time": ENERGY,
    "Accuracy": ACCURACY,
    "Windows, training and robustness": TRAINING,
}
