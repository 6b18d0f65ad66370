# ruff: noqa
"""1.2 error: subprocess.Popen is refused"""

import json
import subprocess
import sys
from pathlib import Path

import hwlib

ASKS = f"""
import sys; sys.path[:0] = [{str(Path(hwlib.__file__).parents[1])!r}]
import json, numpy as np; from hwlib import hinge
print(json.dumps(hinge.loss_grad(*map(np.array, json.loads(sys.argv[1]))).tolist()))
"""


def hinge_grad(*args):
    given = json.dumps([a.tolist() for a in args])
    return json.loads(subprocess.check_output([sys.executable, "-c", ASKS, given]))
