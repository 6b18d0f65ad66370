"""The training loop of page 4.2, read from the page that prints it, against foreign ones.

The same architecture, start, batches and steps as scikit-learn's `MLPClassifier`, and as PyTorch
where that is installed: the losses agree step by step. And what the page proves is tried on data
that it has not seen: the bound on the number of steps, the rate of momentum, the two variances.
"""

from __future__ import annotations

import itertools
import json
import warnings
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from hwlib import hinge, layers, optim, polynomial

CHAPTER = Path(__file__).parents[1] / "chapters" / "beyond_training.ipynb"
CELLS = {
    cell["id"].removeprefix("beyond-training-"): "".join(cell["source"])
    for cell in json.loads(CHAPTER.read_text(encoding="utf-8"))["cells"]
}
X, Y = load_digits().data / 16, load_digits().target
SIZES = (64, 64, 10)
EPOCHS, B, ALPHA, L2 = 2, 32, 0.1, 1.0
AGREE = 1e-12
"""Of the losses, relative: rounding, which the steps hand on, is a hundred times smaller."""


def load(name: str, old: str = "", new: str = "", **names: Any) -> Any:
    """Run a cell of the page, with one piece of its text replaced, and return its names."""
    source = CELLS[name]
    assert source.count(old) == 1 or not old, f"{old!r} is {source.count(old)} times in {name}"
    names = {"np": np, "layers": layers} | names
    exec(source.replace(old, new) if old else source, names)
    return SimpleNamespace(**names)


def batches(seed: int = 0) -> list[Any]:
    """Return the rows of each batch, as the page's loop takes them."""
    rng = np.random.default_rng(seed)
    orders = (rng.permutation(len(Y)) for _ in range(EPOCHS))
    return [rows for order in orders for rows in np.split(order, range(B, len(Y), B))]


def ours(beta: float, l2: float, old: str = "", new: str = "") -> Any:
    """Return the mean loss of each batch before its step, as the page's loop makes them."""
    losses = []

    def noted(params: Any, X: Any, y: Any, share: float) -> Any:
        losses.append(layers.loss(params, X, y) / len(y))
        return layers.loss_grad(params, X, y, share)

    watched = SimpleNamespace(Layer=layers.Layer, loss_grad=noted)
    page = load("train", old, new, layers=watched)
    start = layers.init(np.random.default_rng(0), SIZES)
    loop = page.train(start, X, Y, B=B, alpha=ALPHA, beta=beta, l2=l2)
    for _ in range(EPOCHS):
        next(loop)
    return np.array(losses)


class Started(MLPClassifier):
    """scikit-learn's network, with the start of the book."""

    def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> Any:
        self.given = getattr(self, "given", None) or layers.init(np.random.default_rng(0), SIZES)
        layer = self.given.pop(0)
        return layer.W.copy(), layer.b.copy()


@cache
def scikit_learn(beta: float, l2: float) -> Any:
    """Return the mean loss of each batch, without the penalty, as scikit-learn computes it."""
    model = Started(
        SIZES[1:2], solver="sgd", alpha=0.0, learning_rate_init=ALPHA, momentum=beta,
        nesterovs_momentum=False, shuffle=False, batch_size=B,
    )  # fmt: skip
    losses = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for rows in batches():
            model.set_params(alpha=l2 * len(rows) / len(Y), batch_size=len(rows))
            squares = sum(np.sum(W * W) for W in model.coefs_) if losses else 0.0
            if not losses:
                start = layers.init(np.random.default_rng(0), SIZES)
                squares = sum(np.sum(W * W) for W, _ in start)
            model.partial_fit(X[rows], Y[rows], classes=range(10))
            losses.append(model.loss_ - 0.5 * l2 / len(Y) * squares)
    return np.array(losses)


def pytorch(beta: float, l2: float) -> Any:
    torch = pytest.importorskip("torch")
    start = layers.init(np.random.default_rng(0), SIZES)
    params = [torch.tensor(part, requires_grad=True) for layer in start for part in layer]
    steps = torch.optim.SGD(params, lr=ALPHA, momentum=beta)
    losses = []
    for rows in batches():
        a, y = torch.tensor(X[rows]), torch.tensor(Y[rows])
        u = torch.relu(a @ params[0] + params[1]) @ params[2] + params[3]
        loss = torch.nn.functional.cross_entropy(u, y)
        losses.append(loss.item())
        penalty = l2 / (2 * len(Y)) * sum((W**2).sum() for W in params[::2])
        steps.zero_grad()
        (loss + penalty).backward()
        steps.step()
    return np.array(losses)


@pytest.mark.parametrize("library", [scikit_learn, pytorch], ids=lambda library: library.__name__)
@pytest.mark.parametrize(("beta", "l2"), [(0.0, 0.0), (0.9, 0.0), (0.9, L2)])
def test_the_losses_of_a_library_are_the_same_step_by_step(library, beta, l2):
    theirs = library(beta, l2)
    losses = ours(beta, l2)
    assert len(losses) == len(theirs) == EPOCHS * -(-len(Y) // B)
    assert np.all(np.abs(losses / theirs - 1) < AGREE)
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-alpha / part", "-alpha / B"),
        ("-alpha / part", "-alpha"),
        ("share = l2 * part / n", "share = l2"),
        ("rng.permutation(n)", "np.arange(n)"),
        ("combine(beta, last", "combine(1 - beta, last"),
        ("combine(1, params, 1, last)", "combine(1, params, -1, last)"),
    ],
)
def test_a_loop_with_a_mistake_is_noticed(old, new):
    theirs, losses = scikit_learn(0.9, L2), ours(0.9, L2, old, new)
    assert not np.all(np.abs(losses / theirs - 1) < AGREE)


def test_with_batches_of_one_and_no_momentum_the_loop_is_that_of_optim_sgd():
    few, start = 30, layers.init(np.random.default_rng(1), (64, 3, 10))
    shapes = [part.shape for layer in start for part in layer]
    ends = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])

    def packed(params: Any) -> Any:
        return np.concatenate([np.ravel(part) for layer in params for part in layer])

    def unpacked(v: Any) -> Any:
        parts = [v[a:b].reshape(s) for a, b, s in zip(ends, ends[1:], shapes, strict=False)]
        return [layers.Layer(*parts[:2]), layers.Layer(*parts[2:])]

    def sample_grad(v: Any, i: int) -> Any:
        return packed(layers.loss_grad(unpacked(v), X[[i]], Y[[i]]))

    by_hwlib = optim.sgd(
        sample_grad, packed(start), few, step_size=ALPHA, rng=np.random.default_rng(5)
    )
    by_loop = load("train").train(start, X[:few], Y[:few], B=1, alpha=ALPHA, seed=5)
    for _ in range(3):
        np.testing.assert_allclose(packed(next(by_loop)), next(by_hwlib), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("alpha", [0.01, 0.3, 20.0])
def test_the_steps_on_separable_data_are_fewer_than_the_bound(seed, alpha):
    rng = np.random.default_rng(seed)
    features = polynomial.features(rng.uniform(-1.3, 1.3, 25)) * polynomial.NONLINEAR
    weights = rng.normal(size=7) * polynomial.NONLINEAR
    values = features @ weights
    y, v = np.where(values > 0, 1.0, -1.0), weights / np.abs(values).min()
    longest, made = np.sum(features**2, axis=1).max(), 0
    bound = (longest + 2 / alpha) * (v @ v)

    def counting(theta: Any, i: int) -> Any:
        nonlocal made
        slope = hinge.loss_grad(theta, features[[i]], y[[i]])
        made += int(slope.any())
        return slope

    epochs = optim.sgd(counting, np.zeros(7), 25, step_size=alpha, rng=rng)
    for theta in itertools.islice(epochs, 40):
        assert made < bound
        # The two numbers that the proof watches.
        assert v @ theta >= alpha * made * (1 - 1e-9)
        assert theta @ theta < made * (2 * alpha + alpha**2 * longest)


@pytest.mark.parametrize("kappa", [2.0, 30.0, 1000.0])
def test_no_other_constants_of_momentum_have_a_better_rate(kappa):
    root = (np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1)
    best = 4 / (1 + np.sqrt(kappa)) ** 2, root**2

    def rate(alpha: float, beta: float) -> float:
        ends = [np.roots([1, -(1 + beta - alpha * c), beta]) for c in (1.0, kappa)]
        return float(np.max(np.abs(ends)))

    assert rate(*best) == pytest.approx(root, abs=1e-6)  # of a double root, half the digits
    for a, b in itertools.product((0.9, 0.98, 1.0, 1.02, 1.1), repeat=2):
        assert rate(a * best[0], b * best[1]) > root - 1e-6
