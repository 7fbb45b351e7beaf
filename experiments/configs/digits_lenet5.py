"""LeNet-5 on the handwritten digits inside scikit-learn: the demonstration.

Tests that everything works, on real images, without a download.
Paper:     none.
Command:   make demo
Time:      about 1 minute for both neurons and two seeds on 2 CPU cores.
Measured:  not yet
"""

from experiments.config import Config

config = Config(
    name="digits_lenet5",
    dataset="digits",
    model="lenet5",
    timesteps=2,
    optimizer="adam",
    learning_rate=5e-3,
    weight_decay=1e-4,
    batch_size=64,
    epochs=15,
)
