"""VGG-11 on N-Caltech-101 (Table 5).

Tests QIF against LIF on recorded events, with NDA's augmentation.
Paper:     energy 0.374 mJ (QIF) and 0.788 mJ (LIF); its accuracy table is lost.
Command:   python -m experiments.compare n_caltech101_vgg11 --seeds 3
Time:      not measured; meant for a GPU or TPU
Measured:  not yet
"""

from experiments.config import Config

config = Config(
    name="n_caltech101_vgg11",
    dataset="n_caltech101",
    augment="n_caltech101",
    model="vgg11",
    model_options={"dropout": 0.6},
    optimizer="adam",
    learning_rate=1e-3,
    weight_decay=1e-4,
    batch_size=64,
    epochs=100,
)
