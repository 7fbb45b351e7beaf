"""ResNet-19 on CIFAR-10, the first row of the paper's Table 5.

Tests QIF against LIF, each at the paper's learning rate (Appendix B: LIF 100 times
smaller).
Paper:     energy 0.531 mJ (QIF) and 0.968 mJ (LIF), 46 % less spiking; its accuracy
           table is lost.
Command:   python -m experiments.compare cifar10_resnet19 --seeds 3
Time:      not measured; meant for a GPU or TPU
Measured:  docs/results/cifar10_resnet19_narrow.md (at a sixteenth of the width)
"""

from experiments.config import Config

config = Config(
    name="cifar10_resnet19",
    dataset="cifar10",
    augment="cifar10",
    model="resnet19",
    timesteps=2,
    optimizer="sgd",
    learning_rate=0.1,
    lif_learning_rate=1e-3,
    weight_decay=1e-4,
    batch_size=128,
    epochs=350,
)
