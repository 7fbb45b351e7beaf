"""VGGSNN on N-Cars (Table 5).

Tests QIF against LIF on recorded events of two classes, without augmentation.
Paper:     energy 0.259 mJ (QIF) and 1.090 mJ (LIF); its accuracy table is lost.
Command:   python -m experiments.compare n_cars_vggsnn --seeds 3
Time:      not measured; meant for a GPU or TPU
Measured:  not yet
"""

from experiments.config import Config

config = Config(
    name="n_cars_vggsnn",
    dataset="n_cars",
    model="vggsnn",
    model_options={"dropout": 0.6},
    optimizer="adam",
    learning_rate=1e-3,
    weight_decay=1e-4,
    batch_size=64,
    epochs=100,
)
