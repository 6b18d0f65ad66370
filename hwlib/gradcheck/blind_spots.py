"""Why a mistake could hide at a point: what the models know of it.

Each function takes the arguments of the model's loss, raises the same errors, and returns facts
such as "every label is 1", for the `context` of `hwlib.gradcheck.check_grad`; none at a good
point.
"""

import numpy as np
from numpy.typing import ArrayLike

from hwlib._arrays import as_float, as_floats, as_labels
from hwlib.hinge import hypothesis
from hwlib.network import Parameters, forward
from hwlib.polynomial import LINEAR


def hinge(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> tuple[str, ...]:
    """Return what a check of `hwlib.hinge.loss_grad` cannot see at these weights and samples."""
    h, X = hypothesis(theta, X), as_floats("X", X)
    y = as_labels("y", y, (-1, 1), (len(X),))
    active = y * h < 1.0
    some, shown_by_the_mask = active.any(), y[active] @ X[active, LINEAR]
    facts = {
        "there is only one sample": len(y) == 1,
        "no sample is active": not some,
        "every sample is active": active.all(),
        "no sample but the last is active": active[-1] and active.sum() == 1 < len(y),
        "every active sample has label +1": some and (y[active] == 1.0).all(),
        "h and y h lie on the same side of 1 for every sample": (active == (h < 1.0)).all(),
        "the masked feature adds up to 0": some and shown_by_the_mask == 0.0,
        "every feature of every active sample is 1": some and (X[active] == 1.0).all(),
    }
    return tuple(fact for fact, holds in facts.items() if holds)


def network(params: Parameters, X: ArrayLike, y: ArrayLike, l2: float = 0.0) -> tuple[str, ...]:
    """Return what a check of `hwlib.network.loss_grad` cannot see at these weights and samples.

    Inputs and units are counted from 1; the weight W_j4 is written with its number.
    """
    is_on, X = forward(params, X).z_hidden > 0.0, as_floats("X", X)
    y = as_labels("y", y, (0, 1), (len(X),))
    facts = {
        "there is only one sample": len(y) == 1,
        "every label is 0": not y.any(),
        "every label is 1": y.all(),
        "l2 = 0": as_float("l2", l2, minimum=0.0) == 0.0,
        "every bias is 0": not (np.any(params.b_hidden) or params.b_out),
    }
    inputs = [(i, x, v) for i, x in enumerate(X.T, 1) for v in (0, 1)]
    facts |= {f"input {i} is {v} for every sample": (x == v).all() for i, x, v in inputs}
    for j, (gate, w) in enumerate(zip(is_on.T, params.w_out, strict=True), 1):
        facts[f"unit {j} is off for every sample"] = not gate.any()
        facts[f"unit {j} is on for every sample"] = gate.all()
        facts[f"W_{j}4 is {w:.0f}"] = w in (0.0, 1.0)
        for k in range(1, j):
            same = gate.any() and not gate.all() and (gate == is_on[:, k - 1]).all()
            facts[f"units {k} and {j} are on for the same samples"] = same
    return tuple(fact for fact, holds in facts.items() if holds)
