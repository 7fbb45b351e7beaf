"""Layers of spiking networks in NumPy, float64, with backward passes by hand.

A tape: every function below computes a value and notes how to pass the gradient of its
output on to its inputs. Written from the formulas, not from the code under test; the
neurons are the double loop of tests.reference and the backpropagation through time of
tests.test_unroll.
"""

import numpy as np

from tests.test_neurons import run_reference
from tests.test_unroll import reference_gradient


class Var:
    """A value and the gradient that has reached it."""

    def __init__(self, value):
        self.value = np.asarray(value, np.float64)
        self.grad = np.zeros_like(self.value)


class Tape:
    """Records what was computed, and runs it backwards."""

    def __init__(self, neuron, train):
        self.neuron, self.train, self._backward = neuron, train, []

    def result(self, value, backward):
        out = Var(value)
        self._backward.append(lambda: backward(out.grad))
        return out

    def backward(self, out, cotangent):
        out.grad += cotangent
        for step in reversed(self._backward):
            step()

    def add(self, a, b):
        def backward(g):
            for x in (a, b):  # the time axis of a static image is broadcast
                static = x.value.shape[0] != g.shape[0]
                x.grad += g.sum(0, keepdims=True) if static else g

        return self.result(a.value + b.value, backward)

    def repeat(self, x, T):
        value = np.repeat(x.value, T, 0) if x.value.shape[0] == 1 else x.value

        def backward(g):
            x.grad += g.sum(0, keepdims=True) if x.value.shape[0] == 1 else g

        return self.result(value, backward)

    def scale(self, x, factor):
        def backward(g):
            x.grad += g * factor

        return self.result(x.value * factor, backward)

    def pad(self, x, size):
        """Zeros around ``[T, B, H, W, C]``."""
        around = ((0, 0), (0, 0), (size, size), (size, size), (0, 0))

        def backward(g):
            H, W = x.value.shape[2:4]
            x.grad += g[:, :, size : size + H, size : size + W]

        return self.result(np.pad(x.value, around), backward)

    def conv(self, x, kernel, strides=1, padding=None):
        """Kernel ``[K, K, C, F]``, or ``[K, K, 1, C]`` for a depthwise one."""
        K = kernel.value.shape[0]
        padded = self.pad(x, K // 2 if padding is None else padding)
        depthwise = kernel.value.shape[2] == 1 != x.value.shape[-1]
        H, W = ((n - K) // strides + 1 for n in padded.value.shape[2:4])
        where = {
            (k, m): np.s_[
                :,
                :,
                k : k + (H - 1) * strides + 1 : strides,
                m : m + (W - 1) * strides + 1 : strides,
            ]
            for k in range(K)
            for m in range(K)
        }

        def one(k, m):
            patch, weights = padded.value[where[k, m]], kernel.value[k, m]
            return patch * weights[0] if depthwise else patch @ weights

        def backward(g):
            for (k, m), place in where.items():
                patch, weights = padded.value[place], kernel.value[k, m]
                if depthwise:
                    padded.grad[place] += g * weights[0]
                    kernel.grad[k, m, 0] += (patch * g).sum((0, 1, 2, 3))
                else:
                    padded.grad[place] += g @ weights.T
                    kernel.grad[k, m] += np.einsum("tbhwc,tbhwf->cf", patch, g)

        return self.result(sum(one(k, m) for k, m in where), backward)

    def dense(self, x, params):
        def backward(g):
            x.grad += g @ params["kernel"].value.T
            params["kernel"].grad += np.einsum("tbc,tbf->cf", x.value, g)
            if "bias" in params:
                params["bias"].grad += g.sum((0, 1))

        bias = params["bias"].value if "bias" in params else 0
        return self.result(x.value @ params["kernel"].value + bias, backward)

    def norm(self, x, params, stats, eta=1.0, padding=0):
        """tdBN, eq. 6-7; padded with zeros behind the statistics, before the map."""
        u_th = self.neuron.u_th
        gamma, xi = params.get("gamma", Var(1.0)), params.get("xi", Var(0.0))
        axes = tuple(range(x.value.ndim - 1))
        if self.train:
            mean, var = x.value.mean(axes), x.value.var(axes)
        else:
            mean, var = stats["mean"].value, stats["var"].value
        deviation = np.sqrt(var + 1e-5)
        wide = self.pad(x, padding) if padding else x
        normal = (wide.value - mean) / deviation

        def backward(g):
            xi.grad += g.sum(axes) if xi.value.ndim else 0
            gamma.grad += (g * normal).sum(axes) * eta * u_th if xi.value.ndim else 0
            d_normal = g * gamma.value * eta * u_th
            wide.grad += d_normal / deviation
            if self.train:
                # Through the mean and the variance of x alone, without the padding.
                n = x.value.size // x.value.shape[-1]
                d_mean = -d_normal.sum(axes) / deviation
                d_var = -(d_normal * normal).sum(axes) / (2 * deviation**2)
                x.grad += d_mean / n + d_var * 2 * (x.value - mean) / n

        value = gamma.value * eta * u_th * normal + xi.value
        return self.result(value, backward)

    def fire(self, x):
        """Neurons, by the double loop and backpropagation through time by hand."""
        shape = x.value.shape
        flat = x.value.reshape(shape[0], -1)
        _, spikes, _ = run_reference(self.neuron, flat)

        def backward(g):
            found = reference_gradient(self.neuron, flat, g.reshape(flat.shape))
            x.grad += found.reshape(shape)

        return self.result(spikes.reshape(shape), backward)

    def _blocks(self, x, size):
        T, B, H, W, C = x.shape
        cut = x[:, :, : H // size * size, : W // size * size]
        squares = cut.reshape(T, B, H // size, size, W // size, size, C)
        return np.moveaxis(squares, 3, 4).reshape(*squares.shape[:3], W // size, -1, C)

    def _unblocks(self, blocks, shape, size):
        T, B, H, W, _, C = blocks.shape
        squares = np.moveaxis(blocks.reshape(T, B, H, W, size, size, C), 4, 3)
        out = np.zeros(shape)
        out[:, :, : H * size, : W * size] = squares.reshape(T, B, H * size, W * size, C)
        return out

    def avg_pool(self, x, size):
        blocks = self._blocks(x.value, size)

        def backward(g):
            spread = np.repeat(g[..., None, :] / size**2, size**2, -2)
            x.grad += self._unblocks(spread, x.value.shape, size)

        return self.result(blocks.mean(-2), backward)

    def max_pool(self, x, size):
        """The gradient goes to the first of several largest pixels, as in PyTorch."""
        blocks = self._blocks(x.value, size)
        first = np.eye(size**2)[blocks.argmax(-2)]

        def backward(g):
            chosen = np.moveaxis(first, -1, -2) * g[..., None, :]
            x.grad += self._unblocks(chosen, x.value.shape, size)

        return self.result(blocks.max(-2), backward)

    def attention(self, q, k, v, heads):
        """``q (k^T v)`` per head, by one product a token pair: ``(q k^T) v``."""
        T, B, H, W, C = q.value.shape

        def split(x):
            return x.value.reshape(T, B, H * W, heads, C // heads)

        def join(g):
            return g.reshape(T, B, H, W, C)

        Q, K, V = split(q), split(k), split(v)
        pairs = np.einsum("tbnhi,tbmhi->tbhnm", Q, K)

        def backward(g):
            g = g.reshape(Q.shape)
            d_pairs = np.einsum("tbnhj,tbmhj->tbhnm", g, V)
            q.grad += join(np.einsum("tbhnm,tbmhi->tbnhi", d_pairs, K))
            k.grad += join(np.einsum("tbhnm,tbnhi->tbmhi", d_pairs, Q))
            v.grad += join(np.einsum("tbhnm,tbnhj->tbmhj", pairs, g))

        return self.result(join(np.einsum("tbhnm,tbmhj->tbnhj", pairs, V)), backward)
