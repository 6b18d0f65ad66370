# ruff: noqa
"""2.2 error: output_grad calls hwlib's own numerical_grad: write it yourself
2.3 error: hidden_grad calls hwlib's own check_grad: write it yourself"""

from hwlib import network
from hwlib.gradcheck import check_grad, numerical_grad


def output_grad(params, X, y):
    return numerical_grad(lambda p: network.loss(p, X, y), params)[2:]


def hidden_grad(params, X, y):
    report = check_grad(lambda p: network.loss(p, X, y), lambda p: p, params)
    by_name = {c.name: c.numeric for c in report.coordinates}
    return (
        [[by_name[f"W_hidden[{i}, {j}]"] for j in range(3)] for i in range(2)],
        [by_name[f"b_hidden[{j}]"] for j in range(3)],
    )
