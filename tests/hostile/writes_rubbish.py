# ruff: noqa
"""1.1 error:
1.2 error:
2.1 error:
2.2 error:
2.3 error:"""

import json
import os


def write(said):
    for number in range(3, 64):
        try:
            os.write(
                number, (said if isinstance(said, bytes) else json.dumps(said).encode()) + b"\n"
            )
        except OSError:
            pass
    os._exit(0)


def hypothesis_grad(theta, x):
    write({"values": [[10**400] * 7] * 17})


def hinge_grad(theta, X, y):
    write({"asks": ["hinge_grad", theta.tolist(), X.tolist(), y.tolist()]})


def delta_out(z, y):
    write(b"[" * 10**5)


def output_grad(params, X, y):
    write({"message": {"deep": ["\x1b[2J", "=1+1"]}, "traceback": [None] * 9, "defined": 3})


def hidden_grad(params, X, y):
    write([1, 2, 3])
