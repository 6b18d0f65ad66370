"""What a case is, and the small data that many cases share.

`f(xp, x)` takes the array library as its first argument: the same lines run on NumPy, PyTorch, JAX
and autograd. `grad(x)` is NumPy, as a person writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

TRUE_NAMES = {
    "sign": {"sign"}, "factor": {"scale", "factor"}, "mean for sum": {"scale", "factor"},
    "penalty": {"regularization"}, "places swapped": {"permutation"}, "branch": {"mask"},
    "term forgotten": {"mask", "offset"}, "zeros": {"zeros"}, "constant": {"offset"},
    "input forgotten": {"mask", "factor", "offset"}, "stepped value": {"factor"},
    "upstream forgotten": {"scale", "factor"}, "chain rule": {"scale", "factor"},
    "another loss": {"scale", "offset"},
}  # fmt: skip
"""What may be said of a kind of mistake from numbers alone; of the other kinds, none of these.
That one block is wrong, or that the gradient is the one of another loss, may be said of all."""


@dataclass(frozen=True)
class Case:
    """A function, a gradient that somebody wrote for it, and a point.

    Attributes
    ----------
    name, kind, why : str
        Of the case; the kind of mistake in a plain word ("none" for a right one); a sentence.
    source : str
        Repository and number of the thread, address of the page, or "own".
    f, grad : callable
        ``f(xp, x)`` and ``grad(x)``.
    x : array, number, or a NamedTuple, dict or list of them
    wrong : bool
    smooth : callable or None
        What f is before it is rounded, in float32 or to a tolerance: the truth is its derivative.
    at_kink : bool
        Whether f has no derivative at x: right is then what lies between the gradients beside.
    elsewhere : (f, grad, x) or None
        Where the same wrong formula shows, if it happens to be right at x.
    not_for : mapping of str to str
        Checks that cannot run the case, with the reason.
    """

    name: str
    source: str
    kind: str
    f: Callable[..., Any]
    grad: Callable[[Any], Any]
    x: Any
    why: str
    wrong: bool
    smooth: Callable[..., Any] | None = None
    at_kink: bool = False
    elsewhere: tuple[Callable[..., Any], Callable[[Any], Any], Any] | None = None
    not_for: Mapping[str, str] = field(default_factory=dict)


def leaves(x: Any) -> list[Any]:
    """Return the arrays of a point."""
    if isinstance(x, dict):
        return [np.asarray(value) for value in x.values()]
    return [np.asarray(value) for value in x] if isinstance(x, list | tuple) else [np.asarray(x)]


def like(x: Any, parts: Any) -> Any:
    """Return the point that is laid out like x and holds these arrays."""
    if isinstance(x, dict):
        return dict(zip(x, parts, strict=True))
    if isinstance(x, tuple):
        return type(x)(*parts) if hasattr(x, "_fields") else tuple(parts)
    return list(parts) if isinstance(x, list) else parts[0]


class Net(NamedTuple):
    """A layer of weights and biases, and an output of weights and a bias."""

    W: Any
    b: Any
    w: Any
    c: Any


_rng = np.random.default_rng(1912)
INPUTS = _rng.normal(size=(7, 3)).round(2)
LABELS = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0])
TARGETS = _rng.normal(size=7).round(2)
THREE = np.array([0.7, -1.2, 0.4])
FIVE = np.array([0.83, -1.27, 0.46, 2.1, -0.38])
UPSTREAM = np.array([1.1, -0.6, 2.3, 0.4, -1.7])
NET = Net(
    _rng.normal(size=(3, 4)).round(2), np.array([0.3, -0.2, 0.15, -0.4]),
    np.array([0.9, -1.4, 0.6, 1.3]), np.float64(0.25),
)  # fmt: skip
SCORES = np.array([[0.4, -1.1, 0.7], [0.9, 0.35, -0.6], [-0.8, 0.2, 0.5]])  # 3 inputs, 3 classes
CLASSES = np.array([0, 2, 1, 1, 0, 2, 1])
ONE_HOT = np.eye(3)[CLASSES]


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def logistic(xp: Any, z: Any, y: Any) -> Any:
    """The log loss of each score."""
    return xp.log1p(xp.exp(z)) - xp.array(y) * z


def relu(xp: Any, z: Any) -> Any:
    return xp.maximum(z, 0.0)


def net_scores(xp: Any, p: Net, activation: str) -> Any:
    z = xp.array(INPUTS) @ p.W + p.b
    return (relu(xp, z) if activation == "relu" else xp.tanh(z)) @ p.w + p.c


def net_loss(activation: str) -> Callable[..., Any]:
    """The mean log loss of the small network."""
    return lambda xp, p: xp.mean(logistic(xp, net_scores(xp, p, activation), LABELS))


def net_parts(p: Net, activation: str) -> tuple[Any, Any, Any]:
    """What backpropagation starts from: z and a of the layer, the errors at the output."""
    z = INPUTS @ p.W + p.b
    a = np.maximum(z, 0) if activation == "relu" else np.tanh(z)
    return z, a, (sigmoid(a @ p.w + p.c) - LABELS) / len(LABELS)


def net_gradient(a: Any, d: Any, dz: Any) -> Net:
    return Net(INPUTS.T @ dz, dz.sum(axis=0), a.T @ d, d.sum())


def right_net_gradient(p: Net, activation: str) -> Net:
    z, a, d = net_parts(p, activation)
    slope = z > 0 if activation == "relu" else 1 - a**2
    return net_gradient(a, d, np.outer(d, p.w) * slope)


def scores_loss(xp: Any, W: Any) -> Any:
    """The mean cross-entropy of a linear classifier."""
    s = xp.array(INPUTS) @ W
    return xp.mean(xp.log(xp.sum(xp.exp(s), axis=1)) - xp.sum(xp.array(ONE_HOT) * s, axis=1))


def scores_gradient(W: Any) -> Any:
    return INPUTS.T @ (softmax(INPUTS @ W) - ONE_HOT) / len(INPUTS)
