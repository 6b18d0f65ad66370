# ruff: noqa
"""1.2 error: open is refused"""

from hwlib.scale import hinge as fast


def hinge_grad(theta, X, y):
    return fast.value_and_grad(theta, X, y)[1]
