"""What the symbols of the printed formulas stand for: points, drawn or computed by hwlib.

All knowledge of the models is here and in ``symbols.toml``. A `World` holds many points at once,
with sizes of its own. Each part of the book has two, so that no two sizes or numbers coincide in
both: K is not B, n is not d + 1. About a quarter of the points lie exactly on a kink: a margin of
1, a unit whose sum is 0.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from hwlib import hinge, network, polynomial
from hwlib._arrays import Floats
from hwlib.gradcheck.verdict import relative_error

Function: TypeAlias = Callable[..., Any]
Key: TypeAlias = tuple[str, int]
"""A name and how many indices it has: x_i and x_ij are different symbols."""

INDEX_LETTERS = "ijks"
"""The subscripts that count; another letter is part of a name, as in epsilon_c."""

DECLARED = tomllib.loads((Path(__file__).parent / "symbols.toml").read_text(encoding="utf-8"))
PAGES, HELPERS, SAMPLES = (DECLARED[name] for name in ("pages", "helpers", "samples"))
SOURCES, TIED, CURVES = (DECLARED[name] for name in ("sources", "tied", "curves"))
DELTAS, CONDITIONS, ATTAINED = (DECLARED[name] for name in ("deltas", "conditions", "attained"))


class Assembled(NamedTuple):
    """A vector or a matrix: its entry, the letters of its rows and columns, and its own index."""

    entry: str
    letters: str
    own: str = ""


ARRAYS: dict[str, dict[Key, Assembled]] = {
    part: {(name, len(row[2:])): Assembled(*row) for name, row in rows.items()}
    for part, rows in DECLARED["arrays"].items()
}


@dataclass
class World:
    """Values at many points.

    Attributes
    ----------
    ranges : dict
        The values that an index letter takes.
    drawn, known : dict
        Drawn numbers, and what hwlib computes from them.
    slopes : dict
        Derivatives that hwlib computes: of what, with respect to what.
    functions : dict
        Functions of a number, each with its derivatives.
    """

    ranges: dict[str, range]
    drawn: dict[Key, Floats]
    known: dict[Key, Floats]
    slopes: dict[tuple[Key, Key], Floats] = field(default_factory=dict)
    functions: dict[str, list[Function]] = field(default_factory=dict)


N_POINTS, SLOTS = 48, 8
"""The first axis of a value, and how many axes belong to letters: see `formulas.evaluator`."""


def part_of(page: str) -> str:
    """Return the part whose symbols a page uses."""
    return str(PAGES.get(page) or PAGES.get(page.split("_")[0], page))


@cache
def worlds(part: str) -> tuple[World, ...]:
    """Return the worlds of a part.

    Raises
    ------
    ValueError
        If nothing is declared for that part.
    """
    if part not in SIZES:
        raise ValueError(f"no quantities are declared for the part {part!r}")
    make, sizes = SIZES[part]
    return tuple(make(np.random.default_rng(k), *size) for k, size in enumerate(sizes))


def _table(values: Any, *first: int) -> Floats:
    """Return values by point and index, where an index counts from 0 or from `first`; else nan."""
    full = np.ones((N_POINTS, *(1,) * len(first))) * values
    return np.pad(full, [(0, 0), *((n, 0) for n in first)], constant_values=np.nan)


def _tables(*first: int, **values: Any) -> dict[Key, Floats]:
    """Return tables by name."""
    return {(name, len(first)): _table(value, *first) for name, value in values.items()}


def _each(function: Function, *arrays: Any) -> Floats:
    """Return the values of a function at each point."""
    return np.array([function(*point) for point in zip(*arrays, strict=True)])


def _each_sample(f: Function, params: Any, X: Floats, y: Floats, *more: Any) -> Floats:
    """Return the values of a function at each point for each sample alone."""
    samples = ((X[:, [i]], y[:, [i]]) for i in range(y.shape[1]))
    return np.stack([_each(f, params, *sample, *more) for sample in samples], axis=1)


def _eighths(rng: np.random.Generator, *shape: int) -> Floats:
    """Return multiples of 1/8, whose sums and products are exact: so that a kink can be hit."""
    values: Floats = rng.integers(-12, 13, size=(N_POINTS, *shape)) / 8.0
    return np.where(values == 0.0, 0.375, values)


def _hinge(rng: np.random.Generator, n: int) -> World:
    c, theta, v, alpha, u, y = _hinge_points(rng, n)
    X = _each(polynomial.features, u, c)
    full, grads = _each(hinge.loss_grad, theta, X, y), _each_sample(hinge.loss_grad, theta, X, y)
    return World(
        {"i": range(1, n + 1), "j": range(7), "k": range(7)},
        drawn=_tables(n=n, alpha=alpha) | _tables(0, c=c, theta=theta, v=v, g=full)
        | _tables(1, u=u, y=y),
        known=_tables(ell=_each(hinge.loss, theta, X, y)) | _tables(0, mu=polynomial.NONLINEAR)
        | _tables(1, h_theta=_each(hinge.hypothesis, theta, X))
        | _tables(1, ell=_each_sample(hinge.loss, theta, X, y))
        | _tables(1, 0, x=X, v=theta[:, None] - alpha[:, None, None] * grads),
        slopes={(("ell", 0), ("theta", 1)): _table(full, 0),
                (("ell", 1), ("theta", 1)): _table(grads, 1, 0)},
    )  # fmt: skip


def _hinge_points(rng: np.random.Generator, n: int) -> tuple[Floats, ...]:
    c, theta, v, alpha = *(_eighths(rng, 7) for _ in "cθv"), rng.uniform(0.1, 1.0, N_POINTS)
    u, y = rng.uniform(-1.3, 1.3, (N_POINTS, n)), rng.choice([-1.0, 1.0], (N_POINTS, n))
    u[::4, 0], c[::4, 6] = np.sign(u[::4, 0]), 1.0
    h = _each(hinge.hypothesis, theta, _each(polynomial.features, u, c))
    theta[::4, 6] += y[::4, 0] - h[::4, 0]  # so that the margin of the first sample is 1
    for first, margin in ((2, 2.0), (3, 0.6)):  # all samples right: a loss of 0, or nearly
        right = slice(first, None, 8)
        y[right] = np.sign(h[right])
        theta[right] *= margin / np.min(np.abs(h[right]), axis=1, keepdims=True)
    for equal in (slice(1, None, 8), slice(2, None, 16), slice(3, None, 16)):
        v[equal] = theta[equal]  # where the subgradient inequality is attained
    return c, theta, v, alpha, u, y


def _network(rng: np.random.Generator, n: int, d: int, block: int) -> World:
    params, X, y, z = _network_points(rng, n, d)
    l2, alpha, step = rng.uniform(0.1, 1.0, (3, N_POINTS))
    forward = zip(*map(network.forward, params, X), strict=True)
    z_hidden, a, z_out, y_hat = map(np.array, forward)
    sizes = [min(block, n - start) for start in range(0, n, block)]
    world = World(
        {"i": range(1, d + 1), "j": range(1, 4), "s": range(1, n + 1),
         "k": range(1, len(sizes) + 1), "r": range(1, 3), "c": range(1, 3)},
        drawn=_tables(n=n, d=d, B=block, K=len(sizes), alpha=alpha, varepsilon=step, z=z)
        | _tables(**{"lambda": l2}) | _tables(1, y=y, b=_each(_biases, params), n=sizes)
        | _tables(1, 1, x=X, W=_each(_weights, params)),
        known=_tables(1, haty=y_hat)
        | _tables(1, 1, z=np.concatenate([z_hidden, z_out[:, :, None]], axis=2), a=a)
        | _tables(1, 1, H=_each(_output_hessian, params, X[:, :1], y[:, :1])),
        functions={"sigma": [network.sigmoid, network.sigmoid_grad],
                   "ReLU": [network.relu, network.relu_grad]},
    )  # fmt: skip
    for name, strength in (("L", 0.0 * l2), ("J", l2)):
        _add_losses(world, name, (), _each, (params, X, y, strength))
        _add_losses(world, name, (1,), _each_sample, (params, X, y, strength))
    # What a sample's sum changes is what its bias changes for that sample, and no other sample.
    slopes = world.slopes[("L", 1), ("b", 1)][:, :, None]
    world.slopes[("L", 1), ("z", 2)] = slopes * np.eye(n + 1)[:, :, None]
    world.known |= _tables(R=world.known["J", 0] - world.known["L", 0])
    return world


def _add_losses(world: World, name: str, first: Any, each: Function, points: Any) -> None:
    """Add a loss and its gradient: of the batch, or, with an index, of each sample."""
    world.known |= _tables(*first, **{name: each(network.loss, *points)})
    for key, entries in ((("W", 2), _weights), (("b", 1), _biases)):
        slopes = each(lambda *point, e=entries: e(network.loss_grad(*point)), *points)
        world.slopes[(name, len(first)), key] = _table(slopes, *first, *(1,) * key[1])


def _weights(params: network.Parameters) -> Floats:
    """Put W_ij and W_j4 into one table; nan where no weight is."""
    return np.array([*zip_longest(*params.W_hidden.T, params.w_out, fillvalue=np.nan)])


def _biases(params: network.Parameters) -> Floats:
    return np.append(params.b_hidden, params.b_out)


def _output_hessian(params: network.Parameters, X: Floats, y: Floats) -> Floats:
    """Return second derivatives of the loss in W_14 and b_4: differences of hwlib's gradient."""

    def grad(at: Floats) -> Floats:
        moved = params._replace(w_out=np.array([at[0], *params.w_out[1:]]), b_out=at[1])
        g = network.loss_grad(moved, X, y)
        return np.array([g.w_out[0], g.b_out])

    at, h = np.array([params.w_out[0], params.b_out]), 1e-5
    return np.array([grad(at + h * e) - grad(at - h * e) for e in np.eye(2)]) / (2.0 * h)


def _network_points(rng: np.random.Generator, n: int, d: int) -> tuple[Any, ...]:
    W, b, X, w_out = _eighths(rng, d, 3), _eighths(rng, 3), _eighths(rng, n, d), _eighths(rng, 3)
    b_out, z, y = _eighths(rng), 4.0 * _eighths(rng), rng.choice([0.0, 1.0], (N_POINTS, n))
    p, j = np.arange(0, N_POINTS, 4), np.arange(N_POINTS // 4) % 3
    b[p, j] = -np.sum(X[p, 0] * W[p, :, j], axis=1)  # so that the sum of one unit is exactly 0
    w_out[1::8], b_out[1::16], z[2::8] = 0.0, 0.0, 0.0  # so that z_4 = b_4, and at times 0
    return list(map(network.Parameters, W, b, w_out, b_out.tolist())), X, y, z


def _differences(rng: np.random.Generator, n_coordinates: int, shrink: float) -> World:
    rng = np.random.default_rng(7)  # the same points in both worlds, with another step
    scale, rate, x = rng.uniform((0.5, 0.5, -1.0), (2.0, 1.5, 1.0), (N_POINTS, 3)).T
    scale, rate = rng.choice([-1.0, 1.0], (2, N_POINTS)) * (scale, rate)
    step, eta = rng.uniform(0.05, 0.1, N_POINTS) / shrink, 10.0 ** rng.uniform(-5, -3, N_POINTS)
    eta[::8] = np.abs((rate * step) ** 3 / 3.0)[::8]  # so that the step is the best one
    given, numeric = rng.normal(size=(2, N_POINTS, n_coordinates))

    a, r = (v.reshape(-1, *(1,) * (SLOTS + 2)) for v in (scale, rate))
    y = scale * np.exp(rate * x)
    # Two values that are off by eta y, in opposite directions, change the difference most; of
    # the series of f, the term of third order is the first that the central difference keeps.
    noise, cubic = eta * np.abs(y), np.abs(rate**3 * y) / 6.0 * step**3
    noise, cubic = ((term - -term) / (2.0 * step) for term in (noise, cubic))
    return World(
        {"k": range(1, n_coordinates + 1)},
        drawn=_tables(x=x, I=1j, varepsilon=step, eta=eta) | _tables(1, G=given, N=numeric),
        known=_tables(1, rho=np.vectorize(relative_error)(given, numeric))
        | _tables(nu=noise, E=cubic + noise),
        functions={"f": [lambda at, k=k: a * r**k * np.exp(r * at) for k in range(5)]},
    )  # fmt: skip


SIZES: dict[str, tuple[Callable[..., World], tuple[tuple[int, ...], ...]]] = {
    "hinge": (_hinge, ((8,), (5,))),  # n
    "network": (_network, ((7, 5, 2), (16, 2, 3))),  # n, d, and samples a block
    "differences": (_differences, ((3, 1), (5, 8))),  # coordinates, what the step is divided by
}
"""What draws the points of a part, and the sizes of its worlds."""
