"""What validate refuses, what it says, and what it must let pass."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import qifjax
from qifjax import EulerQIFParams, LIFParams, QIFParams


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (QIFParams(a=0.0), "QIFParams needs a > 0, got a=0"),
        (QIFParams(a=-0.25), "QIFParams needs a > 0, got a=-0.25"),
        (QIFParams(u_rest=0.5), "needs u_rest < u_c, got u_rest=0.5, u_c=0.5"),
        (QIFParams(u_c=-0.1), "needs u_rest < u_c, got u_rest=0, u_c=-0.1"),
        (QIFParams(u_th=0.0), "needs u_rest < u_th, got u_rest=0, u_th=0"),
        (QIFParams(a=float("nan")), "a finite a, got a=nan"),
        (QIFParams(a=np.asarray([0.2, -0.2])), r"a > 0, got a=\[ 0.2 -0.2\]"),
        (LIFParams(beta=1.5), "0 <= beta <= 1, got beta=1.5"),
        (LIFParams(alpha=0.0), "alpha > 0, got alpha=0"),
        (LIFParams(u_th=-1.0), "u_rest < u_th, got u_rest=0, u_th=-1"),
        (EulerQIFParams(tau=0.0), "tau > 0, got tau=0"),
        (EulerQIFParams(u_c=0.0), "u_rest < u_c"),
    ],
    ids=str,
)
def test_refuses_with_the_constraint(params, message):
    with pytest.raises(ValueError, match=message):
        qifjax.validate(params)


def test_refuses_other_types():
    with pytest.raises(TypeError, match="got dict"):
        qifjax.validate({"a": 0.25})


@pytest.mark.parametrize(
    "params",
    [QIFParams(), LIFParams(), EulerQIFParams(), QIFParams(u_th=jnp.full(3, 0.7))],
    ids=str,
)
def test_accepts(params):
    qifjax.validate(params)


def test_constructors_and_tracers_are_never_checked():
    assert QIFParams(a=-1.0).a == -1.0
    jax.jit(qifjax.validate)(QIFParams(a=-1.0))


def test_large_a_warns_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for a in (0.6, 0.8, 0.6):
            qifjax.validate(QIFParams(a=a))
        qifjax.unroll(QIFParams(a=1.0), jnp.zeros((2, 3)))
    assert [str(w.message)[:18] for w in caught] == ["QIFParams: a > 0.4"]
