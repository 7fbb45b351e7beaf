r"""Neuron parameters that a population owns and training changes.

A population starts from the parameters of the network's call and learns, for each of
``a``, ``u_c``, ``u_th`` (QIF) or ``beta``, ``u_th`` (LIF), by which factor to depart
from them. What is trained is a number :math:`r`, zero at the start, with the factor

.. math:: f = \exp(L \tanh(r / L)), \qquad L = \log 10.

Then :math:`a \to f a`, :math:`u_c - u_{rest} \to f (u_c - u_{rest})`, the same for
:math:`u_{th}`, and :math:`\beta / (1 - \beta) \to f \beta / (1 - \beta)`. So whatever
the step of the optimizer, ``a`` stays positive, ``u_c`` and ``u_th`` above ``u_rest``,
``beta`` between 0 and 1, none further than a factor of ten from its start; weight decay
pulls towards the start. ``u_rest``, ``tau`` and ``alpha`` do not change. The surrogate
window follows the learned values and passes no gradient to them itself.
"""

import math

import jax
import jax.numpy as jnp
from flax import linen

from qifjax.neurons import NeuronParams

_LARGEST = math.log(10.0)
_POTENTIALS = ("u_c", "u_th")


def learned_parameters(module: linen.Module, neuron: NeuronParams) -> NeuronParams:
    """The learned parameters of a population, whose leaves ``module`` owns.

    Args:
      module: inside one of its compact methods; it gets a leaf in ``params`` for every
        field that is learned, named like it, in the shape of the field.
      neuron: the values to start from.

    Returns:
      Parameters of the same type.
    """

    def factor(field: str) -> jax.Array:
        shape = jnp.shape(getattr(neuron, field))
        raw = module.param(field, linen.initializers.zeros, shape, jnp.float32)
        return jnp.exp(_LARGEST * jnp.tanh(raw / _LARGEST))

    changes = {}
    for field in neuron._fields:
        start = getattr(neuron, field)
        if field == "a":
            changes[field] = start * factor(field)
        elif field == "beta":
            changes[field] = start / (start + (1 - start) / factor(field))
        elif field in _POTENTIALS:
            distance = (start - neuron.u_rest) * factor(field)
            changes[field] = neuron.u_rest + distance
    return neuron._replace(**changes)
