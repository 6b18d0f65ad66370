# ruff: noqa
"""1.1 error: Python ended without an answer, with status 0
1.2 error: SystemExit: 0
2.1 error: Python ended without an answer, with status 0"""

import atexit
import os
import sys


def hypothesis_grad(theta, x):
    os._exit(0)


def hinge_grad(theta, X, y):
    atexit.register(os._exit, 0)
    sys.exit(0)


def delta_out(z, y):
    os.close(0), os.close(1), os.close(2)
    os._exit(0)
