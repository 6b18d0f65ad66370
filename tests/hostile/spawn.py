# ruff: noqa
"""2.1 failed:"""

import os


def delta_out(z, y):
    os.spawnv(os.P_WAIT, "/bin/true", ["true"])
    return z
