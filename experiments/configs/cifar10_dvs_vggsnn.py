"""VGGSNN on CIFAR10-DVS (Table 5).

Tests QIF against LIF on recorded events; 10 frames of 48 x 48.
Paper:     energy 0.361 mJ (QIF) and 0.848 mJ (LIF); its accuracy table is lost.
Command:   python -m experiments.compare cifar10_dvs_vggsnn --seeds 3
Time:      not measured; meant for a GPU or TPU
Measured:  docs/results/cifar10_dvs_sim_vggsnn.md (narrow, on simulated events)
"""

from experiments.config import Config

config = Config(
    name="cifar10_dvs_vggsnn",
    dataset="cifar10_dvs",
    augment="cifar10_dvs",
    model="vggsnn",
    model_options={"dropout": 0.6},
    optimizer="adam",
    learning_rate=1e-3,
    weight_decay=5e-4,
    batch_size=64,
    epochs=100,
)
