# ruff: noqa
"""2.1 error: os.exec is refused"""

import os


def delta_out(z, y):
    os.execv("/bin/true", ["true"])
    return z
