"""LeNet-5 on Fashion-MNIST: one cell of the paper's robustness study (Appendix F).

Tests the smallest network of the paper on real images, QIF against LIF.
Paper:     no number for this cell (its Table 6 summarises 25 LIF and 50 QIF cells).
Command:   python -m experiments.compare fashion_mnist_lenet5 --seeds 3
Time:      about 4 minutes a run on 2 busy CPU cores.
Measured:  docs/results/fashion_mnist_lenet5.md and, over the parameters of the neurons,
           docs/results/robustness.md, docs/results/robustness_seeds.md and
           docs/results/robustness_rates.md
"""

from experiments.config import Config

config = Config(
    name="fashion_mnist_lenet5",
    dataset="fashion_mnist",
    model="lenet5",
    timesteps=2,
    optimizer="adam",
    learning_rate=1e-3,
    weight_decay=1e-4,
    batch_size=128,
    epochs=10,
)
