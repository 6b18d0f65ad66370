"""Question 2: a network with one hidden ReLU layer and a sigmoid output.

Labels are 0 and 1, the loss is binary cross-entropy, summed over the samples, plus an L2
penalty on the weights but not on the biases. The book takes ReLU'(0) = 0.

Shapes: n samples, d inputs, m hidden units. In the book the hidden units are 1 to m = 3 and
the output is unit 4; in code the layers are `hidden` and `out`.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwlib._arrays import (
    Floats,
    all_finite,
    as_count,
    as_float,
    as_floats,
    as_labels,
    as_rng,
    as_shaped,
    finite,
    matmul,
    product,
)
from hwlib.blocks import Sums, add_blocks, compiled_sums

LABELS = (0, 1)
FEW = 100
"""Weights of a hidden layer up to which a compiled loop is faster than NumPy's matrix products."""


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
    """Return random parameters: weights of variance 2 / fan-in, biases 0.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_inputs, n_hidden : int
        d and m, at least 1.

    Returns
    -------
    hwlib.network.Parameters

    Raises
    ------
    ValueError
        If `rng` is no generator, or a number of units is not a whole number of at least 1.
    """
    rng = as_rng("rng", rng)
    d, m = as_count("n_inputs", n_inputs), as_count("n_hidden", n_hidden)
    W_hidden = rng.normal(scale=np.sqrt(2.0 / d), size=(d, m))
    w_out = rng.normal(scale=np.sqrt(2.0 / m), size=m)
    return Parameters(W_hidden, np.zeros(m), w_out, 0.0)


def ravel(params: Parameters) -> Floats:
    """Return all parameters as one vector, in the order of the fields, rows first.

    Parameters
    ----------
    params : Parameters

    Returns
    -------
    ndarray, shape (d * m + 2 * m + 1,)

    Raises
    ------
    ValueError
        If a field is not finite real numbers or its shape does not fit the others.
    """
    return np.concatenate([np.ravel(field) for field in _as_parameters("params", params)])


def unravel(vector: ArrayLike, like: Parameters) -> Parameters:
    """Return the parameters that `ravel` turned into `vector`.

    Parameters
    ----------
    vector : array_like, shape (d * m + 2 * m + 1,)
    like : Parameters
        Gives the shapes; its values do not matter.

    Returns
    -------
    hwlib.network.Parameters

    Raises
    ------
    ValueError
        If `vector` is not finite real numbers, or its length does not fit `like`.
    """
    d, m = _as_parameters("like", like).W_hidden.shape
    vector = as_floats("vector", vector, (d * m + 2 * m + 1,)).copy()
    W_hidden, b_hidden, w_out, b_out = np.split(vector, np.cumsum([d * m, m, m]))
    return Parameters(W_hidden.reshape(d, m), b_hidden, w_out, float(b_out[0]))


def relu(z: ArrayLike) -> Floats:
    """Return max(z, 0), elementwise.

    Parameters
    ----------
    z : array_like
        Any shape.

    Returns
    -------
    ndarray
        The shape of `z`.

    Raises
    ------
    ValueError
        If `z` is not finite real numbers, or empty.

    Notes
    -----
    Implements eq-relu.
    """
    return _relu(as_floats("z", z))[()]


def relu_grad(z: ArrayLike) -> Floats:
    """Return the derivative of `relu`, elementwise: 1 where z > 0, else 0 (at 0 too).

    Parameters
    ----------
    z : array_like
        Any shape.

    Returns
    -------
    ndarray
        The shape of `z`.

    Raises
    ------
    ValueError
        If `z` is not finite real numbers, or empty.

    Notes
    -----
    Implements eq-relu-grad.
    """
    return _relu_grad(as_floats("z", z))[()]


def sigmoid(z: ArrayLike) -> Floats:
    """Return 1 / (1 + exp(-z)), elementwise, without overflow for any z.

    Parameters
    ----------
    z : array_like
        Any shape.

    Returns
    -------
    ndarray
        The shape of `z`.

    Raises
    ------
    ValueError
        If `z` is not finite real numbers, or empty.

    Notes
    -----
    Implements eq-sigmoid.
    """
    return _sigmoid(as_floats("z", z))[()]


def sigmoid_grad(z: ArrayLike) -> Floats:
    """Return the derivative of `sigmoid`, elementwise: sigmoid(z) * sigmoid(-z).

    Parameters
    ----------
    z : array_like
        Any shape.

    Returns
    -------
    ndarray
        The shape of `z`.

    Raises
    ------
    ValueError
        If `z` is not finite real numbers, or empty.

    Notes
    -----
    Implements eq-sigmoid-grad; 1 - sigmoid(z) is taken as sigmoid(-z), which keeps its digits
    where sigmoid(z) rounds to 1.
    """
    z = as_floats("z", z)
    return (_sigmoid(z) * _sigmoid(-z))[()]


def log_loss(z: ArrayLike, y: ArrayLike) -> Floats:
    """Return the binary cross-entropy of the output z with the label, elementwise.

    Parameters
    ----------
    z : array_like
        Output before the sigmoid (logit), any shape.
    y : array_like
        Labels in {0, 1}, the shape of `z`.

    Returns
    -------
    ndarray
        The shape of `z`.

    Raises
    ------
    ValueError
        If `z` is not finite real numbers, or empty; if `y` has another shape, or a label is
        outside the set.

    Notes
    -----
    Implements eq-log-loss-logit, which equals eq-log-loss without its logarithm of 0.
    """
    z = as_floats("z", z)
    with np.errstate(under="ignore"):
        return _log_loss_and_grad(z, as_labels("y", y, LABELS, z.shape))[0][()]


def log_loss_grad(z: ArrayLike, y: ArrayLike) -> Floats:
    """Return the derivative of `log_loss` in z, elementwise: sigmoid(z) - y.

    Parameters
    ----------
    z : array_like
        Output before the sigmoid (logit), any shape.
    y : array_like
        Labels in {0, 1}, the shape of `z`.

    Returns
    -------
    ndarray
        The shape of `z`; with relative accuracy, however large z is.

    Raises
    ------
    ValueError
        As `log_loss`.

    Notes
    -----
    Implements eq-delta-out-stable.
    """
    z = as_floats("z", z)
    with np.errstate(under="ignore"):
        return _log_loss_and_grad(z, as_labels("y", y, LABELS, z.shape))[1][()]


def forward(params: Parameters, X: ArrayLike) -> Forward:
    """Return all intermediate values of the network for each sample.

    Parameters
    ----------
    params : Parameters
    X : array_like, shape (n, d)

    Returns
    -------
    Forward

    Raises
    ------
    ValueError
        If an argument is not finite real numbers of a fitting shape, there is no sample, or
        a value is too large for a float64.

    Notes
    -----
    Implements eq-z-hidden, eq-relu, eq-z-out and eq-sigmoid.
    """
    params = _as_parameters("params", params)
    z_hidden = _z_hidden(params, as_floats("X", X, ("n", len(params.W_hidden))))
    a_hidden = _relu(z_hidden)
    z_out = matmul(finite("a_hidden", a_hidden).T, params.w_out, plus=params.b_out)
    values = z_hidden.T, a_hidden.T, z_out, _sigmoid(z_out)
    return Forward(*map(finite, Forward._fields, values))


def loss(params: Parameters, X: ArrayLike, y: ArrayLike, l2: float = 0.0) -> float:
    """Return the cross-entropy, summed over the samples, plus the L2 penalty.

    Parameters
    ----------
    params : Parameters
    X : array_like, shape (n, d)
    y : array_like, shape (n,)
        Labels in {0, 1}.
    l2 : float, default 0.0
        The factor lambda of half the sum of the squared weights, at least 0; the biases are
        not penalized.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As `forward`, and if a label is outside the set or `l2` is negative.

    Notes
    -----
    Implements eq-batch-loss and eq-l2-objective.
    """
    return finite("the loss", float(_sums(*_as_problem(params, X, y, l2))[0]))


def loss_grad(params: Parameters, X: ArrayLike, y: ArrayLike, l2: float = 0.0) -> Parameters:
    """Return the gradient of `loss` in the parameters.

    Parameters
    ----------
    params : Parameters
    X : array_like, shape (n, d)
    y : array_like, shape (n,)
        Labels in {0, 1}.
    l2 : float, default 0.0
        As in `loss`.

    Returns
    -------
    hwlib.network.Parameters
        Each field has the shape of the parameter that it belongs to.

    Raises
    ------
    ValueError
        As `loss`, and if an entry of the gradient is too large for a float64.

    Notes
    -----
    Implements eq-delta-out, eq-grad-w-out, eq-grad-b-out, eq-delta-a-hidden,
    eq-delta-z-hidden, eq-grad-w-hidden and eq-grad-b-hidden over a batch, and the L2 terms
    eq-l2-grad-w-out and eq-l2-grad-w-hidden. A unit at z = 0 counts as off.
    """
    params, X, y, l2 = _as_problem(params, X, y, l2)
    return _finite_grad(params, l2, _sums(params, X, y, l2))


def value_and_grad(
    params: Parameters, X: ArrayLike, y: ArrayLike, l2: float = 0.0
) -> tuple[float, Parameters]:
    """Return `loss` and `loss_grad` of one pass over the samples.

    With the extra ``fast`` installed Numba compiles the loop over the samples at the first call,
    and all cores share it, or ``OMP_NUM_THREADS`` of them. The result has the same bits on any
    number of cores, and agrees with `loss` and `loss_grad` to the rounding of a sum.

    Parameters
    ----------
    params : Parameters
    X : array_like, shape (n, d)
    y : array_like, shape (n,)
        Labels in {0, 1}.
    l2 : float, default 0.0
        As in `loss`. The penalty is counted once, not once for each block of samples.

    Returns
    -------
    loss : float
    grad : hwlib.network.Parameters

    Raises
    ------
    ValueError
        As `loss` and `loss_grad`.

    Notes
    -----
    Implements what `loss` and `loss_grad` do, a block of samples at a time (eq-scale-loss-blocks
    and eq-scale-grad-blocks), with one exponential for both (eq-scale-softplus, eq-scale-delta and
    eq-scale-sigmoid) and, compiled, one logarithm for many samples (eq-scale-product).
    """
    params, X, y, l2 = _as_problem(params, X, y, l2)
    sums = _sums(params, X, y, l2, fast=True)
    return finite("the loss", float(sums[0])), _finite_grad(params, l2, sums)


def blind_spots(params: Parameters, X: ArrayLike, y: ArrayLike, l2: float = 0.0) -> tuple[str, ...]:
    """Return the facts about a point at which a check passes wrong gradients of `loss`.

    Parameters
    ----------
    params : Parameters
    X : array_like, shape (n, d)
    y : array_like, shape (n,)
        Labels in {0, 1}.
    l2 : float, default 0.0
        As in `loss`.

    Returns
    -------
    tuple of str
        Sentences such as "unit 2 is off for every sample", for the `context` of
        `hwlib.gradcheck.check_grad`; empty at a good point. Inputs and units are counted
        from 1; the weight W_j4 is written with its number.

    Raises
    ------
    ValueError
        As `loss`.
    """
    params, X, y, l2 = _as_problem(params, X, y, l2)
    X, y = as_floats("X", X), as_labels("y", y, LABELS)
    on = _z_hidden(params, X).T > 0.0
    facts = {
        "there is only one sample": len(y) == 1,
        "every label is 0": not y.any(),
        "every label is 1": y.all(),
        "l2 = 0": l2 == 0.0,
        "every bias is 0": not (params.b_hidden.any() or params.b_out),
    }
    for i, x in enumerate(X.T, 1):
        facts[f"input {i} is 0 for every sample"] = not x.any()
        facts[f"input {i} is 1 for every sample"] = (x == 1.0).all()
    for j, (gate, w) in enumerate(zip(on.T, params.w_out, strict=True), 1):
        facts[f"unit {j} is off for every sample"] = not gate.any()
        facts[f"unit {j} is on for every sample"] = gate.all()
        facts[f"W_{j}4 is {w:.0f}"] = w in (0.0, 1.0)
        for k in range(1, j):
            same = gate.any() and not gate.all() and (gate == on[:, k - 1]).all()
            facts[f"units {k} and {j} are on for the same samples"] = same
    return tuple(fact for fact, holds in facts.items() if holds)


def _relu(z: Floats) -> Floats:
    return np.maximum(z, 0.0)


def _relu_grad(z: Floats) -> Floats:
    return np.where(z > 0.0, 1.0, 0.0)


def _sigmoid(z: Floats) -> Floats:
    with np.errstate(under="ignore"):
        e = np.exp(-np.abs(z))
    return np.where(z >= 0.0, 1.0, e) / (1.0 + e)


def _log_loss_and_grad(z: Floats, y: Floats) -> tuple[Floats, Floats]:
    sign = 1.0 - 2.0 * y
    s = sign * z  # the loss is log(1 + exp(s)), its slope in s is sigmoid(s)
    q = np.exp(-np.abs(s))
    loss = np.maximum(s, 0.0) + np.log1p(q)
    return loss, sign * np.maximum(q, s >= 0.0) / (1.0 + q)


def _z_hidden(params: Parameters, X: Floats) -> Floats:
    """Return the sums of the hidden units, one unit a row; an entry may be infinite."""
    return matmul(params.W_hidden.T, X.T, plus=params.b_hidden[:, None])


def _start(params: Parameters, l2: float) -> tuple[Floats, Sums]:
    """Return weights and biases of the hidden units, one unit a row, and what the penalty adds.

    The sums are the loss, its slopes in those, in w_out, and in b_out.
    """
    d, m = params.W_hidden.shape
    weights = np.empty((m, d + 1))
    weights[:, :d] = params.W_hidden.T
    weights[:, d] = params.b_hidden
    if l2 == 0.0:
        return weights, (0.0, 0.0, 0.0, 0.0)
    decay, decay_out = l2 * weights, l2 * params.w_out
    decay[:, d] = 0.0
    # l2 goes in before the square: the square alone may overflow where the penalty does not
    penalty = np.vdot(0.5 * decay, weights) + np.vdot(0.5 * decay_out, params.w_out)
    return weights, (float(penalty), decay, decay_out, 0.0)


@np.errstate(all="ignore")
def _sums(
    params: Parameters, X: NDArray[Any], y: NDArray[Any], l2: float, *, fast: bool = False
) -> Sums:
    """Return the sums of `_start` over the samples; infinite where too large for a float64."""
    weights, start = _start(params, l2)
    w_out, b_out = np.ascontiguousarray(params.w_out), params.b_out
    if (
        fast
        and weights.size <= FEW
        and (sums := compiled_sums(_loop, (weights, w_out, b_out), X, y))
    ):
        return tuple(a + b for a, b in zip(sums, start, strict=True))
    return add_blocks(partial(_block, weights, w_out, b_out), X, y, start)


def _loop(weights: Floats, w_out: Floats, b_out: float, X: Floats, y: Floats) -> Sums:
    """Return the sums, a sample at a time; the loss is NaN if a number or label is not accepted."""
    m, d = len(w_out), X.shape[1]
    a, hidden, out = np.empty(m), np.zeros((m, d + 1)), np.zeros(m)
    loss = slope = p = wrong = 0.0
    for i in range(len(X)):
        z_out = b_out
        for j in range(m):
            z = weights[j, d]
            for k in range(d):
                z += weights[j, k] * X[i, k]
            a[j] = z * (1.0 if z > 0.0 else 0.0)  # a factor, since 0 times NaN is NaN
            z_out += w_out[j] * a[j]
        label = float(y[i])
        sign = 1.0 - 2.0 * label
        t = sign * z_out
        q = math.exp(-abs(t))
        loss += max(t, 0.0)
        p += q * (1.0 + p)  # eq-scale-product
        if p > 1e100:
            loss, p = loss + math.log1p(p), 0.0
        delta_out = sign * (1.0 if t >= 0.0 else q) / (1.0 + q)
        slope += delta_out
        for j in range(m):
            out[j] += delta_out * a[j]
            delta = delta_out * w_out[j] * (1.0 if a[j] > 0.0 else 0.0)
            for k in range(d):
                hidden[j, k] += delta * X[i, k]
            hidden[j, d] += delta
        wrong += abs(label * (label - 1.0)) + 0.0 * z_out
    for j in range(m):
        wrong += 0.0 * out[j]
        for k in range(d + 1):
            wrong += 0.0 * hidden[j, k]
    return (loss + math.log1p(p) if wrong == 0.0 else math.nan), hidden, out, slope


def _block(weights: Floats, w_out: Floats, b_out: float, X: Floats, y: Floats, start: Sums) -> Sums:
    X, y = as_floats("X", X), as_labels("y", y, LABELS)
    inputs = np.ones((X.shape[1] + 1, len(X)))  # samples in columns; a bias is the weight of a 1
    inputs[:-1] = X.T
    z = product(weights, inputs)
    gate = (z > 0.0).astype(np.float64)
    a = np.multiply(gate, z, out=z)  # in place, as below: a new array costs as much as filling it
    z_out = a.T.dot(w_out) + b_out
    if not all_finite(z_out):  # a sum may be minus infinity, and 0 times that is not 0
        a = finite("a_hidden", _relu(product(weights, inputs)))
        z_out = product(a.T, w_out, b_out)
    losses, delta_out = _log_loss_and_grad(z_out, y)
    delta_hidden = w_out[:, None] * delta_out
    delta_hidden *= gate
    return (
        float(np.add.reduce(losses)) + start[0],
        product(delta_hidden, inputs.T, start[1]),
        _row_sums(a, delta_out, start[2]),
        float(np.add.reduce(delta_out)) + start[3],
    )


def _row_sums(A: Floats, b: Floats, plus: Floats | float) -> Floats:
    """Return A @ b + plus. All rows are added up in the same order, so equal units stay equal."""
    out: Floats = np.add.reduce(A * b, axis=1) + plus
    return out if all_finite(out) else product(A, b, plus)


def _finite_grad(params: Parameters, l2: float, sums: Sums) -> Parameters:
    _, hidden, w_out, b_out = sums
    if not (all_finite(hidden) and all_finite(w_out)):
        with np.errstate(all="ignore"):
            for field in (params.W_hidden, params.w_out):
                finite("the penalty's gradient", l2 * field)
        finite("the gradient", np.append(hidden, w_out))
    return Parameters(hidden[:, :-1].T, hidden[:, -1], w_out, b_out)


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
) -> tuple[Parameters, NDArray[Any], NDArray[Any], float]:
    """Check all but the numbers in X and y, which are looked at block by block."""
    params = _as_parameters("params", params)
    X = as_shaped("X", X, ("n", len(params.W_hidden)))
    return params, X, as_shaped("y", y, (len(X),)), as_float("l2", l2, minimum=0.0)
