"""The questions of the sheet, each at two points that hide no mistake of the catalogue.

The numbers are irregular: lambda is not 1/2, no bias is 0 and no feature 1, for a wrong factor
hides at regular ones. Each point knows the wrong gradients that show in what it asks for.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from hwlib import data, hinge, network, polynomial
from hwlib.gradcheck import mistakes


class Case(NamedTuple):
    """A point at which a question is checked.

    Attributes
    ----------
    args : tuple
        What the function is called with.
    loss, x, options
        What `hwlib.gradcheck.check_grad` takes besides the gradient.
    """

    args: tuple[Any, ...]
    loss: Callable[[Any], float]
    x: Any
    options: dict[str, Any]


class Question(NamedTuple):
    """A function that a reader writes.

    Attributes
    ----------
    number : str
    name, arguments : str
        Such as "hinge_grad" and "theta, X, y".
    cases : tuple of Case
    """

    number: str
    name: str
    arguments: str
    cases: tuple[Case, ...]


# fmt: off
def _on_hinge(seed: int) -> Iterator[Case]:
    """Yield what 1.1 and 1.2 ask at a point that is drawn."""
    rng = np.random.default_rng(seed)
    u, y = data.interval(rng, int(rng.integers(20, 50)), flip=0.2)
    X, theta = polynomial.features(u, rng.uniform(0.6, 1.7, 7)), rng.normal(size=7)
    one, of_h = X[[np.abs(u).argmax()]], ("eq-hypothesis-grad", "eq-mask")
    case = partial(_case, right=hinge.loss_grad, expected_zero=[polynomial.LINEAR])
    yield case((theta, one[0]), theta, lambda theta: hinge.hypothesis(theta, one)[0],
               [m for m in mistakes.HINGE if m.equation in of_h],
               lambda grad: grad(theta, one, [-1.0]))  # this is dh/dtheta where h > -1
    yield case((theta, X, y), theta, lambda theta: hinge.loss(theta, X, y),
               mistakes.HINGE, lambda grad: grad(theta, X, y))


def _on_network(seed: int, l2: float) -> Iterator[Case]:
    """Yield what 2.1 to 2.4 ask at a point that is drawn."""
    rng = np.random.default_rng(seed)
    params = network.unravel(rng.normal(size=13), like=network.init(rng))
    X, y = data.disc(rng, int(rng.integers(30, 60)), flip=0.1)
    z, few = network.forward(params, X).z_out[:8], y[:8]
    case = partial(_case, right=network.loss_grad, catalogue=mistakes.NETWORK)
    yield case((z, few), z, lambda z: network.log_loss(z, few).sum(),
               part=lambda grad: [grad(params, X[i:i+1], y[i:i+1]).b_out for i in range(8)])
    for kind in map(partial(namedtuple, "Part"), ("w_out b_out", "W_hidden b_hidden")):
        yield case((params, X, y), _part(kind, params),
                   lambda p: network.loss(params._replace(**p._asdict()), X, y),
                   part=lambda grad: _part(kind, grad(params, X, y)))  # noqa: B023, called at once
    yield case((params, X, y, l2), params, lambda p: network.loss(p, X, y, l2),
               part=lambda grad: grad(params, X, y, l2))


def _part(kind: Any, params: network.Parameters) -> Any:
    return kind(*(getattr(params, field) for field in kind._fields))


def _case(args: tuple[Any, ...], x: Any, loss: Callable[[Any], float],
          catalogue: Sequence[mistakes.Mistake], part: Callable[[Callable[..., Any]], Any],
          right: Callable[..., Any], **options: Any) -> Case:
    """Return a case with the mistakes that show in this part of a gradient."""
    due, seen = part(right), [(m.name, part(m.grad), m.equation) for m in catalogue]
    wrong = [(name, lambda x, v=v: v, equation) for name, v, equation in seen
             if any(map(np.any, v)) and not all(map(np.allclose, v, due))]
    return Case(args, loss, x, {"candidates": wrong, **options})


CASES = (*zip(*map(_on_hinge, (199, 230)), strict=True),
         *zip(*map(_on_network, (249, 48), (0.37, 1.9)), strict=True))
FUNCTIONS = (("1.1", "hypothesis_grad", "theta, x"), ("1.2", "hinge_grad", "theta, X, y"),
             ("2.1", "delta_out", "z, y"), ("2.2", "output_grad", "params, X, y"),
             ("2.3", "hidden_grad", "params, X, y"), ("2.4", "loss_grad", "params, X, y, l2"))
# fmt: on


QUESTIONS = tuple(Question(*f, cases) for f, cases in zip(FUNCTIONS, CASES, strict=True))
"""Each at two points of irregular numbers that hide no mistake of the catalogue."""
