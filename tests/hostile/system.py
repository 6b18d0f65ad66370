# ruff: noqa
"""2.1 error: os.system is refused"""

import os


def delta_out(z, y):
    os.system("true")
    return z
