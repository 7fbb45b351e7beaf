"""ResNet-19 on CIFAR-100 (Table 5).

Tests QIF against LIF on 100 classes, with AutoAugment.
Paper:     energy 0.778 mJ (QIF) and 0.958 mJ (LIF); its accuracy table is lost.
Command:   python -m experiments.compare cifar100_resnet19 --seeds 3
Time:      not measured; meant for a GPU or TPU
Measured:  not yet
"""

from experiments.config import Config

config = Config(
    name="cifar100_resnet19",
    dataset="cifar100",
    augment="cifar100",
    model="resnet19",
    timesteps=2,
    optimizer="sgd",
    learning_rate=0.1,
    lif_learning_rate=1e-3,
    weight_decay=1e-4,
    batch_size=128,
    epochs=350,
)
