"""The catalogue of wrong gradients that people write, to test the checks with.

Each mistake is the correct backward pass with one part replaced. To add one, switch a part in
``HINGE`` or ``NETWORK`` below, with a new argument of ``hinge_grad`` or ``network_grad`` if need
be, and give its rule, equation and family in ``mistakes.toml``.
"""

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from hwlib import hinge
from hwlib._arrays import Floats, as_floats
from hwlib.gradcheck.check import Candidate
from hwlib.network import Parameters, forward, log_loss_grad, relu, relu_grad, sigmoid, sigmoid_grad
from hwlib.polynomial import NONLINEAR

Gradient: TypeAlias = Callable[..., Any]
"""Called as `hwlib.hinge.loss_grad` or `hwlib.network.loss_grad`; or a part of one."""


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
        The wrong function, called as `hwlib.hinge.loss_grad` or `hwlib.network.loss_grad`.
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
        ``HINGE`` or ``NETWORK``.
    *data
        What follows the parameters in a call of the gradient: X and y, for a network also l2.

    Returns
    -------
    list of (name, callable, equation)
    """
    return [(m.name, _bind(m.grad, data), m.equation) for m in catalogue]


def _bind(grad: Gradient, data: tuple[Any, ...]) -> Gradient:
    return lambda x: grad(x, *data)


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


def _catalogue(name: str, grads: dict[str, Gradient]) -> tuple[Mistake, ...]:
    path = Path(__file__).with_suffix(".toml")
    words = tomllib.loads(path.read_text(encoding="utf-8"))[name]
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
# fmt: on
