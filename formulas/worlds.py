"""What the symbols of the printed formulas stand for: points, drawn or computed by hwlib.

All knowledge of the models is here and in ``symbols.toml``. A `World` holds many points at once,
with sizes of its own. Each part of the book has several, so that no two sizes or numbers coincide
in all, and each size is the smaller one somewhere: n is above d and below. Many points lie exactly
on a kink, a margin of 1 or a unit whose sum is 0, and as many right beside it. Numbers without a
bound lie on both sides of 1, and some are 0.
"""

import re
import tomllib
from collections.abc import Callable
from functools import cache, partial
from itertools import combinations, pairwise, product, zip_longest
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from hwlib import hinge, layers, network, polynomial
from hwlib._arrays import Floats
from hwlib.gradcheck.report import relative_error

Key: TypeAlias = tuple[str, int]
"""A name and how many indices it has: x_i and x_ij are different symbols."""

_dot = partial(np.einsum, "i...,i...")
INDEX_LETTERS = "ijksl"
"""The indices that count; another letter is part of a name, as in epsilon_c."""


def declared(name: str) -> dict[str, Any]:
    """Return what a file beside this one declares."""
    return tomllib.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))


DECLARED = declared("symbols.toml")
SAMPLES, DELTAS, CONDITIONS = (DECLARED[name] for name in ("samples", "deltas", "conditions"))


class Assembled(NamedTuple):
    """A vector or a matrix: its entry, the letters of its rows and columns, and its own index."""

    entry: str
    letters: str
    own: str = ""


ARRAYS: dict[str, dict[Key, Assembled]] = {
    part: {(name, len(row[2:])): Assembled(*row) for name, row in rows.items()}
    for part, rows in DECLARED["arrays"].items()
}


class World(NamedTuple):
    """Values at many points.

    Attributes
    ----------
    ranges : dict
        The values that an index letter takes.
    drawn, known : dict
        Drawn numbers, and what hwlib computes from them; a derivative has a pair of keys: of what,
        with respect to what.
    functions : dict
        Functions of a number, each with its derivatives.
    """

    ranges: dict[str, range]
    drawn: dict[Key, Floats]
    known: dict[Any, Floats]
    functions: dict[str, list[Callable[..., Any]]]


N_POINTS, SLOTS = 48, 8
"""The first axis of a value, and how many axes belong to letters: see `formulas.evaluator`."""
BESIDE = [0.0, 1e-6, 0.0, -1e-6]
"""How far from a kink points are: exactly on it, or right beside it."""


def part_of(page: str) -> str:
    """Return the part whose symbols a page uses."""
    pages = DECLARED["pages"]
    return str(pages.get(page) or pages.get(page.split("_")[0], page))


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
    return tuple(_world(part, seed, *s) for seed, s in enumerate(DECLARED["sizes"][part]))


def _world(part: str, seed: int, *sizes: int) -> World:
    """Return the world of what is drawn and computed, as ``symbols.toml`` names it."""
    made = MAKERS[part](np.random.default_rng(seed), *sizes)
    ranges = {i: range(a, made.get(b, b) + 1) for i, (a, b) in DECLARED["ranges"][part].items()}
    drawn, known = (
        dict(_table(names, made[name], ranges) for names, name in DECLARED[kind][part].items())
        for kind in ("drawn", "known")
    )
    return World(ranges, drawn, known, made.get("functions", {}))


def _table(names: str, values: Any, ranges: dict[str, range]) -> tuple[Any, Floats]:
    """Return a table and its key: ("x", 2) for x_ij, and a pair of keys for a slope."""
    found = re.findall(rf"(\w+?)(?:_([{''.join(ranges)}]+))?(?: |$)", names)
    key, *below = ((symbol, len(index)) for symbol, index in found)
    first = [ranges[letter].start for _, index in found for letter in index]
    return (key, *below) if below else key, table(values, *first)


def table(values: Any, *first: int) -> Floats:
    """Return values by point and index, where an index counts from 0 or from `first`; else nan."""
    full = np.ones((N_POINTS, *(1,) * len(first))) * values
    return np.pad(full, [(0, 0), *((n, 0) for n in first)], constant_values=np.nan)


def _each(function: Callable[..., Any], *arrays: Any) -> Floats:
    """Return the values of a function at each point."""
    return np.array([function(*point) for point in zip(*arrays, strict=True)])


def _each_sample(f: Callable[..., Any], params: Any, X: Floats, y: Floats, *more: Any) -> Floats:
    """Return the values of a function at each point for each sample alone."""
    samples = ((X[:, [i]], y[:, [i]]) for i in range(y.shape[1]))
    return np.stack([_each(f, params, *sample, *more) for sample in samples], axis=1)


def _eighths(rng: np.random.Generator, *shape: int) -> Floats:
    """Return multiples of 1/8, whose sums and products are exact: so that a kink can be hit."""
    values: Floats = rng.integers(-12, 13, size=(N_POINTS, *shape)) / 8.0
    values[:-8][values[:-8] == 0.0] = 0.375  # the last points keep each 0
    return values


def _hinge(rng: np.random.Generator, n: int) -> dict[str, Any]:
    c, theta, v, alpha = *(_eighths(rng, 7) for _ in "cθv"), rng.uniform(0.1, 3.0, N_POINTS)
    u, y = rng.uniform(-1.3, 1.3, (N_POINTS, n)), rng.choice([-1.0, 1.0], (N_POINTS, n))
    u[::4, 0], c[::4, 6], u[1::8, 1] = np.sign(u[::4, 0]), 1.0, 0.0
    X, mask = _each(polynomial.features, u, c), polynomial.NONLINEAR
    h = _each(hinge.hypothesis, theta, X)
    # So that the margin of the first sample is 1, or next to it:
    theta[::4, 6] += y[::4, 0] - h[::4, 0] + np.resize(BESIDE, N_POINTS // 4)
    margin = np.resize([[2.0], [0.6]], (N_POINTS // 4, 1))  # all right: a loss of 0, or nearly
    y[2::4], v[1::8] = np.sign(h[2::4]), theta[1::8]  # attains the subgradient inequality
    theta[2::4] *= margin / np.min(np.abs(h[2::4]), axis=1, keepdims=True)
    h, loss = _each(hinge.hypothesis, theta, X), _each(hinge.loss, theta, X, y)
    grad, grads = _each(hinge.loss_grad, theta, X, y), _each_sample(hinge.loss_grad, theta, X, y)
    losses = _each_sample(hinge.loss, theta, X, y)
    moved = theta[:, None] - alpha[:, None, None] * grads
    return locals()


def _network(rng: np.random.Generator, n: int, d: int, block: int) -> dict[str, Any]:
    W, b, X, w_out = _eighths(rng, d, 3), _eighths(rng, 3), _eighths(rng, n, d), _eighths(rng, 3)
    b_out, z, y = _eighths(rng), 6.0 * _eighths(rng), rng.choice([0.0, 1.0], (N_POINTS, n))
    p, j = np.arange(0, N_POINTS, 2), np.arange(N_POINTS // 2) % 3
    # So that the sum of one unit is 0, or next to it:
    b[p, j] = np.resize(np.repeat(BESIDE, 3), len(p)) - np.sum(X[p, 0] * W[p, :, j], axis=1)
    # So that z_4 = b_4, which is then 0 or next to it, and so is z:
    W[1::16], w_out[1::8], b_out[1::8], z[2::8] = 0.0, 0.0, *2 * [np.resize(BESIDE, N_POINTS // 8)]
    params = [*map(network.Parameters, W, b, w_out, b_out.tolist())]
    l2, alpha, step, F, Q, P, S, share = draws = rng.uniform(0.1, 3.0, (8, N_POINTS))
    draws[:, :4], cores = 0.5, F / 3.1  # first, memory and arithmetic take the same time
    W, b = map(np.array, zip(*map(_tables, params), strict=True))
    H = _each(_hessian, params, X[:, :1], y[:, :1])
    z_hidden, a, z_out, y_hat = map(np.array, zip(*map(network.forward, params, X), strict=True))
    z_all = np.concatenate([z_hidden, z_out[:, :, None]], axis=2)
    losses = _losses(network, _tables, l2, params, X, y)
    # What a sample's sum changes is what its bias changes for that sample, and no other sample.
    L_s_z = losses["L_s_b"][:, :, None] * np.eye(n)[:, :, None]
    R = losses["J"] - losses["L"]
    sizes = [min(block, n - start) for start in range(0, n, block)]
    n_blocks = len(sizes)
    return {"functions": OF_UNITS} | losses | locals()


def _losses(model: Any, tables: Callable[..., Any], l2: Floats, *points: Any) -> dict[str, Floats]:
    """Return loss and objective, of all samples and of each, and their derivatives as tables."""
    functions = [model.loss, *(lambda *at, k=k: tables(model.loss_grad(*at))[k] for k in (0, 1))]
    return {
        name + of + to: each(function, *points, penalty)
        for name, penalty in (("L", 0.0 * l2), ("J", l2))
        for of, each in (("", _each), ("_s", _each_sample))
        for to, function in zip(("", "_W", "_b"), functions, strict=True)
    }


def _tables(params: network.Parameters) -> tuple[Floats, Floats]:
    """Put W_ij and W_j4 into one table, nan where no weight is, and the biases into another."""
    W = np.array([*zip_longest(*params.W_hidden.T, params.w_out, fillvalue=np.nan)])
    return W, np.append(params.b_hidden, params.b_out)


def _hessian(params: network.Parameters, X: Floats, y: Floats) -> Floats:
    """Return second derivatives of the loss in W_14 and b_4: differences of hwlib's gradient."""
    vector, place = network.ravel(params), [-4, -1]
    steps = 2e-4 * np.eye(len(vector))[place]
    moved = [[network.unravel(vector + k * e, params) for e in steps] for k in (1, -1, 2, -2)]
    grads = [[network.ravel(network.loss_grad(p, X, y))[place] for p in two] for two in moved]
    return np.tensordot([8.0, -8.0, -1.0, 1.0], grads, 1) / 24e-4  # the error is of fourth order


def _layers(rng: np.random.Generator, n: int, *widths: int) -> dict[str, Any]:
    H, K = len(widths) - 1, widths[-1]  # the largest width: what is narrower ends in zeros
    W, b, X = np.zeros((N_POINTS, K, K, H)), np.zeros((N_POINTS, K, H)), np.zeros((N_POINTS, n, K))
    for k, (before, here) in enumerate(pairwise(widths)):
        W[:, :before, :here, k], b[:, :here, k] = _eighths(rng, before, here), _eighths(rng, here)
    X[:, :, : widths[0]] = _eighths(rng, n, widths[0])
    # So that the sum of the first unit is 0, or next to it:
    b[::2, 0, 0] = np.resize(BESIDE, N_POINTS // 2) - np.sum(X[::2, 0] * W[::2, :, 0, 0], axis=1)
    labels, (l2, m) = rng.integers(0, K, (N_POINTS, n)), rng.uniform(0.1, 3.0, (2, N_POINTS))
    params = [[layers.Layer(W[q, ..., k], b[q, :, k]) for k in range(H)] for q in range(N_POINTS)]
    ends, stack = range(1, H + 1), partial(np.stack, axis=-1)
    z = _each(lambda p, x: stack([layers.forward(p[:end], x)[-1] for end in ends]), params, X)
    a = _each(lambda p, x: stack(layers.forward(p, x)[:-1]), params, X)
    u, y = z[..., -1], np.eye(K)[labels]
    p, L_s_u = _each(layers.softmax, u), _each(layers.cross_entropy_grad, u, labels)
    losses = _losses(layers, lambda g: [*map(stack, zip(*g, strict=True))], l2, params, X, labels)
    own = np.eye(n)[:, :, None]  # a sum changes the loss of its own sample alone
    L_s_u, L_s_z = L_s_u[:, :, None] * own, losses["L_s_b"][:, :, None] * own[..., None]
    return {"functions": OF_UNITS} | losses | locals()


def _differences(rng: np.random.Generator, n_coordinates: int) -> dict[str, Any]:
    drawn = rng.uniform((0.5, -1.0, 0.7, 0.0, -2.0), (2.0, 1.0, 1.6, 6.0, 2.0), (N_POINTS, 5)).T
    drawn[3:, 1::8] = 0.0  # where f'(x) is 0 as well
    a, b, w, phase, x = drawn
    step, eps = 10.0 ** rng.uniform((-1.5, -4.0), (0.5, 0.5), (N_POINTS, 2)).T
    G, N = rng.normal(size=(2, N_POINTS, n_coordinates))
    G[1::8], G[2::8] = N[1::8], -N[2::8]

    def f(at: Any, order: int) -> Any:
        """Return a wave plus a cubic, or a derivative."""
        wave = a * w**order * np.cos(w * at.T + phase + order * np.pi / 2.0)
        return (wave + b * [at.T**3, 3.0 * at.T**2, 6.0 * at.T, 6.0, 0.0][order]).T

    y, third = np.abs(f(x, 0)), np.abs(f(x, 3))
    eps[::8] = (third * step**3 / (3.0 * y))[::8]  # so that the step is the best one
    # Two values that are off by eps y, in opposite directions, change the difference most; of
    # the series of f, the term of third order is the first that the central difference keeps.
    noise, cubic = (2.0 * term / (2.0 * step) for term in (eps * y, third / 6.0 * step**3))
    error, rho, c, unit = cubic + noise, np.vectorize(relative_error)(G, N), phase - 3.0, 1j
    functions = {"f": [partial(f, order=order) for order in range(5)]}
    return locals()


def _training(rng: np.random.Generator, n: int, d: int, B: int) -> dict[str, Any]:
    g, q, p = 3.0 * _eighths(rng, n), *rng.normal(size=(2, N_POINTS))
    batches = np.array([*product(range(n), repeat=B)]), np.array([*combinations(range(n), B)])
    mean, V, (V_r, V_d) = g.mean(1), g.var(1), (g[:, b].mean(2).var(1) for b in batches)
    alpha, M, R, r, moved, theta, v, x, y = _progress(rng, n, d)
    momentum = partial(_each, lambda alpha, beta, c: [[1.0 + beta - alpha * c, -beta], [1.0, 0.0]])
    beta, c = np.exp(rng.normal(size=(2, N_POINTS)))
    rho = np.linalg.eigvals(momentum(alpha, beta, c))[:, 0]
    V_q = V / B * alpha**2 / (1.0 - (1.0 - alpha * c) ** 2)  # a geometric series
    # The roots of alpha_b c_1 and alpha_b c_2 are as far below 1 and above it, by that of beta_b.
    curves = np.cumsum(np.exp(rng.normal(size=(N_POINTS, 2))), axis=1)
    ends = np.stack([curves**0.5, np.resize([1.0, -1.0], (N_POINTS, 2))], axis=2)
    alpha_b, beta_b = np.linalg.solve(ends, np.ones((N_POINTS, 2, 1)))[..., 0].T ** 2
    kappa, best = curves[:, 1] / curves[:, 0], momentum(alpha_b, beta_b, curves[:, 1])
    path = np.stack([np.linalg.matrix_power(best, k)[:, 0].sum(1) for k in range(6)], axis=1)
    functions = {"f": [lambda at: (c / 2.0 * at.T**2).T, lambda at: (c * at.T).T]}
    return locals()


def _progress(rng: np.random.Generator, n: int, d: int) -> tuple[Any, ...]:
    """Return what M steps allow at most: at every other point each bound is attained."""
    drawn, M = rng.normal(size=(d, n + 2, N_POINTS)), rng.integers(3, 9, N_POINTS)
    v, more, x, y = drawn[:, 0], drawn[:, 1], drawn[:, 2:], rng.choice([-1.0, 1.0], (n, N_POINTS))
    # Each bound is attained if theta is t v and the first sample has margin 1 and length R:
    size, first = _dot(v, v), x[:, 0]
    t = 1.0 + np.sqrt(1.0 + size * _dot(first, first) / M / _dot(first, v) ** 2)
    alpha, more[:, ::2] = t * size / M, 0.0
    theta = t * v + more * np.sign(_dot(more, v))
    R = np.sqrt(_dot(theta, theta) / M * (1.0 + more[0] ** 2) - 2.0 * alpha) / alpha
    x *= R * rng.random((n, N_POINTS)) / np.sqrt(_dot(x, x))
    first[:, ::2] *= (y[0] / _dot(first, theta))[::2]
    x[:, 1] = y[1] * v / size  # of margin 1 with v
    r, moved = y * _dot(x, theta[:, None]), theta[:, None] + alpha * y * x
    return alpha, M, R, *(table.T for table in (r, moved, theta, v, x, y))


MAKERS = {make.__name__[1:]: make for make in (_hinge, _network, _layers, _differences, _training)}
"""What draws the points of a part."""
OF_UNITS = {"sigma": [network.sigmoid, network.sigmoid_grad],
            "ReLU": [lambda z: z * network.relu_grad(z.real), network.relu_grad]}  # fmt: skip
"""What a unit does with its sum, and the derivative."""
