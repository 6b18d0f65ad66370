# ruff: noqa
"""2.1 error: ctypes.dlsym: a file may"""
import ctypes


def delta_out(z, y):
    ctypes.pythonapi.system(b"true")
    return z
