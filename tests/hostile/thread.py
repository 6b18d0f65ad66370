# ruff: noqa
"""2.3 error: hidden_grad calls hwlib's own loss_grad"""

from concurrent.futures import ThreadPoolExecutor

from hwlib import network


def hidden_grad(params, X, y):
    with ThreadPoolExecutor() as pool:
        return pool.submit(network.loss_grad, params, X, y).result()[:2]
