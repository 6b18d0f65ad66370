# ruff: noqa
"""2.4 error: loss_grad calls hwlib's own loss_grad: write it yourself"""

from functools import partial

from hwlib import network

loss_grad = partial(network.loss_grad)
