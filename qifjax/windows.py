r"""Other surrogate windows than a neuron's own, to compare with it in training.

The analytic window of QIF (eq. 16) is 1 on :math:`[\mu - \sigma, \mu + \sigma]`. Its
centre is the mean of the membrane, so most neurons that spike lie outside, and its area
is :math:`2 \sigma`. Each function here changes one of the two. For LIF and Euler QIF,
whose window (eq. 5) is centred on the threshold and has unit area, both change nothing.
"""

from qifjax.neurons import NeuronParams, window
from qifjax.surrogate import Window


def centred(params: NeuronParams) -> Window:
    """The neuron's own window, moved such that its centre is the threshold.

    Args:
      params: neuron parameters.

    Returns:
      The window, in the shape to which the parameters broadcast.
    """
    own = window(params)
    half = (own.upper - own.lower) / 2
    return Window(params.u_th - half, params.u_th + half, own.height)


def unit_area(params: NeuronParams) -> Window:
    """The neuron's own window, at the height that makes its area one.

    Args:
      params: neuron parameters.

    Returns:
      The window, in the shape to which the parameters broadcast.
    """
    own = window(params)
    return own._replace(height=1 / (own.upper - own.lower))
