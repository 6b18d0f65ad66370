# ruff: noqa
"""2.1 error: ctypes.dlsym is refused"""

import ctypes


def delta_out(z, y):
    ctypes.pythonapi.system(b"true")
    return z
