"""LeNet-5 on real event recordings: N-MNIST, or the sample of it that is at hand.

Tests that event frames train, QIF against LIF, where the neurons have to use time.
Paper:     none.
Command:   python -m experiments.compare nmnist_lenet5 --seeds 3
Time:      under 2 minutes a run of 1,000 recordings on 2 CPU cores.
Measured:  docs/results/events.md
"""

from experiments.config import Config

config = Config(
    name="nmnist_lenet5",
    dataset="nmnist",
    model="lenet5",
    optimizer="adam",
    learning_rate=5e-3,
    weight_decay=1e-4,
    batch_size=50,
    epochs=20,
)
