# ruff: noqa
"""1.1 error: os.kill is refused
1.2 error: os.killpg is refused"""

import os

try:
    os.kill(os.getppid(), 9)
except PermissionError:
    pass


def hypothesis_grad(theta, x):
    os.kill(os.getppid(), 9)


def hinge_grad(theta, X, y):
    os.killpg(os.getpgid(os.getppid()), 9)
