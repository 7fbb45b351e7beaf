"""The optimizers of the paper (Table 5), with a learning rate that decays to zero.

Each takes its numbers as arrays, so that a vmapped grid can vary them.
"""

from collections.abc import Callable

import optax

from qifjax.surrogate import Scalar

Optimizer = Callable[[Scalar, Scalar, int], optax.GradientTransformation]


def adam(
    learning_rate: Scalar, weight_decay: Scalar, total_steps: int
) -> optax.GradientTransformation:
    """AdamW (Loshchilov and Hutter 2019) with cosine decay to zero.

    Args:
      learning_rate: learning rate of the first step.
      weight_decay: decoupled weight decay, multiplied by the learning rate.
      total_steps: number of steps after which the learning rate is zero.

    Returns:
      The optax transformation, with beta_1 = 0.9 and beta_2 = 0.999 (Appendix B).
    """
    schedule = optax.cosine_decay_schedule(learning_rate, total_steps)
    return optax.adamw(schedule, b1=0.9, b2=0.999, weight_decay=weight_decay)


def sgd(
    learning_rate: Scalar, weight_decay: Scalar, total_steps: int
) -> optax.GradientTransformation:
    """SGD with momentum 0.9, L2 regularisation and cosine decay to zero.

    Args:
      learning_rate: learning rate of the first step.
      weight_decay: coefficient of the weights that is added to their gradient.
      total_steps: number of steps after which the learning rate is zero.

    Returns:
      The optax transformation.
    """
    schedule = optax.cosine_decay_schedule(learning_rate, total_steps)
    return optax.chain(
        optax.add_decayed_weights(weight_decay), optax.sgd(schedule, momentum=0.9)
    )


OPTIMIZERS: dict[str, Optimizer] = {"adam": adam, "sgd": sgd}
"""Optimizers by name."""
