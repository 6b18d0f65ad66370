"""What the symbols of the printed formulas stand for: points, drawn or computed by hwlib.

All knowledge of the models is here and in ``symbols.toml``. A `World` holds many points at once,
with sizes of its own. Each part of the book has several, so that no two sizes or numbers coincide
in all, and each size is the smaller one somewhere: n is above d and below. Many points lie exactly
on a kink, a margin of 1 or a unit whose sum is 0, and as many right beside it. Numbers without a
bound lie on both sides of 1, and some are 0.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from hwlib import hinge, network, polynomial
from hwlib._arrays import Floats
from hwlib.gradcheck.report import relative_error

Function: TypeAlias = Callable[..., Any]
Key: TypeAlias = tuple[str, int]
"""A name and how many indices it has: x_i and x_ij are different symbols."""

INDEX_LETTERS = "ijks"
"""The subscripts that count; another letter is part of a name, as in epsilon_c."""

DECLARED = tomllib.loads((Path(__file__).parent / "symbols.toml").read_text(encoding="utf-8"))
PAGES, HELPERS, SAMPLES = (DECLARED[name] for name in ("pages", "helpers", "samples"))
SOURCES, TIED, CURVES, SIZES = (DECLARED[name] for name in ("sources", "tied", "curves", "sizes"))
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
BESIDE = [0.0, 1e-6, 0.0, -1e-6]
"""How far from a kink points are: exactly on it, or right beside it."""


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
    if part not in MAKERS:
        raise ValueError(f"no quantities are declared for the part {part!r}")
    return tuple(MAKERS[part](np.random.default_rng(k), *s) for k, s in enumerate(SIZES[part]))


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
    values[:-8][values[:-8] == 0.0] = 0.375  # the last points keep each 0
    return values


def _hinge(rng: np.random.Generator, n: int) -> World:
    c, theta, v, alpha, u, y = _hinge_points(rng, n)
    X = _each(polynomial.features, u, c)
    full, grads = _each(hinge.loss_grad, theta, X, y), _each_sample(hinge.loss_grad, theta, X, y)
    return World(
        {"i": range(1, n + 1), "s": range(1, n + 1), "j": range(7), "k": range(7)},
        drawn=_tables(n=n, alpha=alpha) | _tables(0, c=c, theta=theta, v=v, g=full)
        | _tables(1, u=u, y=y),
        known=_tables(ell=_each(hinge.loss, theta, X, y)) | _tables(0, mu=polynomial.NONLINEAR)
        | _tables(1, h_theta=_each(hinge.hypothesis, theta, X))
        | _tables(1, ell=_each_sample(hinge.loss, theta, X, y))
        | _tables(1, 0, x=X, w=theta[:, None] - alpha[:, None, None] * grads),
        slopes={(("ell", 0), ("theta", 1)): _table(full, 0),
                (("ell", 1), ("theta", 1)): _table(grads, 1, 0)},
    )  # fmt: skip


def _hinge_points(rng: np.random.Generator, n: int) -> tuple[Floats, ...]:
    c, theta, v, alpha = *(_eighths(rng, 7) for _ in "cθv"), rng.uniform(0.1, 3.0, N_POINTS)
    u, y = rng.uniform(-1.3, 1.3, (N_POINTS, n)), rng.choice([-1.0, 1.0], (N_POINTS, n))
    u[::4, 0], c[::4, 6], u[1::8, 1] = np.sign(u[::4, 0]), 1.0, 0.0
    h = _each(hinge.hypothesis, theta, _each(polynomial.features, u, c))
    # So that the margin of the first sample is 1, or next to it:
    theta[::4, 6] += y[::4, 0] - h[::4, 0] + np.resize(BESIDE, N_POINTS // 4)
    for first, margin in ((2, 2.0), (3, 0.6)):  # all samples right: a loss of 0, or nearly
        right = slice(first, None, 8)
        y[right] = np.sign(h[right])
        theta[right] *= margin / np.min(np.abs(h[right]), axis=1, keepdims=True)
    for first, factor in ((1, 1.0), (9, 1.0), (2, 1.25), (3, 0.875), (11, 1.125)):
        v[first::16] = factor * theta[first::16]  # where the subgradient inequality is attained
    return c, theta, v, alpha, u, y


def _network(rng: np.random.Generator, n: int, d: int, block: int) -> World:
    params, X, y, z = _network_points(rng, n, d)
    l2, alpha, step = rng.uniform(0.1, 3.0, (3, N_POINTS))
    z_hidden, a, z_out, y_hat = map(np.array, zip(*map(network.forward, params, X), strict=True))
    sizes = [min(block, n - start) for start in range(0, n, block)]
    world = World(
        {"i": range(1, d + 1), "j": range(1, 4), "s": range(1, n + 1),
         "k": range(1, len(sizes) + 1), "r": range(1, 3), "c": range(1, 3)},
        drawn=_tables(n=n, d=d, B=block, K=len(sizes), alpha=alpha, varepsilon=step, z=z)
        | _tables(**{"lambda": l2}) | _tables(1, y=y, b=_each(_biases, params), n=sizes)
        | _tables(1, 1, x=X, W=_each(_weights, params)) | _machine(),
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


def _machine() -> dict[Key, Floats]:
    """Return flops and bytes, how many a machine does in a second, cores, and a share."""
    draws = np.random.default_rng(8).uniform(0.1, 3.0, (5, N_POINTS))
    draws[:, :4] = 0.5  # where memory and arithmetic take the same time
    return _tables(**dict(zip("FQPSc", draws, strict=True)), r=draws[0] / 3.1)


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
    vector, place = network.ravel(params), [-4, -1]
    steps = 2e-4 * np.eye(len(vector))[place]
    moved = [[network.unravel(vector + k * e, params) for e in steps] for k in (1, -1, 2, -2)]
    grads = [[network.ravel(network.loss_grad(p, X, y))[place] for p in two] for two in moved]
    return np.tensordot([8.0, -8.0, -1.0, 1.0], grads, 1) / 24e-4  # the error is of fourth order


def _network_points(rng: np.random.Generator, n: int, d: int) -> tuple[Any, ...]:
    W, b, X, w_out = _eighths(rng, d, 3), _eighths(rng, 3), _eighths(rng, n, d), _eighths(rng, 3)
    b_out, z, y = _eighths(rng), 6.0 * _eighths(rng), rng.choice([0.0, 1.0], (N_POINTS, n))
    p, j = np.arange(0, N_POINTS, 2), np.arange(N_POINTS // 2) % 3
    # So that the sum of one unit is 0, or next to it:
    b[p, j] = np.resize(np.repeat(BESIDE, 3), len(p)) - np.sum(X[p, 0] * W[p, :, j], axis=1)
    # So that z_4 = b_4, which is then 0 or next to it, and so is z:
    W[1::16], w_out[1::8], b_out[1::8], z[2::8] = 0.0, 0.0, *2 * [np.resize(BESIDE, N_POINTS // 8)]
    return list(map(network.Parameters, W, b, w_out, b_out.tolist())), X, y, z


def _differences(rng: np.random.Generator, n_coordinates: int) -> World:
    low, high = (0.5, -1.0, 0.7, 0.0, -2.0), (2.0, 1.0, 1.6, 6.0, 2.0)
    a, b, w, phase, x = rng.uniform(low, high, (N_POINTS, 5)).T.reshape(5, -1, *(1,) * (SLOTS + 2))
    x[1::8] = phase[1::8] = 0.0  # where f'(x) is 0 as well
    step, eps = 10.0 ** rng.uniform((-1.5, -4.0), (0.5, 0.5), (N_POINTS, 2)).T
    G, N = rng.normal(size=(2, N_POINTS, n_coordinates))
    G[1::8], G[2::8] = N[1::8], -N[2::8]

    def f(at: Any, order: int) -> Any:
        """Return a wave plus a cubic, or a derivative."""
        wave = a * w**order * np.cos(w * at + phase + order * np.pi / 2.0)
        return wave + b * [at**3, 3.0 * at**2, 6.0 * at, 6.0, 0.0][order]

    y, third = np.abs(f(x, 0)).ravel(), np.abs(f(x, 3)).ravel()
    eps[::8] = (third * step**3 / (3.0 * y))[::8]  # so that the step is the best one
    # Two values that are off by eps y, in opposite directions, change the difference most; of
    # the series of f, the term of third order is the first that the central difference keeps.
    noise, cubic = (2.0 * term / (2.0 * step) for term in (eps * y, third / 6.0 * step**3))
    return World(
        {"k": range(1, n_coordinates + 1)},
        drawn=_tables(x=x.ravel(), a=a.ravel(), b=b.ravel(), w=w.ravel(), c=phase.ravel() - 3.0)
        | _tables(I=1j, varepsilon=step, varepsilon_m=eps) | _tables(1, G=G, N=N),
        known=_tables(1, rho=np.vectorize(relative_error)(G, N))
        | _tables(nu=noise, E=cubic + noise),
        functions={"f": [partial(f, order=order) for order in range(5)]})  # fmt: skip


MAKERS: dict[str, Function] = {"hinge": _hinge, "network": _network, "differences": _differences}
"""What draws the points of a part."""
