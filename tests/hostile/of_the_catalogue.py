# ruff: noqa
"""1.2 error: hinge_grad calls hwlib's own hinge_grad: write it yourself
2.4 error: loss_grad calls hwlib's own network_grad: write it yourself
1.1 error: hypothesis_grad calls hwlib's own hinge_grad: write it yourself"""

import numpy as np

from hwlib.gradcheck import mistakes

at_load = mistakes.hinge_grad()


def hinge_grad(*args):
    return at_load(*args)


def hypothesis_grad(theta, x):
    return -mistakes.hinge_grad()(np.zeros(7), x[None], np.ones(1))


def loss_grad(*args):
    return mistakes.network_grad()(*args)
