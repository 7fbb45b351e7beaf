"""ResNet-34 on CIFAR-10 enlarged to 64 x 64 pixels (Appendix E.1).

Tests a deeper network; LIF with alpha 0.5 and a learning rate of 0.01.
Paper:     88.50 % and 1.4 mJ (QIF), 88.24 % and 3 mJ (LIF).
Command:   python -m experiments.compare cifar10_resnet34 --seeds 3
Time:      not measured; meant for a GPU or TPU
Measured:  not yet
"""

from experiments.config import Config
from qifjax import LIFParams

config = Config(
    name="cifar10_resnet34",
    dataset="cifar10",
    augment="cifar10",
    resize=64,
    model="resnet34",
    timesteps=2,
    lif=LIFParams(alpha=0.5),
    optimizer="sgd",
    learning_rate=0.1,
    lif_learning_rate=0.01,
    weight_decay=1e-4,
    batch_size=128,
    epochs=350,
)
