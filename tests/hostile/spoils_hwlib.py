# ruff: noqa
"""1.1 error:"""

import os

import hwlib.hinge

WHERE = os.path.join(os.path.dirname(hwlib.hinge.__file__), "spoiled_by_a_test.py")
try:
    with open(WHERE, "w") as file:
        file.write("# a file of a reader may write here")
except PermissionError:
    pass


def hypothesis_grad(theta, x):
    with open(WHERE, "w") as file:
        file.write("# a file of a reader may write here")
    return x
