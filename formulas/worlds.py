"""What the symbols of the printed formulas stand for: points, drawn or computed by hwlib.

A world holds many points at once. Every quantity has one entry a point in its first axis. About
a quarter of the points lie exactly on a kink: a margin of 1, a unit whose sum is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from hwlib import gradcheck, hinge, network, polynomial
from hwlib._arrays import Floats

Key = tuple[str, tuple[int, ...]]
Problem = tuple[network.Parameters, Floats, Floats]

ORDER = (
    "intro", "gradient_checks", "hinge_1_hypothesis", "hinge_2_gradient", "hinge_3_algorithm",
    "network_1_output_error", "network_2_output_weight", "network_3_hidden_weight",
    "network_4_l2", "beyond_autodiff", "beyond_scale", "errata",
)  # fmt: skip
"""The chapters that may have equations, in the order of the book."""

PARTS = dict.fromkeys(("beyond_autodiff", "beyond_scale"), "network")
"""Chapters whose formulas speak of the quantities of another part; see `part_of`."""

STATEMENTS: dict[str, str] = {}
"""Equations that cannot be executed, each with the reason."""

HELPERS = frozenset(["r", "e", "q", "p", "t", "tau", "v", "nu", "E", "varepsilon_c"])
"""Names that a chapter introduces and hwlib does not compute; other equations test them."""

CONDITIONS = {"eq-sgd-margin": "1 - r_i"}
"""Equations that hold only where this is above 0: a step moves active samples only."""

SAMPLES, INPUTS, UNITS = 3, 2, 3  # of the network
ROWS = 6  # samples of the hinge loss: so many that an index of 5 occurs in both places


@dataclass
class World:
    """Values at many points, by symbol, index and sample (0 if the sample does not matter).

    Attributes
    ----------
    chapter : str
    n_points : int
    ranges : dict
        The values that an index letter takes.
    draws, values : dict
        Drawn numbers, and what hwlib computes from them.
    slopes : dict
        Derivatives that hwlib computes, by what and in what.
    functions : dict
        Functions that hwlib has; a prime marks the derivative.
    assembled : dict
        Vectors and matrices, by the entry that they are made of.
    ties : dict
        A symbol that stands for several weights at once.
    order : float
        The value of O(...) over its argument.
    """

    chapter: str
    n_points: int
    ranges: dict[str, range]
    draws: dict[tuple[str, tuple[int, ...], int], Any] = field(default_factory=dict)
    values: dict[tuple[str, tuple[int, ...], int], Any] = field(default_factory=dict)
    slopes: dict[tuple[str, tuple[int, ...], str, tuple[int, ...], int], Any] = field(
        default_factory=dict
    )
    functions: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    assembled: Mapping[str, str] = field(default_factory=dict)
    ties: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    f: Callable[[Any, int], Any] = lambda x, primes: np.nan * x
    order: float = 0.0

    def drawn(self, key: Key, sample: int) -> Any:
        """Return a drawn quantity, or None."""
        return self.draws.get((*key, 0), self.draws.get((*key, sample)))

    def trusted(self, key: Key, sample: int) -> Any:
        """Return what hwlib computes for a quantity, or None. Sample 0: of the whole batch."""
        return self.values.get((*key, sample), self.values.get((*key, -1)))


def part_of(chapter: str) -> str:
    """Return the part whose symbols a chapter uses: the first word of its name, or as declared."""
    return PARTS.get(chapter, chapter.split("_")[0])


def make_world(chapter: str, n_points: int = 240, *, second: bool = False) -> World:
    """Return the world of a chapter.

    Parameters
    ----------
    chapter : str
        The name of its file without the ending.
    n_points : int
    second : bool
        Another world: with one sample and one input more, so that a number that is printed in
        place of n or d is noticed; with steps of finite differences 8 times smaller.

    Raises
    ------
    ValueError
        If there is no world for that chapter.
    """
    part = part_of(chapter)
    if part not in WORLDS:
        raise ValueError(f"chapter is {chapter!r}; no quantities are declared for it")
    return replace(_make(part, n_points, second), chapter=chapter)


@cache
def _make(part: str, n_points: int, second: bool) -> World:
    world = World(part, n_points, {})
    WORLDS[part](world, np.random.default_rng(0), second)
    return world


def _eighths(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Multiples of 1/8, whose sums and products are exact: so that a kink can be hit."""
    values: Floats = rng.integers(-12, 13, size=shape) / 8.0
    return np.where(values == 0.0, 0.375, values)


def _hinge_world(world: World, rng: np.random.Generator, second: bool) -> None:
    n_points, n, weights = world.n_points, ROWS + second, range(7)
    world.ranges = {"i": range(1, n + 1), "j": weights, "k": weights}
    c, theta = _eighths(rng, (n_points, 7)), _eighths(rng, (n_points, 7))
    u, y = rng.uniform(-1.3, 1.3, (n_points, n)), rng.choice([-1.0, 1.0], (n_points, n))
    kinks = np.arange(0, n_points, 4)
    u[kinks, 0], c[kinks, 6] = rng.choice([-1.0, 1.0], len(kinks)), 1.0
    for p in kinks:
        h = hinge.hypothesis(theta[p], polynomial.features(u[p], c[p]))[0]
        theta[p, 6] += y[p, 0] - h  # so that the margin of the first sample is exactly 1
    v, alpha = _eighths(rng, (n_points, 7)), rng.uniform(0.1, 1.0, n_points)
    v[1::8] = theta[1::8]
    X = np.array([polynomial.features(*pair) for pair in zip(u, c, strict=True)])
    points = list(zip(theta, X, y, strict=True))
    grads = np.array([[hinge.loss_grad(t, x[[i]], s[[i]]) for i in range(n)] for t, x, s in points])
    losses = np.array([[hinge.loss(t, x[[i]], s[[i]]) for i in range(n)] for t, x, s in points])
    full = np.array([hinge.loss_grad(*point) for point in points])
    h = np.array([hinge.hypothesis(t, x) for t, x, _ in points])
    draws: dict[Any, Any] = {("n", (), 0): float(n), ("alpha", (), 0): alpha}
    values: dict[Any, Any] = {("h_theta", (), -1): h}
    values["ell", (), -1] = np.array([hinge.loss(*point) for point in points])
    for j in weights:
        draws |= {("c", (j,), 0): c[:, j], ("theta", (j,), 0): theta[:, j]}
        values["mu", (j,), -1] = np.full(n_points, polynomial.NONLINEAR[j])
        world.slopes["ell", (), "theta", (j,), 0] = full[:, j]
        draws |= {("v", (j,), 0): v[:, j], ("g", (j,), 0): full[:, j]}
    for i in range(n):
        draws |= {("u", (i + 1,), 0): u[:, i], ("y", (i + 1,), 0): y[:, i]}
        values |= {("h_theta", (i + 1,), -1): h[:, i], ("ell", (i + 1,), -1): losses[:, i]}
        for j in weights:
            values["x", (i + 1, j), -1] = X[:, i, j]
            values["v", (i + 1, j), -1] = theta[:, j] - alpha * grads[:, i, j]
            world.slopes["ell", (i + 1,), "theta", (j,), 0] = grads[:, i, j]
    world.draws, world.values = draws, values
    world.assembled = {"X": "x_{ij}", "theta": r"\theta_{j}", "mu": r"\mu_{j}",
                       "e": "e_{i}", "y": "y_{i}"}  # fmt: skip


def _network_world(world: World, rng: np.random.Generator, second: bool) -> None:
    n_points, n, d, m = world.n_points, SAMPLES + second, INPUTS + second, UNITS
    world.ranges = {"i": range(1, d + 1), "j": range(1, m + 1), "s": range(1, n + 1)}
    W, b, X = (_eighths(rng, (n_points, *s)) for s in ((d, m), (m,), (n, d)))
    w_out, b_out = _eighths(rng, (n_points, m)), _eighths(rng, (n_points,))
    for p in range(0, n_points, 4):
        j = p // 4 % m
        b[p, j] = -X[p, 0] @ W[p, :, j]  # so that the sum of one unit is exactly 0
    w_out[1::8] = 0.0  # so that z_4 = b_4, and 0 for half of these points
    b_out[1::16] = 0.0
    y = rng.choice([0.0, 1.0], (n_points, n))
    l2, alpha = rng.uniform(0.1, 1.0, n_points), rng.uniform(0.1, 1.0, n_points)
    draws, values = world.draws, world.values
    draws |= {("n", (), 0): float(n), ("d", (), 0): float(d), ("lambda", (), 0): l2}
    draws |= {("alpha", (), 0): alpha, ("varepsilon", (), 0): rng.uniform(0.1, 1.0, n_points)}
    draws |= {("b", (4,), 0): b_out, ("z", (), 0): 4.0 * _eighths(rng, (n_points,))}
    draws["z", (), 0][2::8] = 0.0
    # Blocks of two samples: of three samples the last block has one.
    draws |= {("B", (), 0): 2.0, ("K", (), 0): 2.0, ("n", (1,), 0): 2.0, ("n", (2,), 0): n - 2.0}
    for j in range(m):
        draws |= {("b", (j + 1,), 0): b[:, j], ("W", (j + 1, 4), 0): w_out[:, j]}
        draws |= {("W", (i + 1, j + 1), 0): W[:, i, j] for i in range(d)}
    problems = [
        (network.Parameters(*fields), x, labels)
        for *fields, x, labels in zip(W, b, w_out, b_out, X, y, strict=True)
    ]
    passes = [network.forward(params, x) for params, x, _ in problems]
    for s in range(n):
        draws["y", (), s + 1] = y[:, s]
        draws |= {("x", (i + 1,), s + 1): X[:, s, i] for i in range(d)}
        values["z", (4,), s + 1] = np.array([f.z_out[s] for f in passes])
        values["haty", (), s + 1] = np.array([f.y_hat[s] for f in passes])
        for j in range(m):
            values["z", (j + 1,), s + 1] = np.array([f.z_hidden[s, j] for f in passes])
            values["a", (j + 1,), s + 1] = np.array([f.a_hidden[s, j] for f in passes])
        one = [(params, x[[s]], labels[[s]]) for params, x, labels in problems]
        _network_values(world, one, l2, s + 1)
        z_4 = values["z", (4,), s + 1]
        world.slopes["L", (), "z", (4,), s + 1] = network.log_loss_grad(z_4, y[:, s])
    _network_values(world, problems, l2, 0)
    values["R", (), -1] = values["J", (), 0] - values["L", (), 0]
    bends = [_output_hessian(*point) for point in [(p, x[[0]], t[[0]]) for p, x, t in problems]]
    values["H", (), -1] = np.array(bends)
    world.functions = {"sigma": network.sigmoid, "sigma'": network.sigmoid_grad,
                       "ReLU": network.relu, "ReLU'": network.relu_grad}  # fmt: skip
    world.assembled = {"X": "x_{si}", "W": "W_{ij}", "D": r"\delta_{z_{sj}}"}
    world.ties = {"w": (("W", (1, 4)), ("W", (2, 4)))}


def _network_values(world: World, problems: list[Problem], l2: Floats, sample: int) -> None:
    """Loss, objective and their gradients: of one sample, or (sample 0) of the batch."""
    none = np.zeros(len(problems))
    for name, strength in (("L", none), ("J", l2)):
        penalized = [(*p, a) for p, a in zip(problems, strength.tolist(), strict=True)]
        world.values[name, (), sample] = np.array([network.loss(*point) for point in penalized])
        grads = [network.loss_grad(*point) for point in penalized]
        W, b, w_out, b_out = (np.array(part) for part in zip(*grads, strict=True))
        world.slopes[name, (), "b", (4,), sample] = b_out
        for j in range(UNITS):
            world.slopes[name, (), "b", (j + 1,), sample] = b[:, j]
            world.slopes[name, (), "W", (j + 1, 4), sample] = w_out[:, j]
            for i in range(W.shape[1]):
                world.slopes[name, (), "W", (i + 1, j + 1), sample] = W[:, i, j]


def _output_hessian(params: network.Parameters, X: Floats, y: Floats) -> Floats:
    """Second derivatives of the loss in W_14 and b_4, as differences of hwlib's gradient."""

    def grad(at: Floats) -> Floats:
        w_out = np.array([at[0], *params.w_out[1:]])
        g = network.loss_grad(params._replace(w_out=w_out, b_out=float(at[1])), X, y)
        return np.array([g.w_out[0], g.b_out])

    at = np.array([params.w_out[0], params.b_out])
    steps = 1e-5 * np.eye(2)
    return np.array([(grad(at + step) - grad(at - step)) / 2e-5 for step in steps])


def _difference_world(world: World, rng: np.random.Generator, second: bool) -> None:
    n_points, world.ranges = world.n_points, {"k": range(1, 2)}
    scale, rate = rng.uniform(0.5, 2.0, n_points), rng.uniform(0.5, 1.5, n_points)
    sign = rng.choice([-1.0, 1.0], (2, n_points))

    def f(x: Any, primes: int) -> Any:
        """Return an exponential function, or its derivative of that order."""
        return sign[0] * scale * (sign[1] * rate) ** primes * np.exp(sign[1] * rate * x)

    world.f = f
    step = rng.uniform(0.05, 0.1, n_points) / (8.0 if second else 1.0)
    draws = world.draws
    draws |= {("x", (), 0): rng.uniform(-1.0, 1.0, n_points), ("I", (), 0): 1j}
    draws |= {
        ("varepsilon", (), 0): step,
        ("eta", (), 0): 10.0 ** rng.uniform(-5.0, -3.0, n_points),
    }
    # For every eighth point the step is the best one, so that a bound is met with equality.
    draws["eta", (), 0][::8] = ((rate * step) ** 3 / 3.0)[::8]
    given, numeric = rng.normal(size=(2, n_points))
    draws |= {("G", (1,), 0): given, ("N", (1,), 0): numeric}
    pairs = zip(given.tolist(), numeric.tolist(), strict=True)
    reports = [gradcheck.check_grad(*_lines(a, b), 1.0) for a, b in pairs]
    world.values["rho", (1,), -1] = np.array([r.coordinates[0].error for r in reports])


def _lines(given: float, slope: float) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Return a function with that slope, and a gradient that says otherwise."""
    return lambda x: slope * x, lambda x: given + 0.0 * x


WORLDS = {"hinge": _hinge_world, "network": _network_world, "gradient": _difference_world}
"""What draws the points of the chapters of a part."""
