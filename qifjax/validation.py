"""Checks of neuron parameters, for the places where people hand them in.

The parameter tuples themselves never check anything, because ``grad`` and ``vmap``
rebuild them with arbitrary contents.
"""

import warnings
from collections.abc import Iterator

import jax
import numpy as np

from qifjax.neurons import EulerQIFParams, LIFParams, NeuronParams, QIFParams

_LARGEST_A = 0.4


def validate(params: NeuronParams) -> None:
    """Refuses neuron parameters for which the model makes no sense.

    Only concrete values are checked; fields that are tracers pass. Values of ``a``
    above 0.4 are legal but warn, once a process: Theorem 1, from which the analytic
    window follows, assumes a small ``a`` (Appendix D and F of the paper).

    Args:
      params: neuron parameters, scalars or arrays.

    Raises:
      TypeError: if ``params`` is not a neuron parameter tuple.
      ValueError: if a value breaks a constraint, which the message states.
    """
    if not isinstance(params, QIFParams | LIFParams | EulerQIFParams):
        raise TypeError(
            "neuron parameters must be QIFParams, LIFParams or EulerQIFParams, "
            f"got {type(params).__name__}"
        )
    for constraint, fields, holds in _constraints(params):
        if not np.all(holds):
            given = ", ".join(f"{f}={_shown(getattr(params, f))}" for f in fields)
            raise ValueError(f"{type(params).__name__} needs {constraint}, got {given}")
    a = params.a if isinstance(params, QIFParams) else 0.0
    if _concrete(a) and np.any(np.asarray(a) > _LARGEST_A):
        # The text carries no value, so that Python's own filter shows it only once.
        warnings.warn(
            f"QIFParams: a > {_LARGEST_A} is outside the premise of Theorem 1; the "
            "analytic window (eq. 16) may not fit the membrane",
            stacklevel=1,
        )


def _constraints(params) -> Iterator[tuple[str, tuple[str, ...], np.ndarray]]:
    """Yields (constraint, fields, where it holds) for what can be checked now."""
    values = {
        field: np.asarray(value, np.float64)
        for field, value in params._asdict().items()
        if _concrete(value)
    }
    for field, value in values.items():
        yield f"a finite {field}", (field,), np.isfinite(value)
    for field in ("a", "tau", "alpha"):
        if field in values:
            yield f"{field} > 0", (field,), values[field] > 0
    if "beta" in values:
        inside = (values["beta"] >= 0) & (values["beta"] <= 1)
        yield "0 <= beta <= 1", ("beta",), inside
    for low, high in (("u_rest", "u_c"), ("u_rest", "u_th")):
        if low in values and high in values:
            yield f"{low} < {high}", (low, high), values[low] < values[high]


def _concrete(value) -> bool:
    return not isinstance(value, jax.core.Tracer)


def _shown(value) -> str:
    array = np.asarray(value)
    return (
        f"{array.item():g}" if array.ndim == 0 else np.array2string(array, threshold=8)
    )
