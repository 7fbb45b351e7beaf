"""DVSGestureNet on DVS128 Gesture (Table 5).

Tests QIF against LIF on recorded gestures; 10 frames of 128 x 128.
Paper:     energy 0.724 mJ (QIF) and 1.095 mJ (LIF); its accuracy table is lost.
Command:   python -m experiments.compare dvs128_gesture --seeds 3
Time:      not measured; meant for a GPU or TPU
Measured:  not yet
"""

from experiments.config import Config

config = Config(
    name="dvs128_gesture",
    dataset="dvs128_gesture",
    augment="dvs128_gesture",
    model="dvs_gesture_net",
    model_options={"dropout": 0.75},
    optimizer="adam",
    learning_rate=1e-3,
    weight_decay=1e-4,
    batch_size=32,
    epochs=100,
)
