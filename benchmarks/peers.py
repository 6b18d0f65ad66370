"""The same computations in several libraries, on the same data, in float64.

`TASKS[task](n)` returns a dictionary from a library's name to a function without arguments. The
data are converted, functions are compiled, and the results compared with hwlib's, beforehand. A
library that is not installed is left out; `versions` names it.
"""

from __future__ import annotations

import importlib
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from typing import Any

import numpy as np

from hwlib import gradcheck, hinge, network, optim, polynomial, scale

THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))
SIZES = (1, 10**3, 10**5, 10**6)
Calls = dict[str, Callable[[], Any]]


def optional(name: str) -> Any:
    """Import a peer, if it is there."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


torch, jax, autograd = optional("torch"), optional("jax"), optional("autograd")
sklearn, numba = optional("sklearn.linear_model"), optional("numba")
if torch:
    torch.set_num_threads(THREADS)
if jax:
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
if autograd:
    import autograd.numpy as anp
    import autograd.test_util

MASK = polynomial.NONLINEAR
L2 = 0.1


def hinge_problem(n: int) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(n)
    X = polynomial.features(rng.uniform(-1.3, 1.3, n))
    return rng.normal(size=7), X, rng.choice([-1.0, 1.0], n)


def network_problem(n: int) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(n)
    params = network.init(rng)._replace(b_hidden=np.array([0.3, -0.2, 0.1]), b_out=0.2)
    return params, rng.uniform(-1, 1, (n, 2)), rng.integers(0, 2, n).astype(float)


# The two functions that chapter beyond_scale shows; tests/test_scale.py compares them.


def plain_hinge(theta, X, y):
    margin = y * (X @ (polynomial.NONLINEAR * theta))  # eq-margin
    active = margin < 1  # eq-hinge-active
    loss = np.sum(np.maximum(1 - margin, 0))  # eq-hinge-loss
    return loss, -polynomial.NONLINEAR * (X.T @ (active * y))  # eq-hinge-matrix


def plain_network(params, X, y):
    W, b, w_out, b_out = params
    z = X @ W + b  # eq-z-hidden
    a = np.maximum(z, 0)  # eq-relu
    t = (1 - 2 * y) * (a @ w_out + b_out)
    e = np.exp(-np.abs(t))  # the only exponential
    loss = np.sum(np.maximum(t, 0) + np.log1p(e))  # eq-scale-softplus
    delta_out = (1 - 2 * y) * np.where(t >= 0, 1, e) / (1 + e)  # eq-scale-delta
    D = np.outer(delta_out, w_out) * (z > 0)  # eq-delta-z-hidden
    return loss, network.Parameters(X.T @ D, D.sum(axis=0), a.T @ delta_out, delta_out.sum())


def penalized(params: Any, X: Any, y: Any) -> tuple[float, Any]:
    """plain_network with the penalty that all libraries compute here."""
    loss, grad = plain_network(params, X, y)
    W, w = params.W_hidden, params.w_out
    grad = grad._replace(W_hidden=grad.W_hidden + L2 * W, w_out=grad.w_out + L2 * w)
    return loss + L2 / 2 * (np.sum(W**2) + np.sum(w**2)), grad


def without_numba(call: Callable[..., Any], *at: Any) -> Any:
    """Call a function of hwlib as if Numba was not installed."""
    kept, scale.blocks.NUMBA = scale.blocks.NUMBA, False
    try:
        return call(*at)
    finally:
        scale.blocks.NUMBA = kept


def torch_hinge(theta: Any, X: Any, y: Any) -> Callable[[], Any]:
    at, mask, X, y = (torch.tensor(a) for a in (theta, MASK, X, y))
    at.requires_grad_()

    def call() -> Any:
        loss = torch.clamp(1 - y * (X @ (mask * at)), min=0).sum()
        return loss.item(), torch.autograd.grad(loss, at)[0]

    return call


def torch_network(params: Any, X: Any, y: Any) -> Callable[[], Any]:
    X, y = torch.tensor(X), torch.tensor(y)
    at = [torch.tensor(field, dtype=torch.float64, requires_grad=True) for field in params]

    def call() -> Any:
        z_out = torch.relu(X @ at[0] + at[1]) @ at[2] + at[3]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(z_out, y, reduction="sum")
        loss = loss + L2 / 2 * ((at[0] ** 2).sum() + (at[2] ** 2).sum())
        return loss.item(), torch.autograd.grad(loss, at)

    return call


def hinge_loss(xp: Any, theta: Any, X: Any, y: Any) -> Any:
    """For a library that has NumPy's names: xp is jax.numpy or autograd.numpy."""
    return xp.sum(xp.maximum(1 - y * xp.dot(X, MASK * theta), 0))


def network_loss(xp: Any, params: Any, X: Any, y: Any) -> Any:
    W, b, w, b_out = params
    z_out = xp.dot(xp.maximum(xp.dot(X, W) + b, 0), w) + b_out
    losses = xp.maximum(z_out, 0) - z_out * y + xp.log1p(xp.exp(-xp.abs(z_out)))
    return xp.sum(losses) + L2 / 2 * (xp.sum(W**2) + xp.sum(w**2))


def jax_call(loss: Any, at: Any, X: Any, y: Any) -> Callable[[], Any]:
    compiled = jax.jit(jax.value_and_grad(lambda at, X, y: loss(jnp, at, X, y)))
    at, X, y = jax.tree.map(jnp.asarray, (at, X, y))
    return lambda: jax.block_until_ready(compiled(at, X, y))


def autograd_call(loss: Any, at: Any, X: Any, y: Any) -> Callable[[], Any]:
    both = autograd.value_and_grad(lambda at: loss(anp, at, X, y))
    return lambda: both(at)


def gradients(n: int, problem: Any, ours: Any, plain: Any, by_torch: Any, loss: Any) -> Calls:
    at, X, y = problem(n)
    calls: Calls = {
        "hwlib": lambda: ours(at, X, y),
        "hwlib without Numba": lambda: without_numba(ours, at, X, y),
        "NumPy, all at once": lambda: plain(at, X, y),
    }
    if torch:
        calls["PyTorch"] = by_torch(at, X, y)
    if jax:
        calls["JAX (jit)"] = jax_call(loss, at, X, y)
    if autograd:
        calls["autograd"] = autograd_call(loss, list(at) if isinstance(at, tuple) else at, X, y)
    expected = numbers(calls["hwlib"]())
    for name, call in calls.items():
        got = numbers(call())
        if not np.allclose(got, expected, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(expected).max())):
            raise AssertionError(f"{name} computes something else: {got}, hwlib {expected}")
    return calls


def numbers(result: Any) -> Any:
    """Return loss and gradient as one vector."""
    loss, grad = result
    fields = grad if isinstance(grad, tuple | list) else [grad]
    return np.concatenate([[float(loss)], *(np.ravel(np.asarray(field)) for field in fields)])


def hinge_calls(n: int) -> Calls:
    calls = gradients(
        n, hinge_problem, scale.hinge.value_and_grad, plain_hinge, torch_hinge, hinge_loss
    )
    theta, X, _ = hinge_problem(n)
    return calls | {"X @ theta alone": lambda: X @ theta}


def network_calls(n: int) -> Calls:
    return gradients(
        n, network_problem, lambda *at: scale.network.value_and_grad(*at, L2), penalized,
        torch_network, network_loss,
    )  # fmt: skip


def epoch_calls(n: int) -> Calls:
    _, X, y = hinge_problem(n)
    zero, step = np.zeros(7), 0.01
    masked = X * MASK

    def by_sklearn() -> Any:
        model = sklearn.SGDClassifier(
            loss="hinge", penalty=None, learning_rate="constant", eta0=step, shuffle=False,
            fit_intercept=False, max_iter=1, tol=None,
        )  # fmt: skip
        if n == 1:  # a fit needs both labels
            return model.partial_fit(masked, y, classes=[-1.0, 1.0]).coef_[0]
        return model.fit(masked, y).coef_[0]

    def plain() -> Any:
        theta = zero.copy()
        scale.hinge.sgd_epoch(theta, X, y, np.arange(n), step)
        return theta

    calls: Calls = {"hwlib": lambda: next(scale.hinge.sgd(zero, X, y, step_size=step))}
    if n <= 10**5:
        calls["the same loop in Python"] = plain
    if n <= 10**3:
        calls["hwlib.optim.sgd"] = lambda: next(
            optim.sgd(lambda t, i: hinge.loss_grad(t, X[[i]], y[[i]]), zero, n, step_size=step)
        )
    if sklearn:
        calls["scikit-learn"] = by_sklearn
    for name, call in calls.items():
        exact = name in ("the same loop in Python", "scikit-learn")
        if not np.allclose(call(), calls["hwlib"](), rtol=0.0 if exact else 1e-9, atol=0.0):
            raise AssertionError(f"{name} has other coefficients")
    return calls


def lenient(check: Callable[..., None], at: Any) -> None:
    """Run a check in a random direction; it is timed, also where it fails at a kink."""
    with suppress(AssertionError):
        check(*at)


def check_calls(n: int) -> Calls:
    """A check of all 13 slopes of the network, at a point where none is refused."""
    params, X, y = network_problem(n)

    def ours() -> Any:
        return gradcheck.check_grad(
            lambda p: network.loss(p, X, y, L2), lambda p: network.loss_grad(p, X, y, L2), params
        )

    calls: Calls = {"hwlib": ours}
    if torch:
        Xt, yt = torch.tensor(X), torch.tensor(y)
        at = [torch.tensor(field, dtype=torch.float64, requires_grad=True) for field in params]

        def loss(*at: Any) -> Any:
            z_out = torch.relu(Xt @ at[0] + at[1]) @ at[2] + at[3]
            losses = torch.nn.functional.binary_cross_entropy_with_logits(
                z_out, yt, reduction="sum"
            )
            return losses + L2 / 2 * ((at[0] ** 2).sum() + (at[2] ** 2).sum())

        calls["PyTorch"] = lambda: torch.autograd.gradcheck(
            loss, at, raise_exception=False, rtol=1e-3
        )
    if jax:
        check = importlib.import_module("jax.test_util").check_grads
        Xj, yj, pj = jax.tree.map(jnp.asarray, (X, y, tuple(params)))
        compiled = jax.jit(lambda *at: network_loss(jnp, at, Xj, yj))
        calls["JAX (jit)"] = lambda: check(compiled, pj, 1, modes=["rev"], rtol=1e-3)
    if autograd:
        check_one = autograd.test_util.check_grads(
            lambda *at: network_loss(anp, at, X, y), modes=["rev"], order=1
        )
        calls["autograd"] = lambda: lenient(check_one, params)
    for call in calls.values():
        call()
    return calls


TASKS = {
    "hinge loss and gradient": hinge_calls,
    "network loss and gradient": network_calls,
    "one epoch of Algorithm 1": epoch_calls,
    "a full gradient check": check_calls,
}


def versions() -> list[str]:
    """Return what is compared, with versions, threads and the kernel that NumPy's BLAS runs."""
    lines = [f"Python {platform.python_version()}, NumPy {np.__version__}, {THREADS} thread(s)"]
    for name in ("torch", "jax", "autograd", "scikit-learn", "numba", "threadpoolctl"):
        try:
            lines.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{name}: not installed, left out")
    if threadpoolctl := optional("threadpoolctl"):
        pools = [p for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"]
        lines += [f"{p['internal_api']} {p['version']}, kernel {p['architecture']}" for p in pools]
    return lines
