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


def over_time(cell, currents: torch.Tensor, state=None) -> torch.Tensor:
    """Runs a cell that takes one step a call.

    Args:
      cell: maps the current ``[...]`` of a step and the state to the spikes and the
        next state.
      currents: input of every step, ``[T, ...]``.
      state: what the cell starts from.

    Returns:
      Spikes ``[T, ...]``.
    """
    spikes = []
    for current in currents:
        spike, state = cell(current, state)
        spikes.append(spike)
    return torch.stack(spikes)


class StepByStep(nn.Module):
    """Neurons in a loop over time: charge, fire, reset to zero."""

    charge: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    window: tuple[float, float]

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        """Maps currents ``[T, ...]`` to spikes."""
        return over_time(self._step, currents, torch.zeros_like(currents[0]))

    def _step(self, current, u):
        u = self.charge(u, current)
        spike = Spike.apply(u, *self.window)
        return spike, u * (1 - spike)


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
