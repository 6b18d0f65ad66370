"""The loss of the network with its gradient, in one pass over the samples, compiled.

Arguments and errors are those of `hwlib.network`: X has shape (n, d) and y (n,), with labels in
{0, 1}; a unit at z = 0 counts as off.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from hwlib import network
from hwlib._arrays import Floats, as_float, as_numbers
from hwlib.network import Parameters
from hwlib.scale.blocks import compiled, compiled_or_plain, is_ready


def value_and_grad(
    params: Parameters, X: ArrayLike, y: ArrayLike, l2: float = 0.0
) -> tuple[float, Parameters]:
    """Return `hwlib.network.loss` and `hwlib.network.loss_grad`, to rounding.

    Numba compiles the loop at the first call, and all cores share the samples, or
    ``OMP_NUM_THREADS`` of them; the result has the same bits on any number of cores. The penalty
    is counted once: each block has its share of it (eq-scale-penalty).
    """
    X, y = as_numbers("X", X), as_numbers("y", y)
    if type(l2) is not float or l2 < 0.0:
        l2 = as_float("l2", l2, minimum=0.0)
    if not _is_ready(params):
        params = network.unravel(network.ravel(params), params)
    n = max(1, y.size)

    def plain(X: ArrayLike, y: ArrayLike) -> tuple[float, Parameters]:
        share = l2 * np.size(y) / n
        return network.loss(params, X, y, share), network.loss_grad(params, X, y, share)

    return compiled_or_plain(partial(_loop, params, l2 / n), plain, X, y, len(params.W_hidden))


def _is_ready(params: Parameters) -> bool:
    """Whether the loop takes these parameters as they are; NaN and infinity show in its loss."""
    if not isinstance(params, Parameters) or type(params.b_out) is not float:
        return False
    W, b, w, _ = params
    if not (is_ready(W) and is_ready(b) and is_ready(w)):
        return False
    return W.size > 0 and W.ndim == 2 and W.shape[1:] == b.shape == w.shape


@compiled
def _loop(params: Parameters, l2: float, X: Floats, y: Floats) -> tuple[float, Parameters]:
    """Loss and gradient; the loss is NaN for a number or a label that is not accepted.

    `l2` is the share of one sample.
    """
    W, b, w, _ = params
    share = l2 * len(X)
    dW, db, dw, db_out = share * W, np.zeros_like(b), share * w, 0.0  # eq-l2-grad-w-hidden
    loss, p, a = 0.5 * (np.sum(dW * W) + np.sum(dw * w)), 0.0, np.empty_like(b)  # eq-l2-penalty
    for i in range(len(X)):
        z_out, label = _forward(params, X[i], a), float(y[i])
        # One test without a branch between: labels at random would spoil its prediction.
        if not (math.isfinite(z_out) & ((label == 0.0) | (label == 1.0))):
            return math.nan, Parameters(dW, db, dw, db_out)
        sign = 1.0 - 2.0 * label
        t = sign * z_out
        q = math.exp(-abs(t))  # eq-scale-q
        loss += max(t, 0.0)  # eq-scale-softplus
        p += q * (1.0 + p)  # eq-scale-product
        if p > 1e100:
            loss, p = loss + math.log1p(p), 0.0
        delta_out = sign * (1.0 if t >= 0.0 else q) / (1.0 + q)  # eq-scale-delta
        db_out += delta_out  # eq-grad-b-out
        _backward(dW, db, dw, w, delta_out, a, X[i])
    fits = np.isfinite(dW).all() and np.isfinite(db).all() and np.isfinite(dw).all()
    return (loss + math.log1p(p) if fits else math.nan), Parameters(dW, db, dw, db_out)


@partial(compiled, inline=True)
def _forward(params: Parameters, x: Floats, a: Floats) -> float:
    """Fill in a, the hidden units; return z_out, NaN if one of their sums is not finite."""
    W, b, w, z_out = params
    for j in range(len(b)):
        z = b[j]
        for k in range(len(x)):
            z += W[k, j] * x[k]  # eq-z-hidden; not finite if any number in x is not
        if not math.isfinite(z):
            return math.nan
        a[j] = max(z, 0.0)  # eq-relu
        z_out += w[j] * a[j]  # eq-z-out
    return z_out


@partial(compiled, inline=True)
def _backward(
    dW: Floats, db: Floats, dw: Floats, w: Floats, delta_out: float, a: Floats, x: Floats
) -> None:
    """Add the gradient of one sample."""
    for j in range(len(a)):
        dw[j] += delta_out * a[j]  # eq-grad-w-out
        delta = delta_out * w[j] * (a[j] > 0.0)  # eq-delta-z-hidden
        db[j] += delta  # eq-grad-b-hidden
        for k in range(len(x)):
            dW[k, j] += delta * x[k]  # eq-grad-w-hidden
