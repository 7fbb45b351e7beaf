"""The optimizers of the paper (Table 5), with a learning rate that decays to zero.

Learning rate and weight decay are arrays, so that a vmapped grid can vary them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax

from qifjax.surrogate import Scalar


@dataclass(frozen=True)
class Optimizer:
    """How gradients become updates; fixed in the program, unlike its two arrays.

    Attributes:
      name: ``"adam"`` is AdamW (Loshchilov and Hutter 2019) with beta_1 = 0.9 and
        beta_2 = 0.999 (Appendix B), whose weight decay is decoupled; ``"sgd"`` has
        momentum 0.9, and its weight decay is added to the gradient.
      total_steps: training steps after which the learning rate is zero.
      warmup_steps: training steps over which the learning rate rises from zero.
      clip_norm: largest norm of the gradient; 0 does not clip.
      accumulate: training steps whose mean gradient makes one update; where the last
        steps are fewer, theirs makes none.
      decay: ``"all"`` decays every parameter; ``"kernels"`` leaves out biases, norms
        and learned neurons (every parameter with less than two axes).
    """

    name: Literal["adam", "sgd"]
    total_steps: int
    warmup_steps: int = 0
    clip_norm: float = 0.0
    accumulate: int = 1
    decay: Literal["all", "kernels"] = "all"

    def learning_rate(self, peak: Scalar, step: Scalar) -> jax.Array:
        """The learning rate of a training step: linear warm-up, then cosine to zero.

        Args:
          peak: learning rate after the warm-up.
          step: number of training steps taken before.

        Returns:
          The learning rate, ``[]``.
        """
        return jnp.asarray(self._schedule(peak)(step // self.accumulate))

    def transformation(
        self, learning_rate: Scalar, weight_decay: Scalar
    ) -> optax.GradientTransformation:
        """The optax transformation.

        Args:
          learning_rate: learning rate after the warm-up.
          weight_decay: coefficient of the weight decay.

        Returns:
          A transformation that is updated once a training step.
        """
        schedule = self._schedule(learning_rate)
        mask = _kernels if self.decay == "kernels" else None
        if self.name == "adam":
            rule = optax.adamw(
                schedule, b1=0.9, b2=0.999, weight_decay=weight_decay, mask=mask
            )
        else:
            rule = optax.chain(
                optax.add_decayed_weights(weight_decay, mask),
                optax.sgd(schedule, momentum=0.9),
            )
        if self.clip_norm:
            rule = optax.chain(optax.clip_by_global_norm(self.clip_norm), rule)
        if self.accumulate > 1:
            rule = optax.MultiSteps(rule, self.accumulate).gradient_transformation()
        return rule

    def _schedule(self, peak: Scalar) -> Callable[[Any], Any]:
        """Learning rate by number of updates."""
        warmup = self.warmup_steps // self.accumulate
        total = self.total_steps // self.accumulate
        cosine = optax.cosine_decay_schedule(peak, max(1, total - warmup))
        if not warmup:
            return cosine
        rise = optax.linear_schedule(0.0, peak, warmup)
        return optax.join_schedules([rise, cosine], [warmup])


def _kernels(params):
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)
