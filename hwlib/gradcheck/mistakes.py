"""The catalogue of wrong gradients that people write, to test the checks with.

Each mistake is a switch on a right backward pass, and violates one equation of the book.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from hwlib import hinge
from hwlib.network import Parameters, forward, log_loss_grad, relu, relu_grad, sigmoid, sigmoid_grad
from hwlib.polynomial import NONLINEAR

Function = Callable[..., Any]


class Mistake(NamedTuple):
    """A wrong gradient.

    Attributes
    ----------
    name : str
    forgot : str
        What went wrong, in one sentence.
    equation : str
        The label of the equation that it violates.
    family : str
        What the diagnosis of `hwlib.gradcheck` can say of it from numbers alone, at a point
        with many samples: "unknown" where the numbers keep no trace.
    grad : callable
        The wrong function, called as `hwlib.hinge.loss_grad` or `hwlib.network.loss_grad`.
    """

    name: str
    forgot: str
    equation: str
    family: str
    grad: Function


def candidates(
    catalogue: Sequence[Mistake], *data: Any
) -> list[tuple[str, Callable[[Any], Any], str]]:
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


def _bind(grad: Function, data: tuple[Any, ...]) -> Callable[[Any], Any]:
    return lambda x: grad(x, *data)


def _hinge(
    *,
    active: Function = lambda y, h: y * h < 1.0,
    slope: Function = lambda y: -y,
    weight: Function = np.ones,
    features: Function = lambda X: X,
    mask: Any = NONLINEAR,
) -> Function:
    """Return the right gradient of the hinge loss, with what is given changed."""

    def grad(theta: Any, X: Any, y: Any) -> Any:
        X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
        upstream = np.where(active(y, hinge.hypothesis(theta, X)), slope(y), 0.0)
        return mask * (features(X).T @ (weight(len(y)) * upstream))

    return grad


def _network(
    *,
    delta: Function = log_loss_grad,
    weight: Function = np.ones,
    output: Function = relu,
    path: Function = lambda w: w,
    gate: Function = relu_grad,
    inputs: Function = lambda X: X,
    layout: Function = lambda W: W,
    bias: float = 1.0,
    decay: Function = lambda z: (1.0, 0.0, 1.0, 0.0),
) -> Function:
    """Return the right gradient of the network's loss, with what is given changed."""

    @np.errstate(all="ignore")
    def grad(params: Parameters, X: Any, y: Any, l2: float = 0.0) -> Parameters:
        X = np.asarray(X, dtype=np.float64)
        z_hidden, _, z_out, _ = forward(params, X)
        delta_out = delta(z_out, np.asarray(y, dtype=np.float64)) * weight(len(X))
        delta_hidden = np.outer(delta_out, path(params.w_out)) * gate(z_hidden)
        W, b = layout(inputs(X).T @ delta_hidden), bias * delta_hidden.sum(axis=0)
        data = (W, b, output(z_hidden).T @ delta_out, delta_out.sum())
        terms = zip(data, decay(z_hidden), params, strict=True)
        return Parameters(*(g + l2 * factor * w for g, factor, w in terms))

    return grad


# fmt: off
HINGE = (
    Mistake("branches swapped", "The slope belongs to the samples with margin below 1.",
            "eq-hinge-upstream", "unknown", _hinge(active=lambda y, h: y * h >= 1.0)),
    Mistake("margin test forgotten", "A sample with margin 1 or more adds nothing.",
            "eq-hinge-sample-grad", "unknown", _hinge(active=lambda y, h: y == y)),
    Mistake("margin test on h", "The margin is y h, not h.",
            "eq-margin", "unknown", _hinge(active=lambda y, h: h < 1.0)),
    Mistake("sign", "The loss falls as the margin grows: the slope is -y.",
            "eq-hinge-margin-slope", "sign", _hinge(slope=lambda y: y)),
    Mistake("y forgotten", "The slope of h in the loss is -y, not -1.",
            "eq-hinge-upstream", "unknown", _hinge(slope=lambda y: -np.ones_like(y))),
    Mistake("x forgotten", "The derivative of h in theta_j is the feature x_j.",
            "eq-hypothesis-grad", "unknown", _hinge(features=np.ones_like)),
    Mistake("mask forgotten", "The linear feature does not count: its component is 0.",
            "eq-mask", "mask", _hinge(mask=np.ones_like(NONLINEAR))),
    Mistake("mean for sum", "The loss is the sum over the samples, not their mean.",
            "eq-hinge-loss", "scale", _hinge(weight=lambda n: 1.0 / n)),
    Mistake("only the first sample", "Every active sample adds its part.",
            "eq-hinge-grad", "unknown", _hinge(weight=lambda n: np.eye(n)[0])),
)
"""Wrong gradients of question 1."""

NETWORK = (
    Mistake("y - y_hat", "The error of the output is y_hat - y.",
            "eq-delta-out", "sign", _network(delta=lambda z, y: y - sigmoid(z))),
    Mistake("y forgotten", "The label is taken off the output.",
            "eq-delta-out", "unknown", _network(delta=lambda z, y: sigmoid(z))),
    Mistake("term of label 0 forgotten", "Samples with label 0 have a loss too.",
            "eq-log-loss", "unknown", _network(delta=lambda z, y: y * log_loss_grad(z, y))),
    Mistake("sigma' forgotten", "The chain goes through the sigmoid.", "eq-delta-out", "unknown",
            _network(delta=lambda z, y: log_loss_grad(z, y) / sigmoid_grad(z))),
    Mistake("sigma' applied twice", "y_hat - y holds sigma' already.", "eq-delta-out-product",
            "unknown", _network(delta=lambda z, y: log_loss_grad(z, y) * sigmoid_grad(z))),
    Mistake("z_j for a_j", "The output weight multiplies what the ReLU lets through.",
            "eq-grad-w-out", "block", _network(output=lambda z: z)),
    Mistake("W_j4 forgotten", "The way back to a_j goes through the weight W_j4.",
            "eq-delta-a-hidden", "block", _network(path=np.ones_like)),
    Mistake("ReLU gate forgotten", "A unit that is off passes nothing back.",
            "eq-delta-z-hidden", "block", _network(gate=np.ones_like)),
    Mistake("gate of another unit", "Each unit has a gate of its own.", "eq-delta-z-hidden",
            "block", _network(gate=lambda z: relu_grad(np.roll(z, 1, axis=1)))),
    Mistake("x_i forgotten", "The derivative of z_j in W_ij is the input x_i.",
            "eq-grad-w-hidden", "block", _network(inputs=np.ones_like)),
    Mistake("transposed weights", "The gradient is laid out as the weights: inputs in rows.",
            "eq-grad-w-hidden", "permutation", _network(layout=lambda W: W.T.reshape(W.shape))),
    Mistake("bias gradient forgotten", "The bias of a hidden unit has the derivative delta.",
            "eq-grad-b-hidden", "mask", _network(bias=0.0)),
    Mistake("mean for sum", "The loss is the sum over the samples, not their mean.",
            "eq-batch-loss", "scale", _network(weight=lambda n: 1.0 / n)),
    Mistake("only the first sample", "Every sample adds its part.",
            "eq-batch-loss", "unknown", _network(weight=lambda n: np.eye(n)[0])),
    Mistake("lambda forgotten", "The penalty adds lambda W.", "eq-l2-grad-w-hidden",
            "regularization", _network(decay=lambda z: (0.0, 0.0, 0.0, 0.0))),
    Mistake("lambda doubled", "The half of the penalty cancels the 2 of the square.",
            "eq-l2-penalty", "regularization", _network(decay=lambda z: (2.0, 0.0, 2.0, 0.0))),
    Mistake("lambda with the wrong sign", "The penalty is added, not taken off.",
            "eq-l2-objective", "regularization", _network(decay=lambda z: (-1.0, 0.0, -1.0, 0.0))),
    Mistake("biases regularized", "The penalty holds the weights and no bias.",
            "eq-l2-penalty", "regularization", _network(decay=lambda z: (1.0, 1.0, 1.0, 1.0))),
    Mistake("decay only for units that are on", "The penalty's part does not pass the gate.",
            "eq-l2-grad-w-hidden", "regularization",
            _network(decay=lambda z: ((z > 0.0).mean(axis=0), 0.0, 1.0, 0.0))),
)
"""Wrong gradients of question 2; in a batch, each sample decays its share of lambda."""
# fmt: on
