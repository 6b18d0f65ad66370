r"""The rubric of the homework: formulas and what they are worth, with the numbers they give.

``instructor/rubric_homework.md`` has the formulas. Each is evaluated as it is printed there, at the
first point of its question, and a formula that is called right has to give the right numbers.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from hwlib._layout import Layout
from hwlib.grading import HOMEWORK, Question
from hwlib.network import sigmoid

SOURCE = Path(__file__).with_name("instructor") / "rubric_homework.md"
MASK, BOOK = np.ones(7), np.ones(7)
MASK[3] = BOOK[5] = 0.0
ORDER = {"2.4": (0, 2, 1, 3)}
"""Where the formulas of a row stand in the answer, if in another order."""


def hinge(theta: Any, X: Any, y: Any) -> dict[str, Any]:
    """Return what the letters of part 1 stand for: rows are samples, columns features."""
    y = y[:, None]
    r = y * (X @ (MASK * theta))[:, None]
    letters = {"r_i": r, "e_i": r < 1.0, "y_i": y, "x_{ij}": X, r"\theta_j": theta, "n": len(y)}
    return letters | {r"\mu_j": MASK, "m_j": BOOK}


def network(params: Any, X: Any, y: Any, l2: float = 0.0) -> dict[str, Any]:
    """Return what the letters of part 2 stand for: by samples, inputs and hidden units."""
    W, b, w, b_out = params
    z = (X @ W + b)[:, None]
    g = z < 0.0
    y, z_out = y[:, None, None], (z * g) @ w[:, None] + b_out
    units = {"w_j": w, "b_j": b, "z_j": z, "a_j": z * g, "g_j": g, r"\max(z_j, 0)": z * ~g}
    letters = {r"\delta": -y / (1 + np.exp(y * z_out)), "x_i": X[:, :, None], "n": len(y)}
    return units | letters | {"W_{ij}": W, r"b_{\text{out}}": b_out, r"\lambda": l2}


def value(formula: str, letters: dict[str, Any]) -> Any:
    """Return the value of a formula in LaTeX; a sum runs over the samples, to the next + or -."""
    names = sorted(letters, key=len, reverse=True)
    text = re.sub("|".join(map(re.escape, names)), lambda m: f"v{names.index(m[0])}", formula)
    text = re.sub(r"\\sum(?:_i)? ((?:(?! [+-] ).)+)", r"total(\1)", text)
    text = re.sub(r"e\^\{(.*?)\}", r"exp(\1)", text)
    text = re.sub(r"\\frac\{(.*?)\}\{(.*?)\}", r"((\1)/(\2))", text).replace("\\", "")
    text = re.sub(r" ([+-]) ", r"\1", text).replace(" ", "*")
    values = {f"v{n}": 1.0 * letters[name] for n, name in enumerate(names)}
    functions = {"total": sum, "exp": np.exp, "sigma": sigmoid}
    return eval(text, functions | values)


def given(question: Question, formulas: list[str]) -> Any:
    """Return what a function with these formulas returns at the first point, as a vector."""
    args, x, _ = question.cases[0]
    right = question.of(question.right, *args)
    parts = [*right] if isinstance(right, tuple) else [right]
    if question.number == "1.3":
        theta, X, y, step_size = args
        started = hinge(theta, X, y)["e_i"]
        for i in range(len(y)):
            now = {r"\alpha": step_size, "c_i": started[i], "n": len(y)}
            letters = hinge(theta, X[i : i + 1], y[i : i + 1]) | now
            theta = np.ravel(value(formulas[0], letters))
        return theta
    if question.number == "1.1":
        letters = {r"\mu_k": MASK, "m_k": BOOK, "x_k": args[1], r"\theta_k": args[0]}
    else:
        of = {"1": hinge, "2": network}[question.number[0]]
        letters = {"z": args[0], "y": args[1]} if question.number == "2.1" else of(*args)
    for place, formula in zip(ORDER.get(question.number, range(4)), formulas, strict=False):
        found, shape = value(formula, letters), np.shape(parts[place])
        parts[place] = (found + np.zeros(np.broadcast_shapes((1,), shape))).reshape(shape)
    return Layout(x).flatten("", tuple(parts) if len(parts) > 1 else parts[0])


def told(wrong: list[Any], right: Any) -> list[int]:
    """Return coordinates, the first at which wrong values differ, until each differs at one."""
    differs = np.array([values.round(4) != right.round(4) for values in wrong])
    places: list[int] = []
    while differs.any():
        places.append(int(differs.sum(axis=0).argmax()))
        differs = differs[~differs[:, places[-1]]]
    return sorted(places)


def table(question: Question, text: str) -> str:
    """Return a section of the rubric with the numbers in its table."""
    (args, x, _), *_ = question.cases
    layout = Layout(x, "answer")
    right = layout.flatten("", question.of(question.right, *args))
    rows = [line for line in text.splitlines() if line.startswith("| $")]
    values = [given(question, re.findall(r"\$(.*?)\$", row.split(" | ")[0])) for row in rows[1:]]
    is_right = ["**right**" in row for row in rows[1:]]
    known = [layout.flatten("", question.of(m.grad, *args)) for m in question.catalogue]
    wrong = [v for v, good in zip(values, is_right, strict=True) if not good]
    places = told(wrong + [v for v in known if not np.allclose(v, right)], right)
    if [np.allclose(v, right) for v in values] != is_right:
        raise ValueError(f"{question.number}: what is called right is wrong, or vice versa")
    shown = [[f"{v[k]:.4f}".replace("-", "−") for k in places] for v in values]
    for row, cells in zip(rows, [[f"`{layout.names[k]}`" for k in places], *shown], strict=True):
        text = text.replace(row + "\n", f"{row} {' | '.join(cells)} |\n")
    return text.replace("|---|---|---|\n", "|---|---|---|" + "--:|" * len(places) + "\n")


def points() -> str:
    """Return what each question is worth, as rows of a table."""
    rows = [f"| Homework {q.number}, `{q.name}` | {q.points} | {q.points} |" for q in HOMEWORK]
    whole = sum(q.points for q in HOMEWORK)
    return "\n".join([*rows, f"| together | {whole} | {whole} |"])


def write() -> str:
    """Return the rubric of the homework."""
    first, *sections = re.split(r"(?m)^(?=## Homework)", SOURCE.read_text("utf-8"))
    parts = [table(q, part) for q, part in zip(HOMEWORK, sections, strict=True)]
    return first.replace("POINTS", points()) + "".join(parts)
