"""Any network of the paper, trained in minutes on two cores, all but one at full width.

Meta-SpikeFormer, the slowest, has options of its own in the Makefile.

Tests whether trained weights decide alike in float32 and bfloat16.
Paper:     none.
Command:   python -m experiments.train digits_networks --model vgg11, or all of them by
           make precision
Time:      1 to 35 minutes a network on 2 CPU cores
Measured:  docs/results/precision_networks.md
"""

from experiments.config import Config

config = Config(
    name="digits_networks",
    dataset="digits",
    resize=16,
    model="resnet19",
    timesteps=2,
    window="centred",
    optimizer="adam",
    learning_rate=1e-3,
    clip_norm=1.0,
    weight_decay=1e-4,
    batch_size=64,
    epochs=10,
)
