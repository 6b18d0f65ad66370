"""The questions of the sheet, the points they are asked at, and the mistakes that are known.

Each question is asked at two points. Their numbers are irregular (lambda is not 1/2, no bias is
0, no feature 1), for a wrong factor hides at regular ones. What a function is given is read-only.

``HOMEWORK`` asks for the same functions of another model, which the book does not print: feature 3
is masked in place of feature 5; a hidden unit gives min(z, 0), so that its gate is open where
z < 0, and shut at 0; labels are -1 and +1 in question 2 as well, and the loss of a sample is
log(1 + exp(-y z)) with the z before the sigmoid. It is the model of the book in other coordinates,
so that hwlib knows its mistakes; but each gradient in hwlib is wrong for it.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial, wraps
from typing import Any, NamedTuple

import numpy as np

from hwlib import data, hinge, network, optim, polynomial
from hwlib.gradcheck import mistakes
from hwlib.polynomial import NONLINEAR


class Question(NamedTuple):
    """A function that a reader writes.

    Attributes
    ----------
    cases : two of (args, x, loss)
        What a function is called with; the point, and the loss of it, that check it.
    catalogue : sequence of hwlib.gradcheck.mistakes.Mistake
    right : callable
        The gradient of the whole model.
    number, name : str
        Such as "1.2" and "hinge_grad".
    points : int
        What it is worth, of 10.
    equation : str
        The label of the answer.
    of : callable
        Returns the answer by some gradient of the model: ``of(right, *args)`` is the right one.
    """

    cases: Sequence[tuple[Any, ...]]
    catalogue: Sequence[mistakes.Mistake]
    right: mistakes.Gradient
    number: str
    name: str
    points: int
    equation: str
    of: Callable[..., Any]


# fmt: off
def _pass(grad: Any, theta: Any, X: Any, y: Any, step_size: float) -> Any:
    """Return the weights after Algorithm 1 has seen each sample once, in order."""
    return next(optim.sgd(lambda t, i: grad(t, X[[i]], y[[i]]), theta, len(y), step_size=step_size))


def _slip(name: str, equation: str, wrong: mistakes.Gradient) -> mistakes.Mistake:
    return mistakes.Mistake(name, "", equation, "unknown", wrong)


def _turn(part: Any) -> Any:
    """Return weights, features or parameters of HOMEWORK as the book has them; or vice versa."""
    if isinstance(part, network.Parameters):
        return part._replace(W_hidden=-part.W_hidden, b_hidden=-part.b_hidden, w_out=-part.w_out)
    return part[..., [0, 1, 2, 5, 4, 3, 6]]


_G, _ONES = mistakes.hinge_grad(), np.ones(7)
_RIGHT = mistakes.network_grad(delta=lambda z, y: network.sigmoid(z) - y)
_ONE = network.Parameters(np.zeros((1, 1)), np.zeros(1), np.zeros(1), 0.0)
_BOOK = (mistakes.HINGE, mistakes.NETWORK)
_SIGNED: dict[str, mistakes.Gradient] = {  # dL/dz by z and the label -1 or +1
    "labels of the book": lambda z, y: network.sigmoid(z) - y,
    "y forgotten before sigma(-y z)": lambda z, y: -network.sigmoid(-y * z),
    "y forgotten in sigma(-y z)": lambda z, y: -y * network.sigmoid(-z),
    "sigma(y z) for sigma(-y z)": lambda z, y: -y * network.sigmoid(y * z),
    "1/q forgotten, q = 1 + exp(-y z)": lambda z, y: -y * np.exp(-y * z),
    "derivative of q = 1 + exp(-y z) forgotten": lambda z, y: network.sigmoid(y * z)}
_OTHER = (
    (*mistakes.HINGE, _slip("mask of the book", "eq-mask", mistakes.hinge_grad(
        mask=_turn(NONLINEAR), hypothesis=lambda theta, X: X @ (_turn(NONLINEAR) * theta)))),
    (*(m._replace(name=m.name.replace("W_j4", "w_j")) for m in mistakes.NETWORK
       if m.name not in ("W_j4 forgotten", "term of label 0 forgotten", "sigma' applied twice")),
     *(_slip(name, "eq-delta-out", mistakes.network_grad(
         delta=lambda z, y, of=of: of(z, 2.0 * y - 1.0))) for name, of in _SIGNED.items()),
     _slip("w_j forgotten", "eq-delta-a-hidden", mistakes.network_grad(path=lambda w, _: 0*w - 1)),
     _slip("gate of the book", "eq-delta-z-hidden", mistakes.network_grad(gate=lambda z: z < 0.0)),
     _slip("units of the book", "eq-relu", lambda p, *given: _turn(_RIGHT(_turn(p), *given)))))
_WRONG_PASSES: dict[str, mistakes.Gradient] = {
    "as on the source sheet": partial(_pass, mistakes.hinge_grad(
        active=lambda y, h: y * h >= 1.0, mask=_ONES, hypothesis=lambda theta, X: X @ theta)),
    "margins not computed anew": lambda t, X, y, a: t - a * _G(t, X, y),
    "mean of all samples": lambda t, X, y, a: t - a * _G(t, X, y) / len(y),
    "step size forgotten": lambda t, X, y, a: _pass(_G, t, X, y, 1.0),
    "last sample first": lambda t, X, y, a: _pass(_G, t, X[::-1], y[::-1], a),
    "only the first sample": lambda t, X, y, a: _pass(_G, t, X[:1], y[:1], a),
    "each step from the start": lambda t, X, y, a: _pass(_G, t, X[-1:], y[-1:], a),
    "last sample left out": lambda t, X, y, a: _pass(_G, t, X[:-1], y[:-1], a),
    "two passes": lambda t, X, y, a: _pass(_G, t, np.tile(X, (2, 1)), np.tile(y, 2), a),
    "the change alone": lambda t, X, y, a: _pass(_G, t, X, y, a) - t,
}


def _on_hinge(seed: int, turn: Callable[..., Any]) -> Iterator[tuple[Any, ...]]:
    """Yield what 1.1 to 1.3 ask at a point that is drawn."""
    rng = np.random.default_rng(seed)
    u, y = data.interval(rng, int(rng.integers(20, 50)), flip=0.2)
    X, theta = polynomial.features(u, rng.uniform(0.6, 1.7, 7)), rng.normal(size=7)
    row, step_size = X[np.abs(u).argmax()], round(rng.uniform(0.1, 0.4), 3)
    other, after = rng.uniform(0.2, 2.0, 7), turn(_pass(_G, turn(theta), turn(X), y, step_size))
    yield (theta, row), theta, lambda theta: hinge.hypothesis(turn(theta), turn(row)[None])[0]
    yield (theta, X, y), theta, lambda theta: hinge.loss(turn(theta), turn(X), y)
    yield (theta, X, y, step_size), other, lambda theta: theta @ after  # its derivatives: after


def _on_network(seed: int, l2: float, turn: Callable[..., Any], low: int) -> Iterator[Any]:
    """Yield what 2.1 to 2.4 ask at a point that is drawn, with labels `low` and 1."""
    rng = np.random.default_rng(seed)
    params = network.unravel(rng.normal(size=13), like=network.init(rng))
    X, y = data.disc(rng, int(rng.integers(30, 60)), flip=0.1)
    z, few, labels = network.forward(turn(params), X).z_out[:8], y[:8], low + (1 - low) * y
    yield (z, labels[:8]), z, lambda z: network.log_loss(z, few).sum()
    for part, given in ((slice(2, 4), ()), (slice(2), ()), (slice(4), (l2,))):
        yield ((params, X, labels, *given), dict([*params._asdict().items()][part]),
               lambda p, given=given: network.loss(turn(params._replace(**p)), X, y, *given))


def _known(loss: Callable[..., Any], values: dict[Any, Any], point: Any) -> Any:
    """Return a loss, computed once at each point: every check goes to the same ones."""
    parts = point.values() if isinstance(point, dict) else (point,)
    if (key := tuple(np.asarray(part).tobytes() for part in parts)) not in values:
        values[key] = loss(point)
    return values[key]


def _questions(drawn: list[tuple[int, int, float]], turn: Callable[..., Any], low: int,
               catalogues: Sequence[Sequence[mistakes.Mistake]]) -> tuple[Question, ...]:
    """Return the questions of a model: the book's if `turn` changes nothing and `low` is 0."""
    asked = [(*_on_hinge(one, turn), *_on_network(two, l2, turn, low)) for one, two, l2 in drawn]
    cases = [[(*given, wraps(loss)(partial(_known, loss, {}))) for *given, loss in pair]
             for pair in zip(*asked, strict=True)]
    for part in (part for pair in cases for args, *_ in pair for part in (*args, *args[0])):
        if isinstance(part, np.ndarray):
            part.setflags(write=False)

    def on_hinge(grad: Any, theta: Any, X: Any, *given: Any) -> Any:
        return turn(grad(turn(theta), turn(X), *given))

    def on_network(grad: Any, params: Any, X: Any, y: Any, *l2: float) -> Any:
        return turn(grad(turn(params), X, (y - low) / (1 - low), *l2))

    of_hinge, of_network = (catalogues[0], _G), (catalogues[1], _RIGHT)
    passes = [m._replace(grad=partial(_pass, m.grad)) for m in catalogues[0]]
    passes += [_slip(name, "eq-sgd-hinge", wrong) for name, wrong in _WRONG_PASSES.items()]
    rows: list[tuple[Any, ...]] = [
        (*of_hinge, "1.1", "hypothesis_grad", 1, "eq-hypothesis-grad", lambda grad, theta, x:
            -on_hinge(grad, np.zeros(7), np.array([x]), np.ones(1))),  # there it is 1 - h
        (*of_hinge, "1.2", "hinge_grad", 2, "eq-hinge-grad", on_hinge),
        (passes, partial(_pass, _G), "1.3", "algorithm_pass", 2, "eq-sgd-hinge", on_hinge),
        (*of_network, "2.1", "delta_out", 1, "eq-delta-out", np.vectorize(lambda grad, z, y:
            on_network(grad, _ONE._replace(b_out=z), np.zeros((1, 1)), np.array([y])).b_out)),
        (*of_network, "2.2", "output_grad", 1, "eq-grad-w-out", lambda *a: on_network(*a)[2:]),
        (*of_network, "2.3", "hidden_grad", 2, "eq-grad-w-hidden", lambda *a: on_network(*a)[:2]),
        (*of_network, "2.4", "loss_grad", 1, "eq-l2-batch-grad", on_network)]
    return tuple(Question(pair, *row) for pair, row in zip(cases, rows, strict=True))


QUESTIONS = _questions([(199, 249, 0.37), (152, 48, 1.9)], lambda part: part, 0, _BOOK)
HOMEWORK = _questions([(301, 343, 0.43), (341, 354, 1.7)], _turn, -1, _OTHER)
# fmt: on
