"""hwlib and four other checks, each called as its documentation says, at its defaults, in float64.

=========  ==================================================================================
hwlib      ``check_grad(f, grad, x)``
PyTorch    ``torch.autograd.gradcheck(f, inputs)``: eps 1e-6, atol 1e-5, rtol 1e-3
JAX        ``check_grads(f, args, order=1, modes=["rev"])``, 64 bits on; its default asks for
           forward mode too, which a function with its own gradient (`custom_vjp`) has not
SciPy      ``check_grad(f, grad, x)`` returns the norm of the difference; passed is at most 1e-6
autograd   ``check_grads(f, argnums, modes=["rev"], order=1)(*args)``; its defaults ask for second
           derivatives too, which the gradient under test has not
=========  ==================================================================================

The last four differentiate what they are given, so that the gradient under test is made a rule of
the library: `torch.autograd.Function`, `jax.custom_vjp`, autograd's `defvjp`.
"""

from __future__ import annotations

import importlib
import importlib.util
import time
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from benchmarks.wrong_gradients.case import Case, leaves, like
from hwlib.gradcheck import check_grad

SCIPY_THRESHOLD = 1e-6
PASSED, WEAK, REJECTED = "passed", "weak", "rejected"


class Found(NamedTuple):
    """What a check says: verdict, the kind of mistake it names, seconds, an error's text."""

    verdict: str
    named: str = ""
    seconds: float | None = None
    text: str = ""


def vector(x: Any) -> Any:
    return np.concatenate([np.ravel(leaf).astype(float) for leaf in leaves(x)])


def copied(case: Case) -> Any:
    """The point, in arrays that no other check has touched."""
    return like(case.x, [np.array(leaf, dtype=float)[()] for leaf in leaves(case.x)])


def hwlib(case: Case) -> Callable[[], tuple[str, str]]:
    def call() -> tuple[str, str]:
        report = check_grad(lambda x: case.f(np, x), case.grad, x)
        if not report.passed:
            families = [finding.family for finding in report.diagnosis]
            return REJECTED, next((family for family in families if family != "unknown"), "")
        return (WEAK if report.weak else PASSED), ""

    x = copied(case)
    return call


def scipy(case: Case) -> Callable[[], tuple[str, str]]:
    optimize = importlib.import_module("scipy.optimize")
    parts = leaves(case.x)
    ends = np.cumsum([part.size for part in parts])[:-1]

    def point(v: Any) -> Any:
        if case.x is not None and isinstance(case.x, np.ndarray) and case.x.ndim == 1:
            return v
        pieces = np.split(v, ends)
        return like(case.x, [p.reshape(q.shape)[()] for p, q in zip(pieces, parts, strict=True)])

    x = vector(case.x)

    def call() -> tuple[str, str]:
        error = optimize.check_grad(
            lambda v: float(case.f(np, point(v))), lambda v: vector(case.grad(point(v))), x
        )
        return (PASSED if error <= SCIPY_THRESHOLD else REJECTED), ""  # NaN is rejected

    return call


def torch(case: Case) -> Callable[[], tuple[str, str]]:
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)

    def tensors(a: Any, b: Any) -> Any:
        return a, torch.as_tensor(b, dtype=a.dtype)

    names = ("sum", "exp", "log", "log1p", "sqrt", "sin", "cos", "tanh", "abs", "mean", "where",
             "max", "min", "round")  # fmt: skip
    xp = SimpleNamespace(
        **{name: getattr(torch, name) for name in names},
        array=torch.as_tensor, single=lambda t: t.to(torch.float32),
        maximum=lambda a, b: torch.maximum(*tensors(a, b)),
        minimum=lambda a, b: torch.minimum(*tensors(a, b)),
    )  # fmt: skip

    class Given(torch.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, *parts: Any) -> Any:
            ctx.parts = parts
            return torch.as_tensor(case.f(xp, like(case.x, [part.detach() for part in parts])))

        @staticmethod
        def backward(ctx: Any, up: Any) -> Any:
            at = like(case.x, [part.detach().numpy()[()] for part in ctx.parts])
            return tuple(up * torch.as_tensor(np.array(g, float)) for g in leaves(case.grad(at)))

    inputs = tuple(torch.tensor(leaf, requires_grad=True) for leaf in leaves(copied(case)))

    def call() -> tuple[str, str]:
        right = torch.autograd.gradcheck(Given.apply, inputs, raise_exception=False)
        return (PASSED if right else REJECTED), ""

    return call


def jax(case: Case) -> Callable[[], tuple[str, str]]:
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    check_grads = importlib.import_module("jax.test_util").check_grads
    shapes = [jax.ShapeDtypeStruct(leaf.shape, np.float64) for leaf in leaves(case.x)]

    def by_hand(*parts: Any) -> Any:
        at = like(case.x, [np.array(part, float)[()] for part in parts])
        return [np.array(g, float) for g in leaves(case.grad(at))]

    given = jax.custom_vjp(lambda *parts: case.f(jax.numpy, like(case.x, parts)))
    given.defvjp(
        lambda *parts: (given(*parts), parts),
        lambda parts, up: tuple(up * g for g in jax.pure_callback(by_hand, shapes, *parts)),
    )
    parts = tuple(jax.numpy.asarray(leaf) for leaf in leaves(copied(case)))

    def call() -> tuple[str, str]:
        check_grads(given, parts, order=1, modes=["rev"])
        return PASSED, ""

    return call


def autograd(case: Case) -> Callable[[], tuple[str, str]]:
    extend = importlib.import_module("autograd.extend")
    check_grads = importlib.import_module("autograd.test_util").check_grads

    def value(*parts: Any) -> Any:
        return np.float64(case.f(np, like(case.x, parts)))

    def rule(k: int) -> Callable[..., Any]:
        return lambda ans, *parts: (
            lambda up: up * np.asarray(leaves(case.grad(like(case.x, parts)))[k], float)
        )

    given = extend.primitive(value)
    parts = [leaf[()] for leaf in leaves(copied(case))]
    extend.defvjp(given, *(rule(k) for k in range(len(parts))))
    argnums = tuple(range(len(parts))) if len(parts) > 1 else 0  # by default the first alone

    def call() -> tuple[str, str]:
        np.random.seed(0)  # noqa: NPY002  # autograd draws its directions from this one
        check_grads(given, argnums, modes=["rev"], order=1)(*parts)
        return PASSED, ""

    return call


CHECKS = {"hwlib": hwlib, "PyTorch": torch, "JAX": jax, "SciPy": scipy, "autograd": autograd}
MODULES = {"PyTorch": "torch", "JAX": "jax", "SciPy": "scipy", "autograd": "autograd"}


def run(name: str, case: Case, rounds: int = 1) -> Found:
    """Return what a check says of a case; of several rounds, the first verdict, the last time."""
    if name in case.not_for:
        return Found("not applicable", text=case.not_for[name])
    verdicts, seconds = [], 0.0
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for _ in range(rounds):
            call = CHECKS[name](case)
            start = time.perf_counter()
            verdicts.append(_verdict(call))
            seconds = time.perf_counter() - start
    verdict, named, text = verdicts[0]
    return Found(verdict, named, seconds, text)


def _verdict(call: Callable[[], tuple[str, str]]) -> tuple[str, str, str]:
    try:
        return (*call(), "")
    except AssertionError as error:  # how JAX and autograd reject
        return REJECTED, "", str(error)
    except Exception as error:
        return "error", "", f"{type(error).__name__}: {error}"


def present() -> list[str]:
    """Return the checks that are installed."""
    return [name for name in CHECKS if name not in MODULES or _installed(MODULES[name])]


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
