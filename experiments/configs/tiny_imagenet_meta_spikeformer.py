"""Meta-SpikeFormer on Tiny ImageNet (Appendix E.2).

Tests a transformer; resolution and T are not in the paper, here 64 pixels and T = 1.
Paper:     39.16 % and 8.20 mJ (QIF), 38.16 % and 8.14 mJ (LIF).
Command:   python -m experiments.compare tiny_imagenet_meta_spikeformer --seeds 3
Time:      not measured; meant for a GPU or TPU
Measured:  not yet
"""

from experiments.config import Config
from qifjax import LIFParams

config = Config(
    name="tiny_imagenet_meta_spikeformer",
    dataset="tiny_imagenet",
    augment="tiny_imagenet",
    model="meta_spikeformer",
    timesteps=1,
    lif=LIFParams(alpha=0.5),
    optimizer="adam",
    learning_rate=1e-3,
    weight_decay=1e-4,
    batch_size=128,
    epochs=100,
)
