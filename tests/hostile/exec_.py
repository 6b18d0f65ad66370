# ruff: noqa
"""2.1 error: os.exec: a file may"""
import os


def delta_out(z, y):
    os.execv("/bin/true", ["true"])
    return z
