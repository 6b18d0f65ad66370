"""Question 2: a network with one hidden ReLU layer and a sigmoid output.

Labels are 0 and 1. The loss is binary cross-entropy, summed over the samples, plus an L2
penalty on the weights but not on the biases. The book takes ReLU'(0) = 0.

In the book the hidden units are 1 to m = 3 and the output is unit 4; in code the layers are
`hidden` and `out`. There are n samples, d inputs and m hidden units:

params : Parameters
    The weights and biases.
X : array_like, shape (n, d)
    One sample per row.
y : array_like, shape (n,)
    Labels in {0, 1}.
l2 : float, default 0.0
    lambda, the factor of half the sum of the squared weights; at least 0.

The elementwise functions take an array `z` of any shape; those of the log loss also take labels
`y` of the same shape. Every function raises a `ValueError` if an argument does not hold finite
real numbers in a fitting shape, a label is outside the set, there is no sample, or a result is
too large for a float64.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from hwlib._arrays import Floats, as_count, as_float, as_floats, as_labels, as_rng, finite

LABELS = (0, 1)


class Parameters(NamedTuple):
    """The weights and biases of the network, or a gradient with respect to them.

    Attributes
    ----------
    W_hidden : ndarray, shape (d, m)
        ``W_hidden[i - 1, j - 1]`` is W_ij, from input i to hidden unit j.
    b_hidden : ndarray, shape (m,)
        ``b_hidden[j - 1]`` is b_j.
    w_out : ndarray, shape (m,)
        ``w_out[j - 1]`` is W_j4, from hidden unit j to the output.
    b_out : float
        b_4.
    """

    W_hidden: Floats
    b_hidden: Floats
    w_out: Floats
    b_out: float


class Forward(NamedTuple):
    """All intermediate values of a forward pass.

    Attributes
    ----------
    z_hidden, a_hidden : ndarray, shape (n, m)
        Before and after the ReLU.
    z_out, y_hat : ndarray, shape (n,)
        Before and after the sigmoid; the latter is the probability of label 1.
    """

    z_hidden: Floats
    a_hidden: Floats
    z_out: Floats
    y_hat: Floats


def init(rng: np.random.Generator, n_inputs: int = 2, n_hidden: int = 3) -> Parameters:
    """Return random parameters (He): normal weights of variance 2 / fan-in, biases 0."""
    rng = as_rng("rng", rng)
    d, m = as_count("n_inputs", n_inputs), as_count("n_hidden", n_hidden)
    W_hidden = rng.normal(scale=np.sqrt(2.0 / d), size=(d, m))
    w_out = rng.normal(scale=np.sqrt(2.0 / m), size=m)
    return Parameters(W_hidden, np.zeros(m), w_out, 0.0)


def ravel(params: Parameters) -> Floats:
    """Return all parameters as one vector, shape (d m + 2 m + 1,), field by field, row-major."""
    return np.concatenate([np.ravel(field) for field in _as_parameters("params", params)])


def unravel(vector: ArrayLike, like: Parameters) -> Parameters:
    """Return the parameters that `ravel` turned into `vector`; `like` gives the shapes."""
    d, m = _as_parameters("like", like).W_hidden.shape
    vector = as_floats("vector", vector, (d * m + 2 * m + 1,)).copy()
    W_hidden, b_hidden, w_out, b_out = np.split(vector, np.cumsum([d * m, m, m]))
    return Parameters(W_hidden.reshape(d, m), b_hidden, w_out, float(b_out[0]))


def relu(z: ArrayLike) -> Floats:
    """Return max(z, 0), elementwise (eq-relu)."""
    return _relu(as_floats("z", z))


def _relu(z: Floats) -> Floats:
    return np.maximum(z, 0.0)  # eq-relu


def relu_grad(z: ArrayLike) -> Floats:
    """Return the derivative of `relu`: 1 where z > 0, else 0, at z = 0 too (eq-relu-grad)."""
    return _relu_grad(as_floats("z", z))


def _relu_grad(z: Floats) -> Floats:
    return (z > 0.0).astype(np.float64)  # eq-relu-grad


@np.errstate(under="ignore")
def sigmoid(z: ArrayLike) -> Floats:
    """Return 1 / (1 + exp(-z)), elementwise, without overflow for any z (eq-sigmoid)."""
    return _sigmoid(as_floats("z", z))


def _sigmoid(z: Floats) -> Floats:
    e = np.exp(-np.abs(z))  # at most 1: exp(-z), or exp(z) where z is negative
    return np.where(z >= 0.0, 1.0, e) / (1.0 + e)  # eq-sigmoid


@np.errstate(under="ignore")
def sigmoid_grad(z: ArrayLike) -> Floats:
    """Return the derivative of `sigmoid` (eq-sigmoid-grad).

    1 - sigmoid(z) is computed as sigmoid(-z), which is accurate where sigmoid(z) rounds to 1.
    """
    z = as_floats("z", z)
    return _sigmoid(z) * _sigmoid(-z)  # eq-sigmoid-grad


@np.errstate(under="ignore")
def log_loss(z: ArrayLike, y: ArrayLike) -> Floats:
    """Return the cross-entropy of the label y for the output z before the sigmoid, elementwise.

    This form of it takes no logarithm of 0 (eq-log-loss-logit).
    """
    return _log_loss(*_as_outputs(z, y))


def _log_loss(z: Floats, y: Floats) -> Floats:
    s = (1.0 - 2.0 * y) * z
    return np.maximum(s, 0.0) + np.log1p(np.exp(-np.abs(s)))  # eq-log-loss-logit


@np.errstate(under="ignore")
def log_loss_grad(z: ArrayLike, y: ArrayLike) -> Floats:
    """Return the derivative of `log_loss` with respect to z: sigmoid(z) - y.

    This form of it is accurate for any z (eq-delta-out-stable).
    """
    return _log_loss_grad(*_as_outputs(z, y))


def _log_loss_grad(z: Floats, y: Floats) -> Floats:
    sign = 1.0 - 2.0 * y
    return sign * _sigmoid(sign * z)  # eq-delta-out-stable


@np.errstate(all="ignore")
def forward(params: Parameters, X: ArrayLike) -> Forward:
    """Return all intermediate values of the network for each sample."""
    params = _as_parameters("params", params)
    return _forward(params, as_floats("X", X, ("n", len(params.W_hidden))))


def _forward(params: Parameters, X: Floats) -> Forward:
    z_hidden = X @ params.W_hidden + params.b_hidden  # eq-z-hidden
    a_hidden = _relu(z_hidden)  # eq-relu
    z_out = a_hidden @ params.w_out + params.b_out  # eq-z-out
    values = Forward(z_hidden, a_hidden, z_out, _sigmoid(z_out))  # eq-sigmoid
    return Forward(*map(finite, Forward._fields, values))


@np.errstate(all="ignore")
def loss(params: Parameters, X: ArrayLike, y: ArrayLike, l2: float = 0.0) -> float:
    """Return the cross-entropy, summed over the samples, plus the L2 penalty."""
    params, X, y, l2 = _as_problem(params, X, y, l2)
    data = np.sum(_log_loss(_forward(params, X).z_out, y))  # eq-batch-loss
    weights = params.W_hidden, params.w_out  # and no bias
    penalty = sum(np.sum(l2 / 2.0 * W * W) for W in weights)  # eq-l2-penalty
    return finite("the loss", float(data + penalty))  # eq-l2-objective


@np.errstate(all="ignore")
def loss_grad(params: Parameters, X: ArrayLike, y: ArrayLike, l2: float = 0.0) -> Parameters:
    """Return the gradient of `loss`, each field in the shape of its parameter.

    A unit at z = 0 counts as off. The equations cited are those of one sample; the matrix
    products and sums add up the samples (eq-batch-grad-matrix).
    """
    params, X, y, l2 = _as_problem(params, X, y, l2)
    z_hidden, a_hidden, z_out, _ = _forward(params, X)
    delta_out = _log_loss_grad(z_out, y)  # eq-delta-out
    delta_a = np.outer(delta_out, params.w_out)  # eq-delta-a-hidden
    delta_z = delta_a * _relu_grad(z_hidden)  # eq-delta-z-hidden
    grad = Parameters(  # over the samples, eq-batch-grad-matrix
        W_hidden=X.T @ delta_z + l2 * params.W_hidden,  # eq-grad-w-hidden, eq-l2-grad-w-hidden
        b_hidden=delta_z.sum(axis=0),  # eq-grad-b-hidden
        w_out=a_hidden.T @ delta_out + l2 * params.w_out,  # eq-grad-w-out, eq-l2-grad-w-out
        b_out=float(delta_out.sum()),  # eq-grad-b-out
    )
    for field in grad:
        finite("the gradient", np.asarray(field))
    return grad


def _as_outputs(z: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    z = as_floats("z", z)
    return z, as_labels("y", y, LABELS, z.shape)


def _as_parameters(name: str, params: Parameters) -> Parameters:
    if not isinstance(params, Parameters):
        raise ValueError(f"{name} is a {type(params).__name__}; expected network.Parameters")
    W_hidden = as_floats(f"{name}.W_hidden", params.W_hidden, ("d", "m"))
    m = W_hidden.shape[1]
    b_hidden = as_floats(f"{name}.b_hidden", params.b_hidden, (m,))
    w_out = as_floats(f"{name}.w_out", params.w_out, (m,))
    return Parameters(W_hidden, b_hidden, w_out, as_float(f"{name}.b_out", params.b_out))


def _as_problem(
    params: Parameters, X: ArrayLike, y: ArrayLike, l2: float
) -> tuple[Parameters, Floats, Floats, float]:
    params = _as_parameters("params", params)
    X = as_floats("X", X, ("n", len(params.W_hidden)))
    return params, X, as_labels("y", y, LABELS, (len(X),)), as_float("l2", l2, minimum=0.0)
