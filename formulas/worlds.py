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
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwlib import gradcheck, hinge, network, polynomial

Floats: TypeAlias = NDArray[np.float64]
Key: TypeAlias = tuple[str, int]
"""A name and how many indices it has: x_i and x_ij are different symbols."""

INDEX_LETTERS = "ijks"
"""The subscripts that count; another letter is part of a name, as in epsilon_c."""

DECLARED = tomllib.loads((Path(__file__).parent / "symbols.toml").read_text(encoding="utf-8"))
PAGES, HELPERS, SAMPLES = (DECLARED[name] for name in ("pages", "helpers", "samples"))
DELTAS, CONDITIONS, ATTAINED = (DECLARED[name] for name in ("deltas", "conditions", "attained"))


class Assembled(NamedTuple):
    """A vector or a matrix: its entry, the letters of its rows and columns, and its own index."""

    entry: str
    letters: str
    index: str = ""


ARRAYS: dict[str, dict[Key, Assembled]] = {
    part: {(name, len(row[2:])): Assembled(*row) for name, row in rows.items()}
    for part, rows in DECLARED["arrays"].items()
}


class Table(NamedTuple):
    """Values by point and index; an index counts from `first`; `source` says who computed them."""

    values: Floats
    first: tuple[int, ...] = ()
    source: str = "hwlib"


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
    tied : dict
        A symbol that stands for several entries of another at once.
    curves : dict
        A function of a vector that is given a number: what the number is put in place of.
    """

    part: str
    ranges: dict[str, range]
    drawn: dict[Key, Table]
    known: dict[Key, Table]
    slopes: dict[tuple[Key, Key], Table] = field(default_factory=dict)
    functions: dict[str, list[Callable[[Any], Any]]] = field(default_factory=dict)
    tied: dict[Key, tuple[Key, list[tuple[int, ...]]]] = field(default_factory=dict)
    curves: dict[str, Key] = field(default_factory=dict)

    @property
    def arrays(self) -> dict[Key, Assembled]:
        """The vectors and matrices of the part."""
        return ARRAYS[self.part]

    @property
    def samples(self) -> dict[str, int]:
        """The symbols that each sample has, and their other indices."""
        return dict(SAMPLES[self.part])


N_POINTS = 48


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


def _tables(*first: int, source: str = "hwlib", **values: Any) -> dict[Key, Table]:
    """Return tables by name; the indices of all of them count from `first`."""
    arrays = {name: np.asarray(value) * 1.0 for name, value in values.items()}
    full = {name: a if a.ndim else np.full(N_POINTS, a) for name, a in arrays.items()}
    return {(name, len(first)): Table(a, first, source) for name, a in full.items()}


def _eighths(rng: np.random.Generator, *shape: int) -> Floats:
    """Return multiples of 1/8, whose sums and products are exact: so that a kink can be hit."""
    values: Floats = rng.integers(-12, 13, size=(N_POINTS, *shape)) / 8.0
    return np.where(values == 0.0, 0.375, values)


def _hinge(rng: np.random.Generator, n: int) -> World:
    c, theta, v, alpha = *(_eighths(rng, 7) for _ in "cθv"), rng.uniform(0.1, 1.0, N_POINTS)
    u, y = rng.uniform(-1.3, 1.3, (N_POINTS, n)), rng.choice([-1.0, 1.0], (N_POINTS, n))
    kinks = slice(0, None, 4)
    u[kinks, 0], c[kinks, 6] = np.sign(u[kinks, 0]), 1.0
    X = np.array(list(map(polynomial.features, u, c)))
    h = np.array(list(map(hinge.hypothesis, theta, X)))
    theta[kinks, 6] += y[kinks, 0] - h[kinks, 0]  # so that the margin of the first sample is 1
    for first, margin in ((2, 2.0), (3, 0.6)):  # all samples right: a loss of 0, or nearly
        right = slice(first, None, 8)
        y[right] = np.sign(h[right])
        theta[right] *= margin / np.min(np.abs(h[right]), axis=1, keepdims=True)
    for equal in (slice(1, None, 8), slice(2, None, 16), slice(3, None, 16)):
        v[equal] = theta[equal]  # where the subgradient inequality is attained
    alone = [[(t, x[[i]], s[[i]]) for i in range(n)] for t, x, s in zip(theta, X, y, strict=True)]
    grads = np.array([[hinge.loss_grad(*sample) for sample in samples] for samples in alone])
    losses = np.array([[hinge.loss(*sample) for sample in samples] for samples in alone])
    full = np.array(list(map(hinge.loss_grad, theta, X, y)))
    h, total = list(map(hinge.hypothesis, theta, X)), list(map(hinge.loss, theta, X, y))
    moved = theta[:, None] - alpha[:, None, None] * grads
    return World(
        "hinge",
        {"i": range(1, n + 1), "j": range(7), "k": range(7)},
        drawn=_tables(n=n, alpha=alpha) | _tables(0, c=c, theta=theta, v=v, g=full)
        | _tables(1, u=u, y=y),
        known=_tables(ell=total) | _tables(1, h_theta=h, ell=losses) | _tables(1, 0, x=X, v=moved)
        | _tables(0, mu=np.tile(polynomial.NONLINEAR, (N_POINTS, 1))),
        slopes={
            (("ell", 0), ("theta", 1)): Table(full, (0,)),
            (("ell", 1), ("theta", 1)): Table(grads, (1, 0)),
        },
        curves={"h_theta": ("u", 1)},
    )  # fmt: skip


def _network(rng: np.random.Generator, n: int, d: int, block: int) -> World:
    m, sizes = 3, [min(block, n - start) for start in range(0, n, block)]
    W, b, X, w_out = _eighths(rng, d, m), _eighths(rng, m), _eighths(rng, n, d), _eighths(rng, m)
    b_out, z, y = _eighths(rng), 4.0 * _eighths(rng), rng.choice([0.0, 1.0], (N_POINTS, n))
    for p in range(0, N_POINTS, 4):
        j = p // 4 % m
        b[p, j] = -X[p, 0] @ W[p, :, j]  # so that the sum of one unit is exactly 0
    w_out[1::8], b_out[1::16], z[2::8] = 0.0, 0.0, 0.0  # so that z_4 = b_4, and at times 0
    l2, alpha, step = rng.uniform(0.1, 1.0, (3, N_POINTS))
    params = list(map(network.Parameters, W, b, w_out, b_out.tolist()))
    batch = [[point] for point in zip(params, X, y, strict=True)]
    samples = [[(p, x[[s]], t[[s]]) for s in range(n)] for ((p, x, t),) in batch]
    passes = list(map(network.forward, params, X))
    z_out = np.array([f.z_out for f in passes])
    slope_z = np.zeros((N_POINTS, n, n, 1))
    slope_z[:, range(n), range(n), 0] = network.log_loss_grad(z_out, y)
    z_all = [np.column_stack([f.z_hidden, f.z_out]) for f in passes]
    counts = {"n": n, "d": d, "B": block, "K": len(sizes)}
    world = World(
        "network",
        {"i": range(1, d + 1), "j": range(1, m + 1), "s": range(1, n + 1),
         "k": range(1, len(sizes) + 1), "r": range(1, 3), "c": range(1, 3)},
        drawn=_tables(**counts, alpha=alpha, varepsilon=step, z=z) | _tables(**{"lambda": l2})
        | _tables(1, y=y, b=np.column_stack([b, b_out]), n=np.tile(sizes, (N_POINTS, 1)))
        | _tables(1, 1, x=X, W=list(map(_weights, W, w_out))),
        known=_tables(1, haty=[f.y_hat for f in passes])
        | _tables(1, 1, z=z_all, a=[f.a_hidden for f in passes])
        | _tables(1, 1, H=[_output_hessian(*one) for one, *_ in samples]),
        slopes={(("L", 1), ("z", 2)): Table(slope_z, (1, 1, 4))},
        functions={"sigma": [network.sigmoid, network.sigmoid_grad],
                   "ReLU": [network.relu, network.relu_grad]},
        tied={("w", 0): (("W", 2), [(1, 4), (2, 4)])},
    )  # fmt: skip
    for name, strength in (("L", 0.0 * l2), ("J", l2)):
        _add_losses(world, name, batch, strength)
        _add_losses(world, name, samples, strength, 1)
    world.known |= _tables(R=world.known["J", 0].values - world.known["L", 0].values)
    return world


def _weights(W: Floats, w_out: Floats) -> Floats:
    """Put W_ij and W_j4 into one table; nan where no weight is."""
    (d, m), size = W.shape, max(W.shape)
    table = np.full((size, m + 1), np.nan)
    table[:d, :m], table[:m, m] = W, w_out
    return table


def _add_losses(world: World, name: str, rows: list[Any], l2: Floats, *first: int) -> None:
    """Add a loss and its gradient: of the batch, or, with an index, of each sample."""
    points = [[(*one, a) for one in row] for row, a in zip(rows, l2.tolist(), strict=True)]
    grads = [[network.loss_grad(*point) for point in row] for row in points]
    losses = np.array([[network.loss(*point) for point in row] for row in points])
    W = np.array([[_weights(g.W_hidden, g.w_out) for g in row] for row in grads])
    b = np.array([[[*g.b_hidden, g.b_out] for g in row] for row in grads])
    losses, W, b = (table if first else table[:, 0] for table in (losses, W, b))
    world.known |= _tables(*first, **{name: losses})
    world.slopes[(name, len(first)), ("W", 2)] = Table(W, (*first, 1, 1))
    world.slopes[(name, len(first)), ("b", 1)] = Table(b, (*first, 1))


def _output_hessian(params: network.Parameters, X: Floats, y: Floats) -> Floats:
    """Return second derivatives of the loss in W_14 and b_4: differences of hwlib's gradient."""

    def grad(w: float, b: float) -> Floats:
        moved = params._replace(w_out=np.array([w, *params.w_out[1:]]), b_out=b)
        return np.array([(g := network.loss_grad(moved, X, y)).w_out[0], g.b_out])

    w, b, h = params.w_out[0], params.b_out, 1e-5
    rows = (grad(w + h, b) - grad(w - h, b), grad(w, b + h) - grad(w, b - h))
    return np.array(rows) / (2.0 * h)


def _differences(rng: np.random.Generator, n_coordinates: int, shrink: float) -> World:
    rng = np.random.default_rng(7)  # the same points in both worlds, with another step
    scale, rate, x = rng.uniform((0.5, 0.5, -1.0), (2.0, 1.5, 1.0), (N_POINTS, 3)).T
    scale, rate = rng.choice([-1.0, 1.0], (2, N_POINTS)) * (scale, rate)
    step, eta = rng.uniform(0.05, 0.1, N_POINTS), 10.0 ** rng.uniform(-5.0, -3.0, N_POINTS)
    eta[::8] = np.abs((rate * step) ** 3 / 3.0)[::8]  # so that the step is the best one
    eta[::8], step = eta[::8] / shrink**3, step / shrink
    given, numeric = rng.normal(size=(2, N_POINTS, n_coordinates))

    def f(at: Any, order: int) -> Any:
        """Return an exponential function, or its derivative of an order."""
        a, r = (v.reshape(-1, *(1,) * (np.ndim(at) - 1)) for v in (scale, rate))
        return a * r**order * np.exp(r * at)

    # Two values that are off by eta f(x), in opposite directions, change the difference most; of
    # the series of f, the term of third order is the first that the central difference keeps.
    noise, cubic = eta * np.abs(f(x, 0)), np.abs(f(x, 3)) / 6.0 * step**3
    noise, cubic = ((term - -term) / (2.0 * step) for term in (noise, cubic))
    return World(
        "differences",
        {"k": range(1, n_coordinates + 1)},
        drawn=_tables(x=x, I=1j, varepsilon=step, eta=eta) | _tables(1, G=given, N=numeric),
        known=_tables(1, rho=list(map(_errors, given, numeric)))
        | _tables(nu=noise, E=cubic + noise, source="a direct computation"),
        functions={"f": [partial(f, order=order) for order in range(5)]},
    )  # fmt: skip


def _errors(given: Floats, slopes: Floats) -> list[float]:
    """Return the relative errors that check_grad reports for a linear function."""
    report = gradcheck.check_grad(lambda x: slopes @ x, lambda x: given, np.ones(len(given)))
    errors = {c.name: c.error for c in report.coordinates}
    return [errors[f"x[{k}]"] for k in range(len(given))]


SIZES: dict[str, tuple[Callable[..., World], tuple[tuple[int, ...], ...]]] = {
    "hinge": (_hinge, ((8,), (5,))),  # n
    "network": (_network, ((7, 5, 2), (16, 2, 3))),  # n, d, and samples a block
    "differences": (_differences, ((3, 1), (5, 8))),  # coordinates, what the step is divided by
}
"""What draws the points of a part, and the sizes of its worlds."""
