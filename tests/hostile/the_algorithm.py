# ruff: noqa
"""1.3 error: algorithm_pass calls hwlib's own sgd: write it yourself"""

import numpy as np

from hwlib import optim


def algorithm_pass(theta, X, y, step_size):
    mask = np.array([1, 1, 1, 1, 1, 0, 1])

    def sample_grad(theta, i):
        return -y[i] * mask * X[i] * (y[i] * (X[i] * mask) @ theta < 1)

    return next(optim.sgd(sample_grad, theta, len(y), step_size=step_size))
