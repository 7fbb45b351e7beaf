"""Parameters of the neurons, for all environments: the paper's, as qifjax has them.

tests/test_peers.py compares them with :mod:`qifjax.neurons`.
"""

BETA = 0.25
"""Share of an LIF membrane that survives a step; it resets to zero."""

U_TH = 0.5
"""Threshold of both neurons."""

A = 0.25
"""Sharpness of QIF, whose resting and reset potential is zero."""

U_C = 0.5
"""Critical potential of QIF."""

LIF_WINDOW = (U_TH - 0.5, U_TH + 0.5)
"""Where LIF passes gradient, at height 1 (eq. 5 with alpha = 1)."""

_MEAN = A * U_TH**2
_DEVIATION = U_TH * (1 + A**2 * (2 * U_TH**2 + U_C**2)) ** 0.5
QIF_WINDOW = (_MEAN - _DEVIATION, _MEAN + _DEVIATION)
"""Where QIF passes gradient, at height 1 (eq. 16)."""
