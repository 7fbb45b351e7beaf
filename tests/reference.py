"""Naive references from the paper: float64, a double loop over time and neurons."""

import numpy as np


def qif(currents, a, u_rest, u_c, u_th):
    """Eq. 11-15. currents [T, N] -> potentials before reset, spikes, last membrane."""
    return _loop(currents, u_rest, u_th, lambda u, i: a * (u - u_rest) * (u - u_c) + i)


def lif(currents, beta, u_rest, u_th):
    """Eq. 3-4, with the reset in the same step."""
    return _loop(currents, u_rest, u_th, lambda u, i: beta * u + i)


def euler_qif(currents, a, u_rest, u_c, u_th, tau):
    """Eq. 22."""
    return _loop(
        currents,
        u_rest,
        u_th,
        lambda u, i: u + (a * (u - u_rest) * (u - u_c) + i) / tau,
    )


def _loop(currents, u_rest, u_th, charge):
    currents = np.asarray(currents, np.float64)
    potentials, spikes = np.zeros_like(currents), np.zeros_like(currents)
    membrane = np.zeros(currents.shape[1])
    for n in range(currents.shape[1]):
        u = u_rest
        for t in range(currents.shape[0]):
            u = charge(u, currents[t, n])
            potentials[t, n] = u
            if u >= u_th:
                spikes[t, n] = 1
                u = u_rest
        membrane[n] = u
    return potentials, spikes, membrane
