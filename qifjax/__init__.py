"""Deep spiking networks of discretized quadratic integrate-and-fire neurons, in JAX."""

from qifjax.neurons import (
    EulerQIFParams,
    LIFParams,
    NeuronParams,
    QIFParams,
    euler_qif_step,
    lif_step,
    lif_window,
    qif_moments,
    qif_step,
    qif_window,
    step,
    window,
)
from qifjax.surrogate import Window, rectangle, spike
from qifjax.unroll import potentials, unroll
from qifjax.validation import validate

__all__ = [
    "EulerQIFParams",
    "LIFParams",
    "NeuronParams",
    "QIFParams",
    "Window",
    "euler_qif_step",
    "lif_step",
    "lif_window",
    "potentials",
    "qif_moments",
    "qif_step",
    "qif_window",
    "rectangle",
    "spike",
    "step",
    "unroll",
    "validate",
    "window",
]
