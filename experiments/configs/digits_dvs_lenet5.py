"""LeNet-5 on simulated event recordings of the handwritten digits in scikit-learn.

Tests event networks without any data at hand; simulated, not recorded.
Paper:     none.
Command:   python -m experiments.compare digits_dvs_lenet5 --seeds 3
Time:      under 2 minutes a run on 2 CPU cores.
Measured:  docs/results/events.md
"""

from experiments.config import Config

config = Config(
    name="digits_dvs_lenet5",
    dataset="digits_dvs",
    model="lenet5",
    optimizer="adam",
    learning_rate=5e-3,
    weight_decay=1e-4,
    batch_size=50,
    epochs=10,
)
