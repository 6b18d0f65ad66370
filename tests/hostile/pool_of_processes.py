# ruff: noqa
"""1.2 error:"""

import multiprocessing

from hwlib import hinge


def hinge_grad(*args):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(hinge.loss_grad, args)
