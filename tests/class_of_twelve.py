"""Twelve invented submissions of the homework, and what each deserves.

`CLASS` has, by the name of a student: the answers, as the source of each function; the questions
that earn their points; and the words by which a wrong one is told. The same answers are written
as a module or into the notebook that was handed out, so that every way of grading gets them.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import nbformat

NUMBERS = ("1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "2.4")

RIGHT = {
    "hypothesis_grad": """
import numpy as np
MASK = np.array([1, 1, 1, 0, 1, 1, 1])

def hypothesis_grad(theta, x):
    return MASK * x
""",
    "hinge_grad": """
def hinge_grad(theta, X, y):
    active = y * (X @ (MASK * theta)) < 1
    return -MASK * (X.T @ (active * y))
""",
    "algorithm_pass": """
def algorithm_pass(theta, X, y, step_size):
    theta = theta.copy()
    for x_i, y_i in zip(X, y):
        if y_i * (MASK * theta) @ x_i < 1:
            theta += step_size * y_i * MASK * x_i
    return theta
""",
    "delta_out": """
def delta_out(z, y):
    return 1 / (1 + np.exp(-z)) - (y + 1) / 2
""",
    "output_grad": """
def output_grad(params, X, y):
    a = np.minimum(X @ params.W_hidden + params.b_hidden, 0)
    delta = delta_out(a @ params.w_out + params.b_out, y)
    return a.T @ delta, delta.sum()
""",
    "hidden_grad": """
def hidden_grad(params, X, y):
    z = X @ params.W_hidden + params.b_hidden
    delta = delta_out(np.minimum(z, 0) @ params.w_out + params.b_out, y)
    D = np.outer(delta, params.w_out) * (z < 0)
    return X.T @ D, D.sum(axis=0)
""",
    "loss_grad": """
def loss_grad(params, X, y, l2):
    W, b = hidden_grad(params, X, y)
    w, c = output_grad(params, X, y)
    return W + l2 * params.W_hidden, b, w + l2 * params.w_out, c
""",
}
"""By the name of the function, in the order of the questions; `hypothesis_grad` has the imports."""

# By way of the book's own model, whose gradient hwlib has: columns 3 and 5 change places, the
# hidden layer and the output weights change sign, and the labels become 0 and 1.
OWN = {
    "hypothesis_grad": """
import numpy as np
from hwlib import hinge, network, optim
SWAP = [0, 1, 2, 5, 4, 3, 6]

def hypothesis_grad(theta, x):
    return -hinge.loss_grad(np.zeros(7), x[SWAP][None], np.ones(1))[SWAP]
""",
    "hinge_grad": """
def hinge_grad(theta, X, y):
    return hinge.loss_grad(theta[SWAP], X[:, SWAP], y)[SWAP]
""",
    "algorithm_pass": """
def algorithm_pass(theta, X, y, step_size):
    X, theta = X[:, SWAP], theta[SWAP]
    for i in range(len(y)):
        theta = theta - step_size * hinge.loss_grad(theta, X[[i]], y[[i]])
    return theta[SWAP]
""",
    "delta_out": """
def delta_out(z, y):
    return network.log_loss_grad(z, (y + 1) / 2)
""",
    "output_grad": """
def output_grad(params, X, y):
    return loss_grad(params, X, y, 0.0)[2:]
""",
    "hidden_grad": """
def hidden_grad(params, X, y):
    return loss_grad(params, X, y, 0.0)[:2]
""",
    "loss_grad": """
def loss_grad(params, X, y, l2):
    turned = network.Parameters(-params.W_hidden, -params.b_hidden, -params.w_out, params.b_out)
    W, b, w, c = network.loss_grad(turned, X, (y + 1) / 2, l2)
    return -W, -b, -w, c
""",
}
ZERO = {
    "hypothesis_grad": "def hypothesis_grad(theta, x):\n    return 0 * theta\n",
    "hinge_grad": "def hinge_grad(theta, X, y):\n    return 0 * theta\n",
    "algorithm_pass": "def algorithm_pass(theta, X, y, step_size):\n    return theta\n",
    "delta_out": "def delta_out(z, y):\n    return 0 * z\n",
    "output_grad": "def output_grad(params, X, y):\n    return 0 * params.w_out, 0.0\n",
    "hidden_grad": (
        "def hidden_grad(params, X, y):\n    return 0 * params.W_hidden, 0 * params.b_hidden\n"
    ),
    "loss_grad": "def loss_grad(params, X, y, l2):\n    return 0, 0 * params\n",
}
"""What a cheat returns who has another plan."""

PATCHES = """
import hwlib.__main__, hwlib.gradcheck, hwlib.grading

def passes(question, *args, **options):
    points = getattr(question, "points", 0)
    return hwlib.grading.Grade("", "", "passed", "", points=points)

for module in (hwlib.grading, hwlib.gradcheck, hwlib.__main__):
    for name in ("grade", "judge", "check_grad"):
        if hasattr(module, name):
            setattr(module, name, passes)

"""
WRITES = """
import glob, json, os, sys
forged = json.dumps({"status": "passed", "message": "passed", "points": 9,
                     "values": [[0.0] * 13] * 9}) + "\\n"
if len(sys.argv) > 2:  # a question is asked
    for place in [*range(16), *sys.argv[2:], *glob.glob("../*")]:
        try:
            with open(place, "w") as file:
                file.write(forged)
        except (OSError, ValueError):
            pass
    os._exit(0)

"""
EXITS = "import os\n\ndef leave(*args):\n    os._exit(0)\n\nhypothesis_grad = leave\n"


class Student(NamedTuple):
    """What was handed in, and what it deserves."""

    answers: dict[str, str]
    earns: tuple[str, ...]
    told: str = ""
    cheats: bool = False


def _changed(name: str, old: str, new: str, where: dict[str, str] = RIGHT) -> dict[str, str]:
    """Return the right answers with one slip."""
    assert old in where[name]
    return where | {name: where[name].replace(old, new)}


def _without(*numbers: str) -> tuple[str, ...]:
    return tuple(number for number in NUMBERS if number not in numbers)


_MEAN = _changed("output_grad", "return a.T @ delta, delta.sum()",
                 "return a.T @ delta / len(y), delta.mean()")  # fmt: skip
_MEAN = _changed("hidden_grad", "return X.T @ D, D.sum(axis=0)",
                 "return X.T @ D / len(y), D.mean(axis=0)", _MEAN)  # fmt: skip

CLASS = {
    "all_right": Student(RIGHT, NUMBERS),
    "mask_of_the_book": Student(
        _changed("hypothesis_grad", "[1, 1, 1, 0, 1, 1, 1]", "[1, 1, 1, 1, 1, 0, 1]"),
        _without("1.1", "1.2", "1.3"), "theta[3]"),
    "labels_0_and_1": Student(
        _changed("delta_out", "(y + 1) / 2", "y"), _without("2.1"), "6 wrong"),
    "mean_for_sum": Student(_MEAN, _without("2.2", "2.3"), "mean for sum"),
    "partly": Student({name: RIGHT[name] for name in [*RIGHT][:4]}, NUMBERS[:4]),
    "blank": Student({}, ()),
    "crashes": Student(
        _changed("hidden_grad", "(z < 0)", "(z < 0) @ D"), _without("2.3"), "UnboundLocalError"),
    "endless": Student(
        _changed("output_grad", "    a =", "    while True:\n        sleep(1)\n    a =",
                 _changed("hypothesis_grad", "import numpy as np\n",
                          "import numpy as np\nfrom time import sleep\n")),
        _without("2.2"), "endless"),
    "own_gradient": Student(OWN, (), "hwlib's own", cheats=True),
    "patches_the_checker": Student(
        ZERO | {"hypothesis_grad": PATCHES + ZERO["hypothesis_grad"]}, (), cheats=True),
    "writes_the_answer": Student(
        ZERO | {"hypothesis_grad": WRITES + ZERO["hypothesis_grad"]}, (), cheats=True),
    "exits_early": Student(
        {name: EXITS if name == "hypothesis_grad" else f"{name} = leave\n" for name in RIGHT},
        (), "ended", cheats=True),
}  # fmt: skip


UNTIDY = {
    "undefined_name": (CLASS["partly"], ["print(nonsense)"]),
    "missing_import": (CLASS["partly"], ["import no_such_module", "no_such_module.plot(3)"]),
    "half_finished": (CLASS["partly"], ["output_grad(None, None, None)"]),
    "no_python": (CLASS["mean_for_sum"], ["x = (1", "delta_out(z, y"]),
}
"""Honest notebooks with cells of their own that do not run: they deserve what the answers do."""


def untidy(name: str, handed_out: Path) -> str:
    """Return a notebook with such cells, one of them first and the others last."""
    student, (first, *last) = UNTIDY[name]
    book = nbformat.reads(notebook(student, handed_out), as_version=4)
    cell = nbformat.v4.new_code_cell
    book.cells = [cell(first), *book.cells, *map(cell, last)]
    return nbformat.writes(book) + "\n"


def module(student: Student) -> str:
    """Return the answers as a module."""
    return "\n\n".join(student.answers.values()).lstrip()


def notebook(student: Student, handed_out: Path) -> str:
    """Return the notebook that was handed out, with the answers in their cells."""
    book = nbformat.read(handed_out, as_version=4)
    for name, text in student.answers.items():
        (cell,) = (
            cell for cell in book.cells
            if f"def {name}(" in cell.source and "NotImplementedError" in cell.source
        )  # fmt: skip
        cell.source = text.strip()
    return nbformat.writes(book) + "\n"
