"""The catalogue of wrong gradients that people write, to test the checks with.

Each mistake is the correct backward pass with one part replaced. To add one, switch a part in
``HINGE``, ``NETWORK`` or ``LAYERS`` below, with a new argument of ``hinge_grad``, ``network_grad``
or ``layers_grad`` if need be, and give its rule, equation and family in ``mistakes.toml``.
"""

import tomllib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from hwlib import hinge, layers
from hwlib._arrays import Floats, as_floats
from hwlib.gradcheck.check import Candidate
from hwlib.network import Parameters, forward, log_loss_grad, relu, relu_grad, sigmoid, sigmoid_grad
from hwlib.polynomial import NONLINEAR

Gradient: TypeAlias = Callable[..., Any]
"""Called as `hwlib.hinge.loss_grad`, or that of `network` or `layers`; or a part of one."""


class Mistake(NamedTuple):
    """A wrong gradient.

    Attributes
    ----------
    name : str
    rule : str
        What is right, in one sentence.
    equation : str
        The label of the equation to reread.
    family : str
        What the diagnosis of `hwlib.gradcheck` can say of it from numbers alone, at a point
        with many samples: "unknown" where the numbers keep no trace.
    grad : callable
        The wrong function, called as the ``loss_grad`` of its model.
    """

    name: str
    rule: str
    equation: str
    family: str
    grad: Gradient


def candidates(catalogue: Sequence[Mistake], *data: Any) -> list[Candidate]:
    """Return a catalogue as `hwlib.gradcheck.check_grad` takes it, with the data bound.

    Parameters
    ----------
    catalogue : sequence of Mistake
        ``HINGE``, ``NETWORK`` or ``LAYERS``.
    *data
        What follows the parameters in a call of the gradient: X and y, but for the hinge also l2.

    Returns
    -------
    list of (name, callable, equation)
    """
    return [(m.name, partial(lambda g, x: g(x, *data), m.grad), m.equation) for m in catalogue]


def hinge_grad(
    *, active: Gradient = lambda y, h: y * h < 1.0, upstream: Gradient = lambda y: -y,
    features: Gradient = lambda X: X, weight: Gradient = np.ones, mask: Floats = NONLINEAR,
    hypothesis: Gradient = hinge.hypothesis,
) -> Gradient:  # fmt: skip
    """Return `hwlib.hinge.loss_grad` in plain form, with what is given changed."""

    def grad(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> Any:
        X, y = as_floats("X", X), as_floats("y", y)
        is_active = active(y, hypothesis(theta, X))  # eq-hinge-active
        delta_h = weight(len(y)) * is_active * upstream(y)  # eq-hinge-upstream
        return mask * (features(X).T @ delta_h)  # eq-hinge-matrix

    return grad


def network_grad(
    *, delta: Gradient = log_loss_grad, weight: Gradient = np.ones, activation: Gradient = relu,
    path: Gradient = lambda w_out, grad: w_out, gate: Gradient = relu_grad,
    inputs: Gradient = lambda X: X, layout: Gradient = lambda W: W, bias: float = 1.0,
    decay: Gradient = float, decay_biases: float = 0.0, decay_gate: Gradient = lambda z: 1.0,
) -> Gradient:  # fmt: skip
    """Return `hwlib.network.loss_grad` in plain form, with what is given changed."""

    @np.errstate(all="ignore")
    def grad(params: Parameters, X: ArrayLike, y: ArrayLike, l2: float = 0.0) -> Parameters:
        X, y = as_floats("X", X), as_floats("y", y)
        z_hidden, _, z_out, _ = forward(params, X)
        delta_out = delta(z_out, y) * weight(len(X))  # eq-delta-out
        grad_w_out = activation(z_hidden).T @ delta_out + decay(l2) * params.w_out
        delta_a = np.outer(delta_out, path(params.w_out, grad_w_out))  # eq-delta-a-hidden
        delta_z = delta_a * gate(z_hidden)  # eq-delta-z-hidden
        return Parameters(
            layout(inputs(X).T @ delta_z) + decay(l2) * decay_gate(z_hidden) * params.W_hidden,
            bias * delta_z.sum(axis=0) + l2 * decay_biases * params.b_hidden,
            grad_w_out,
            float(delta_out.sum() + l2 * decay_biases * params.b_out),
        )

    return grad


def layers_grad(
    *, forward: Gradient = layers.forward, error: Gradient = lambda u, p, Y: p - Y,
    product: Gradient = lambda a, d: a.T @ d, bias: Gradient = lambda d: d.sum(axis=0),
    path: Gradient = lambda d, W, grad: d @ W.T, gate: Gradient = lambda a, k, d: a[k] > 0.0,
    decay: Gradient = lambda l2, n: l2, decay_biases: float = 0.0,
) -> Gradient:  # fmt: skip
    """Return `hwlib.layers.loss_grad` in plain form, with what is given changed.

    What comes out in another shape is laid out like its parameter all the same.
    """

    @np.errstate(all="ignore")
    def grad(params: Sequence[layers.Layer], X: ArrayLike, y: ArrayLike, l2: float = 0.0) -> Any:
        *a, u = forward(params, X)
        p, Y = layers.softmax(u), np.eye(u.shape[1])[as_floats("y", y).astype(int)]
        delta, grads = error(u, p, Y), list[layers.Layer]()  # eq-delta-logits
        for k, (W, b) in reversed([*enumerate(params)]):
            grad_W = np.resize(product(a[k], delta), W.shape) + decay(l2, len(u)) * W
            grad_b = np.resize(bias(delta), b.shape) + l2 * decay_biases * b
            grads.insert(0, layers.Layer(grad_W, grad_b))  # eq-layer-grad
            delta_a = path(delta, W, grad_W)
            delta = delta_a * gate(a, k, delta_a)  # eq-layer-delta
        return grads

    return grad


def _catalogue(name: str, grads: dict[str, Gradient]) -> tuple[Mistake, ...]:
    words = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))[name]
    return tuple(Mistake(key, grad=grad, **words[key]) for key, grad in grads.items())


# fmt: off
HINGE = _catalogue("HINGE", {
    "branches swapped": hinge_grad(active=lambda y, h: y * h >= 1.0),
    "margin test forgotten": hinge_grad(active=lambda y, h: np.isfinite(h)),
    "margin test on h": hinge_grad(active=lambda y, h: h < 1.0),
    "sign": hinge_grad(upstream=lambda y: y),
    "y forgotten": hinge_grad(upstream=lambda y: -np.ones_like(y)),
    "x forgotten": hinge_grad(features=np.ones_like),
    "mask forgotten": hinge_grad(mask=np.ones(7)),
    "mean for sum": hinge_grad(weight=lambda n: np.full(n, 1.0 / n)),
    "only the last sample": hinge_grad(weight=lambda n: np.eye(n)[-1]),
    "no mask at all": hinge_grad(mask=np.ones(7), hypothesis=lambda theta, X: X @ theta),
    "max(-y x, 0)": lambda theta, X, y: NONLINEAR * np.maximum(-X.T * y, 0.0).sum(axis=1),
})
"""Wrong gradients of question 1."""

NETWORK = _catalogue("NETWORK", {
    "y - y_hat": network_grad(delta=lambda z, y: y - sigmoid(z)),
    "y forgotten": network_grad(delta=lambda z, y: sigmoid(z)),
    "term of label 0 forgotten": network_grad(delta=lambda z, y: y * log_loss_grad(z, y)),
    "sigma' forgotten": network_grad(delta=lambda z, y: log_loss_grad(z, y) / sigmoid_grad(z)),
    "sigma' applied twice": network_grad(delta=lambda z, y: log_loss_grad(z, y) * sigmoid_grad(z)),
    "z_j for a_j": network_grad(activation=lambda z: z),
    "W_j4 forgotten": network_grad(path=lambda w_out, grad: np.ones_like(w_out)),
    "W_j4 after its step": network_grad(path=lambda w_out, grad: w_out - 0.1 * grad),
    "mean twice": network_grad(gate=lambda z: relu_grad(z) / len(z)),
    "ReLU gate forgotten": network_grad(gate=np.ones_like),
    "gate of another unit": network_grad(gate=lambda z: relu_grad(np.roll(z, 1, axis=1))),
    "x_i forgotten": network_grad(inputs=np.ones_like),
    "transposed weights": network_grad(layout=lambda W: W.T.reshape(W.shape)),
    "bias gradient forgotten": network_grad(bias=0.0),
    "mean for sum": network_grad(weight=lambda n: np.full(n, 1.0 / n)),
    "only the first sample": network_grad(weight=lambda n: np.eye(n)[0]),
    "lambda forgotten": network_grad(decay=lambda l2: 0.0),
    "lambda doubled": network_grad(decay=lambda l2: 2.0 * l2),
    "lambda halved": network_grad(decay=lambda l2: l2 / 2.0),
    "lambda squared": network_grad(decay=lambda l2: l2 * l2),
    "lambda with the wrong sign": network_grad(decay=lambda l2: -l2),
    "biases regularized": network_grad(decay_biases=1.0),
    "decay only for units that are on": network_grad(decay_gate=lambda z: relu_grad(z).mean(0)),
})
"""Wrong gradients of question 2; in a batch, each sample decays its share of lambda."""

LAYERS = _catalogue("LAYERS", {
    "y - p": layers_grad(error=lambda u, p, Y: Y - p),
    "y forgotten": layers_grad(error=lambda u, p, Y: p),
    "softmax forgotten": layers_grad(error=lambda u, p, Y: -Y / p),
    "softmax's diagonal alone": layers_grad(error=lambda u, p, Y: (p - Y) * Y),
    "softmax' applied twice": layers_grad(error=lambda u, p, Y: (p - Y) * p * (1.0 - p)),
    "softmax over the batch": layers_grad(error=lambda u, p, Y: layers.softmax(u.T).T - Y),
    "sigmoid for softmax": layers_grad(error=lambda u, p, Y: sigmoid(u) - Y),
    "labels off by one": layers_grad(error=lambda u, p, Y: p - np.roll(Y, 1, axis=1)),
    "class numbers for one-hot": layers_grad(error=lambda u, p, Y: p - Y.argmax(1)[:, None]),
    "p[:, y] for p[arange(n), y]": layers_grad(error=lambda u, p, Y: p - Y.any(axis=0)),
    "mean for sum": layers_grad(error=lambda u, p, Y: (p - Y) / len(Y)),
    "mean over the classes": layers_grad(error=lambda u, p, Y: (p - Y) / Y.shape[1]),
    "ReLU gate at the logits": layers_grad(error=lambda u, p, Y: (p - Y) * (u > 0.0)),
    "z for a": layers_grad(forward=lambda params, X: [  # the last one of a forward pass is a z
        as_floats("X", X), *(layers.forward(params[:k + 1], X)[-1] for k in range(len(params)))]),
    "a forgotten": layers_grad(product=lambda a, d: np.ones_like(a).T @ d),
    "transposed weights": layers_grad(product=lambda a, d: d.T @ a),
    "transpose of a forgotten": layers_grad(product=lambda a, d: a.reshape(a.shape[::-1]) @ d),
    "bias summed over the wrong axis": layers_grad(bias=lambda d: d.sum(axis=1)),
    "bias not summed": layers_grad(bias=lambda d: d[0]),
    "bias averaged": layers_grad(bias=lambda d: d.mean(axis=0)),
    "transpose of W forgotten": layers_grad(path=lambda d, W, grad: d @ W.reshape(W.shape[::-1])),
    "W forgotten": layers_grad(path=lambda d, W, grad: d @ np.ones_like(W).T),
    "W after its step": layers_grad(path=lambda d, W, grad: d @ (W - 0.1 * grad).T),
    "mean twice": layers_grad(path=lambda d, W, grad: d @ W.T / len(d)),
    "ReLU gate forgotten": layers_grad(gate=lambda a, k, d: 1.0),
    "ReLU of delta for its gate": layers_grad(gate=lambda a, k, d: d > 0.0),
    "gate of another layer": layers_grad(gate=lambda a, k, d: np.resize(a[k - 1], d.shape) > 0.0),
    "lambda forgotten": layers_grad(decay=lambda l2, n: 0.0),
    "lambda doubled": layers_grad(decay=lambda l2, n: 2.0 * l2),
    "lambda over n": layers_grad(decay=lambda l2, n: l2 / n),
    "biases regularized": layers_grad(decay_biases=1.0),
})
"""Wrong gradients of any number of layers; what runs for some shapes alone is made to fit."""
# fmt: on
