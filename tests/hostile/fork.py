# ruff: noqa
"""1.2 error:"""

import os
import pickle

from hwlib import hinge


def hinge_grad(*args):
    come, to = os.pipe()
    if os.fork() == 0:
        try:
            os.write(to, pickle.dumps(hinge.loss_grad(*args)))
        finally:
            os._exit(0)
    os.close(to)
    return pickle.loads(os.read(come, 10**6))
