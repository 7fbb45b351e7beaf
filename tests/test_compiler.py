"""The options of the compiler: valid, and only where they are of use."""

import jax
import jax.numpy as jnp

from qifjax import nn


def test_only_cpu_needs_options(monkeypatch):
    found = {remat: nn.compiler_options(remat) for remat in ("none", "step", "layer")}
    assert found["none"] == found["step"]
    assert found["none"].items() < found["layer"].items()
    for options in found.values():
        jax.jit(jnp.sum).lower(jnp.ones(2)).compile(options)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert nn.compiler_options("none") == nn.compiler_options("layer") == {}


def test_an_option_that_xla_does_not_know_is_left_out(monkeypatch):
    unknown = "xla_option_of_another_version", "yes"
    monkeypatch.setattr("qifjax.nn.compiler._OWN_PRODUCTS", unknown)
    assert nn.compiler_options("none") == {}
    assert nn.compiler_options("layer")
