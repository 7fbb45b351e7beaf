"""Neurons as written by hand in PyTorch, with the equations and windows of qifjax."""

from collections.abc import Callable

import torch
from torch import nn

from benchmarks.peers.neurons import BETA, LIF_WINDOW, QIF_WINDOW, U_C, U_TH, A


class Spike(torch.autograd.Function):
    """1 where ``u >= u_th``, with a rectangular window in the backward pass."""

    @staticmethod
    def forward(ctx, u, lower, upper):
        """Fires."""
        ctx.save_for_backward(u)
        ctx.window = lower, upper
        return (u >= U_TH).to(u.dtype)

    @staticmethod
    def backward(ctx, gradient):
        """Passes gradient inside the window."""
        (u,) = ctx.saved_tensors
        lower, upper = ctx.window
        return gradient * ((lower <= u) & (u <= upper)), None, None


class StepByStep(nn.Module):
    """Neurons in a loop over time: charge, fire, reset to zero."""

    charge: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    window: tuple[float, float]

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        """Maps currents ``[T, ...]`` to spikes."""
        u = torch.zeros_like(currents[0])
        spikes = []
        for current in currents:
            u = self.charge(u, current)
            spikes.append(Spike.apply(u, *self.window))
            u = u * (1 - spikes[-1])
        return torch.stack(spikes)


class QIF(StepByStep):
    """The discretized QIF neuron (eq. 11-15)."""

    window = QIF_WINDOW

    @staticmethod
    def charge(u, current):
        """The potential before firing."""
        return A * u * (u - U_C) + current


class LIF(StepByStep):
    """The LIF neuron (eq. 3-4)."""

    window = LIF_WINDOW

    @staticmethod
    def charge(u, current):
        """The potential before firing."""
        return BETA * u + current


POPULATIONS = {"qif": QIF, "lif": LIF}
"""Makers of neurons by neuron model."""
