"""What XLA has to be told about the programs of a network."""

import functools

import jax

from qifjax.nn.remat import Remat

# A library of CPU kernels would make all of them, and for each XLA searches the whole
# program, whenever it loads one from the compilation cache.
_OWN_PRODUCTS = "xla_cpu_experimental_ynn_fusion_type", "LIBRARY_FUSION_TYPE_REDUCE"


def compiler_options(remat: Remat = "none") -> dict[str, str]:
    """What XLA has to be told about a program of a network, where that is anything.

    On CPU, products of matrices are made without a library, which takes no longer and
    shortens the second start of large networks. And ``"layer"`` would not save memory
    there: XLA drops the barriers with which JAX sets recomputation apart, finds the
    same operations twice, and keeps the first results after all.

    Args:
      remat: what is computed again in the backward pass, where there is one.

    Returns:
      Options for ``jax.jit`` or ``compile``.
    """
    if jax.default_backend() != "cpu":
        return {}
    options = dict([_OWN_PRODUCTS] if _known(*_OWN_PRODUCTS) else [])
    if remat == "layer":
        options["xla_disable_hlo_passes"] = "cse_barrier_expander"
    return options


@functools.cache
def _known(name: str, value: str) -> bool:
    """Whether this version of XLA has an option, which it calls experimental."""
    try:
        jax.jit(lambda: 0).lower().compile({name: value})
    except jax.errors.JaxRuntimeError:
        return False
    return True
