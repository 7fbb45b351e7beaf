"""DVSGestureNet at half width on real event recordings: N-MNIST, or the sample at hand.

The network of the paper's second robustness study (Appendix F: 20 epochs, no dropout),
where DVS128 Gesture is not at hand and two cores are all there is.
Paper:     none on these recordings.
Command:   python -m experiments.sweep nmnist_dvs_gesture_net --grid "a=0.2:0.4:0.2
           u_c=0.2:1.0:0.4 u_th=0.2:1.0:0.4", as in make robustness
Time:      about 12 minutes a run of 1,000 recordings on one CPU core
Measured:  docs/results/robustness_gesture.md (with LIF)
"""

from experiments.config import Config

config = Config(
    name="nmnist_dvs_gesture_net",
    dataset="nmnist",
    model="dvs_gesture_net",
    model_options={"width_multiplier": 0.5},
    optimizer="adam",
    learning_rate=1e-3,
    weight_decay=1e-4,
    batch_size=32,
    epochs=20,
)
