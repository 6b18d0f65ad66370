# ruff: noqa
"""2.1 error: os.posix_spawn is refused"""

import os


def delta_out(z, y):
    os.posix_spawn("/bin/true", ["true"], {})
    return z
