"""The catalogue of wrong gradients that people write, to test the checks with.

Each mistake is the correct backward pass with one part replaced.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwlib import hinge
from hwlib._arrays import Floats, as_floats
from hwlib.gradcheck.check import Candidate
from hwlib.network import Parameters, forward, log_loss_grad, relu, relu_grad, sigmoid, sigmoid_grad
from hwlib.polynomial import NONLINEAR

Gradient: TypeAlias = Callable[..., Any]  # called as `hinge.loss_grad` or `network.loss_grad`
OfOne: TypeAlias = Callable[[Floats], Floats]
OfTwo: TypeAlias = Callable[[Floats, Floats], NDArray[Any]]
Weights: TypeAlias = Callable[[int], Floats]  # of so many samples


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


def _bind(grad: Gradient, data: tuple[Any, ...]) -> Callable[[Any], Any]:
    return lambda x: grad(x, *data)


def hinge_grad(
    *, active: OfTwo = lambda y, h: y * h < 1.0, upstream: OfOne = lambda y: -y,
    features: OfOne = lambda X: X, weight: Weights = np.ones, mask: Floats = NONLINEAR,
    hypothesis: Gradient = hinge.hypothesis,
) -> Gradient:  # fmt: skip
    """Return `hwlib.hinge.loss_grad` in plain form, with what is given changed."""

    def grad(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> Floats:
        X, y = as_floats("X", X), as_floats("y", y)
        is_active = active(y, hypothesis(theta, X))  # eq-hinge-active
        return mask * (
            features(X).T @ (weight(len(y)) * is_active * upstream(y))
        )  # eq-hinge-matrix

    return grad


def network_grad(
    *, delta: OfTwo = log_loss_grad, weight: Weights = np.ones, activation: OfOne = relu,
    path: OfTwo = lambda w_out, grad: w_out, gate: OfOne = relu_grad, inputs: OfOne = lambda X: X,
    layout: OfOne = lambda W: W, bias: float = 1.0, decay: Callable[[float], float] = float,
    decay_biases: float = 0.0, decay_gate: OfOne = lambda z: np.ones(1),
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


# fmt: off
HINGE = (
    Mistake("branches swapped", "The samples with a margin below 1 are those that count.",
            "eq-hinge-upstream", "unknown", hinge_grad(active=lambda y, h: y * h >= 1.0)),
    Mistake("margin test forgotten", "A sample with a margin of 1 or more adds nothing.",
            "eq-hinge-sample-grad", "unknown", hinge_grad(active=lambda y, h: np.isfinite(h))),
    Mistake("margin test on h", "The margin is y h, not h.",
            "eq-margin", "unknown", hinge_grad(active=lambda y, h: h < 1.0)),
    Mistake("sign", "The loss falls as the margin grows: its derivative with respect to h is -y.",
            "eq-hinge-margin-slope", "sign", hinge_grad(upstream=lambda y: y)),
    Mistake("y forgotten", "The derivative of the loss with respect to h is -y, not -1.",
            "eq-hinge-upstream", "unknown", hinge_grad(upstream=lambda y: -np.ones_like(y))),
    Mistake("x forgotten", "The derivative of h with respect to theta_j is the feature x_j.",
            "eq-hypothesis-grad", "unknown", hinge_grad(features=np.ones_like)),
    Mistake("mask forgotten", "The linear feature does not count: its component is 0.",
            "eq-mask", "mask", hinge_grad(mask=np.ones_like(NONLINEAR))),
    Mistake("mean for sum", "The loss is the sum over the samples, not their mean.",
            "eq-hinge-loss", "scale", hinge_grad(weight=lambda n: np.full(n, 1.0 / n))),
    Mistake("only the last sample", "Every active sample adds its part: += and not =.",
            "eq-hinge-grad", "unknown", hinge_grad(weight=lambda n: np.eye(n)[-1])),
    Mistake("no mask at all", "The linear feature counts neither in h nor in the gradient.",
            "eq-hypothesis", "unknown", hinge_grad(mask=np.ones_like(NONLINEAR),
                                                   hypothesis=lambda theta, X: X @ theta)),
    Mistake("max(-y x, 0)", "The maximum is taken of the loss, before it is differentiated.",
            "eq-hinge-sample-grad", "unknown", lambda theta, X, y: NONLINEAR * np.maximum(
                -np.asarray(y)[:, np.newaxis] * X, 0.0).sum(axis=0)),
)
"""Wrong gradients of question 1."""

NETWORK = (
    Mistake("y - y_hat", "The error at the output is y_hat - y.",
            "eq-delta-out", "sign", network_grad(delta=lambda z, y: y - sigmoid(z))),
    Mistake("y forgotten", "The label is subtracted from the output.",
            "eq-delta-out", "other loss", network_grad(delta=lambda z, y: sigmoid(z))),
    Mistake("term of label 0 forgotten", "Samples with label 0 have a loss too.",
            "eq-log-loss", "other loss", network_grad(delta=lambda z, y: y * log_loss_grad(z, y))),
    Mistake("sigma' forgotten", "The chain goes through the sigmoid.", "eq-delta-out", "other loss",
            network_grad(delta=lambda z, y: log_loss_grad(z, y) / sigmoid_grad(z))),
    Mistake("sigma' applied twice", "y_hat - y holds sigma' already.", "eq-delta-out-product",
            "other loss", network_grad(delta=lambda z, y: log_loss_grad(z, y) * sigmoid_grad(z))),
    Mistake("z_j for a_j", "The output weight multiplies the value after the ReLU.",
            "eq-grad-w-out", "block", network_grad(activation=lambda z: z)),
    Mistake("W_j4 forgotten", "The way back to a_j goes through the weight W_j4.",
            "eq-delta-a-hidden", "factor",
            network_grad(path=lambda w_out, grad: np.ones_like(w_out))),
    Mistake("W_j4 after its step", "The way back goes through the weight of the forward pass.",
            "eq-delta-a-hidden", "factor",
            network_grad(path=lambda w_out, grad: w_out - 0.1 * grad)),
    Mistake("mean twice", "The mean is taken once, at the output, if at all.", "eq-delta-z-hidden",
            "scale", network_grad(gate=lambda z: relu_grad(z) / len(z))),
    Mistake("ReLU gate forgotten", "A unit that is off passes nothing back; a >= 0 holds always.",
            "eq-delta-z-hidden", "block", network_grad(gate=np.ones_like)),
    Mistake("gate of another unit", "Each unit has a gate of its own.", "eq-delta-z-hidden",
            "block", network_grad(gate=lambda z: relu_grad(np.roll(z, 1, axis=1)))),
    Mistake("x_i forgotten", "The derivative of z_j with respect to W_ij is the input x_i.",
            "eq-grad-w-hidden", "block", network_grad(inputs=np.ones_like)),
    Mistake("transposed weights", "The gradient is laid out as the weights: inputs in rows.",
            "eq-grad-w-hidden", "permutation", network_grad(layout=lambda W: W.T.reshape(W.shape))),
    Mistake("bias gradient forgotten", "The loss depends on the hidden biases too.",
            "eq-grad-b-hidden", "mask", network_grad(bias=0.0)),
    Mistake("mean for sum", "The loss is the sum over the samples, not their mean.",
            "eq-batch-loss", "scale", network_grad(weight=lambda n: np.full(n, 1.0 / n))),
    Mistake("only the first sample", "Every sample adds its part.",
            "eq-batch-loss", "other loss", network_grad(weight=lambda n: np.eye(n)[0])),
    Mistake("lambda forgotten", "The penalty adds lambda W to the gradient.",
            "eq-l2-grad-w-hidden", "regularization", network_grad(decay=lambda l2: 0.0)),
    Mistake("lambda doubled", "The 1/2 of the penalty cancels the 2 of the square.",
            "eq-l2-penalty", "regularization", network_grad(decay=lambda l2: 2.0 * l2)),
    Mistake("lambda halved", "The 2 of the square cancels the 1/2 of the penalty.",
            "eq-l2-penalty", "regularization", network_grad(decay=lambda l2: l2 / 2.0)),
    Mistake("lambda squared", "The factor of the penalty is lambda, once.",
            "eq-l2-objective", "regularization", network_grad(decay=lambda l2: l2 * l2)),
    Mistake("lambda with the wrong sign", "The penalty is added, not subtracted.",
            "eq-l2-objective", "regularization", network_grad(decay=lambda l2: -l2)),
    Mistake("biases regularized", "The penalty holds the weights, not the biases.",
            "eq-l2-penalty", "regularization", network_grad(decay_biases=1.0)),
    Mistake("decay only for units that are on", "The penalty does not pass through the ReLU.",
            "eq-l2-grad-w-hidden", "regularization",
            network_grad(decay_gate=lambda z: relu_grad(z).mean(axis=0, keepdims=True))),
)
"""Wrong gradients of question 2; in a batch, each sample decays its share of lambda."""
# fmt: on
