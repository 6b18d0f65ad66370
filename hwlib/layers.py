"""Any number of layers: ReLU between them, softmax and cross-entropy at the end.

Layer l turns the values a_(l-1) of the layer before it into sums z_l = a_(l-1) W_l + b_l. A hidden
layer takes their ReLU; the sums of the last layer are the logits u, one for each class. The loss is
the cross-entropy, summed over the samples, plus the L2 penalty on the weights, not on the biases.
The book takes ReLU'(0) = 0. There are n samples, d inputs and K classes:

params : list of Layer
    First layer first, at least one. Each takes as many values as the one before it gives.
X : array_like, shape (n, d)
    One sample per row.
u : array_like, shape (n, K)
    The logits, one sample per row.
y : array_like, shape (n,)
    The true classes, whole numbers from 0 to K - 1.
l2 : float, default 0.0
    lambda, the factor of half the sum of the squared weights; at least 0.

Every function raises a `ValueError` if an argument does not hold finite real numbers in a fitting
shape, a label is no class, there is no sample, or a result is too large for a float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from hwlib._arrays import Floats, as_count, as_float, as_floats, as_labels, as_rng, finite


class Layer(NamedTuple):
    """The weights and biases of one layer, or a gradient with respect to them.

    Attributes
    ----------
    W : ndarray, shape (inputs, outputs)
        ``W[i, j]`` leads from value i of the layer before to sum j of this one.
    b : ndarray, shape (outputs,)
    """

    W: Floats
    b: Floats


def init(rng: np.random.Generator, sizes: Sequence[int], *, gain: float = 2.0) -> list[Layer]:
    """Return random layers: normal weights of variance gain / inputs (He: 2), and biases 0.

    `sizes` are the numbers of inputs, of the units of each hidden layer, and of classes, in this
    order: ``(64, 32, 10)`` has one hidden layer.
    """
    rng, gain = as_rng("rng", rng), as_float("gain", gain, minimum=0.0)
    if not isinstance(sizes, list | tuple) or len(sizes) < 2:
        raise ValueError(f"sizes is {sizes!r}; expected a list: inputs, hidden units, classes")
    pairs = pairwise([as_count(f"sizes[{k}]", size) for k, size in enumerate(sizes)])
    return [Layer(rng.normal(scale=np.sqrt(gain / d), size=(d, m)), np.zeros(m)) for d, m in pairs]


@np.errstate(all="ignore")
def softmax(u: ArrayLike) -> Floats:
    """Return the probability of each class, shape (n, K), without overflow (eq-softmax-stable)."""
    u = as_floats("u", u, ("n", "K"))
    e = np.exp(u - u.max(axis=1, keepdims=True))
    p: Floats = e / e.sum(axis=1, keepdims=True)  # eq-softmax-stable
    return p


@np.errstate(all="ignore")
def cross_entropy(u: ArrayLike, y: ArrayLike) -> Floats:
    """Return the loss of each sample, shape (n,), without overflow for any u (eq-log-sum-exp).

    NumPy adds exp by exp, each time by its logarithm: exact to the last digits for tiny losses too.
    """
    u, true = _as_logits(u, y)
    return finite("the loss", np.logaddexp.reduce(u - u[true][:, None], axis=1))  # eq-log-sum-exp


def cross_entropy_grad(u: ArrayLike, y: ArrayLike) -> Floats:
    """Return the derivative of `cross_entropy` with respect to u, shape (n, K) (eq-delta-logits).

    At the true class, p - 1 is minus the sum of the others: accurate where p rounds to 1.
    """
    u, true = _as_logits(u, y)
    delta = softmax(u)
    delta[true] = 0.0
    delta[true] = -delta.sum(axis=1)  # eq-delta-logits
    return delta


@np.errstate(all="ignore")
def forward(params: Sequence[Layer], X: ArrayLike) -> list[Floats]:
    """Return X, the values of each hidden layer after its ReLU, and last the logits."""
    params = _as_layers(params)
    values = [as_floats("X", X, ("n", len(params[0].W)))]
    for k, (W, b) in enumerate(params, start=1):
        z = finite(f"z of layer {k}", values[-1] @ W + b)  # eq-layer-z
        values.append(np.maximum(z, 0.0) if k < len(params) else z)  # eq-layer-a
    return values


@np.errstate(all="ignore")
def loss(params: Sequence[Layer], X: ArrayLike, y: ArrayLike, l2: float = 0.0) -> float:
    """Return the cross-entropy, summed over the samples, plus the L2 penalty (eq-layers-loss)."""
    params, l2 = _as_layers(params), as_float("l2", l2, minimum=0.0)
    data = cross_entropy(forward(params, X)[-1], y).sum()
    penalty = sum(np.sum(l2 / 2.0 * W * W) for W, _ in params)  # and no bias
    return finite("the loss", float(data + penalty))  # eq-layers-loss


@np.errstate(all="ignore")
def loss_grad(params: Sequence[Layer], X: ArrayLike, y: ArrayLike, l2: float = 0.0) -> list[Layer]:
    """Return the gradient of `loss`, a Layer for each layer; a unit at z = 0 counts as off."""
    params, l2 = _as_layers(params), as_float("l2", l2, minimum=0.0)
    *values, u = forward(params, X)
    delta, grads = cross_entropy_grad(u, y), list[Layer]()  # eq-delta-logits
    for k, (W, _) in reversed([*enumerate(params)]):
        grad_W, grad_b = values[k].T @ delta + l2 * W, delta.sum(axis=0)  # eq-layer-grad
        grads.append(Layer(finite("the gradient", grad_W), finite("the gradient", grad_b)))
        if k > 0:  # nobody asks for the derivative with respect to X
            delta = delta @ W.T * (values[k] > 0.0)  # eq-layer-delta; a > 0 where z > 0
    return grads[::-1]


def _as_logits(u: ArrayLike, y: ArrayLike) -> tuple[Floats, tuple[Any, Any]]:
    """Return the logits, and the places of the true classes in them."""
    u = as_floats("u", u, ("n", "K"))
    y = as_labels("y", y, range(u.shape[1]), (len(u),))
    return u, (np.arange(len(u)), y.astype(int))


def _as_layers(params: Sequence[Layer]) -> list[Layer]:
    if not isinstance(params, list | tuple) or not params:
        raise ValueError(f"params is {params!r}; expected a list of at least one layers.Layer")
    layers = list[Layer]()
    for k, layer in enumerate(params):
        if not isinstance(layer, Layer):
            raise ValueError(f"params[{k}] is a {type(layer).__name__}; expected layers.Layer")
        inputs = len(layers[-1].b) if layers else "d"
        W = as_floats(f"params[{k}].W", layer.W, (inputs, "outputs"))
        layers.append(Layer(W, as_floats(f"params[{k}].b", layer.b, (W.shape[1],))))
    return layers
