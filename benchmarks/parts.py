"""Where the time of a step goes: line by line, call by call, and with parts taken away."""

from __future__ import annotations

import ast
import ctypes
import inspect
import multiprocessing
import os
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from benchmarks.peers import network_problem, plain_network
from benchmarks.stopwatch import clock, fastest, settle
from hwlib import network
from hwlib.scale.blocks import BLOCK, compiled, in_blocks, total

Row = dict[str, Any]


# plain_network with a row for each unit, as chapter beyond_scale shows it; see tests/test_scale.py.


def turned_network(params, X, y):
    W, b, w_out, b_out = params
    z = W.T @ X.T + b[:, None]  # eq-z-hidden
    a = np.maximum(z, 0)  # eq-relu
    t = (1 - 2 * y) * (w_out @ a + b_out)
    e = np.exp(-np.abs(t))  # eq-scale-q
    loss = np.sum(np.maximum(t, 0) + np.log1p(e))  # eq-scale-softplus
    delta_out = (1 - 2 * y) * np.where(t >= 0, 1, e) / (1 + e)  # eq-scale-delta
    D = np.outer(w_out, delta_out) * (z > 0)  # eq-batch-delta
    return loss, network.Parameters((D @ X).T, D.sum(axis=1), a @ delta_out, delta_out.sum())


def lines_of(function: Callable[..., Any]) -> list[str]:
    """Return the lines that compute something; each part of the gradient is one."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    _, *assigned, returned = definition.body  # type: ignore[attr-defined]
    return [ast.unparse(node) for node in (*assigned, *returned.value.elts[1].args)]


def profile(function: Callable[..., Any], params: Any, X: Any, y: Any, size: int) -> dict[str, Any]:
    """Return the seconds of each line, in a pass through all samples in blocks."""
    codes = {line: compile(line, line, "exec") for line in lines_of(function)}
    spent = dict.fromkeys(codes, 0.0)
    for start in range(0, len(X), size):
        part = slice(start, start + size)
        names = {"np": np, "X": X[part], "y": y[part]}
        names |= dict(zip(("W", "b", "w_out", "b_out"), params, strict=True))
        for line, code in codes.items():
            begin = time.process_time()
            exec(code, names)
            spent[line] += time.process_time() - begin
    return spent


def lines(n: int) -> Iterator[Row]:
    """Two functions line by line: of all passes, the one with the least sum."""
    settle()
    params, X, y = network_problem(n)
    for function, size in ((plain_network, n), (plain_network, BLOCK), (turned_network, BLOCK)):
        rounds = [profile(function, params, X, y, size) for _ in range(5)]
        for line, seconds in min(rounds, key=lambda spent: sum(spent.values())).items():
            yield {
                "kind": "line", "name": f"{function.__name__}: {line}", "n": n, "threads": 1,
                "block": size if size < n else "", "seconds": seconds,
            }  # fmt: skip
    yield from calls()


def calls(n: int = BLOCK) -> Iterator[Row]:
    """Three calls whose inner loop runs over a number for each unit, or one for each sample."""
    params, X, _ = network_problem(n)
    _, b, w, _ = params
    z, d = X @ params.W_hidden, X[:, 0].copy()
    turned = np.ascontiguousarray(z.T)
    times = fastest({
        "z + b": lambda: z + b, "np.outer(d, w)": lambda: np.outer(d, w),
        "D.sum(axis=0)": lambda: z.sum(axis=0),
        "z + b[:, None]": lambda: turned + b[:, None], "np.outer(w, d)": lambda: np.outer(w, d),
        "D.sum(axis=1)": lambda: turned.sum(axis=1), "np.ones(len(D)) @ D": lambda: np.ones(n) @ z,
    })  # fmt: skip
    for name, seconds in times.items():
        yield {"kind": "line", "name": name, "n": n, "threads": 1, "seconds": seconds}


def apart(loop: Callable[..., Any], n: int) -> Iterator[Row]:
    """What is left of a pass if a part of its work, or of its setting, is taken away."""
    params, X, y = network_problem(n)
    source = inspect.getsource(loop).replace("math.exp(-abs(z_4))", "abs(z_4)")
    names = dict(inspect.getmodule(loop).__dict__)  # type: ignore[union-attr]
    exec(source.replace("math.log1p(e)", "e"), names)
    times = fastest({
        "compiled, without exp and log": partial(compiled(names[loop.__name__]), params, X, y),
        "compiled, without exp and log, sums in variables": partial(variables, params, X, y),
    })  # fmt: skip
    for name, seconds in times.items():
        yield {"kind": "apart", "name": name, "n": n, "threads": 1, "seconds": seconds}
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), keep_memory) as pool:
        for few in (BLOCK, 2**16, n // 10, n):
            seconds = pool.submit(kept, few).result()
            yield {
                "kind": "apart", "name": "NumPy, all at once, memory kept", "n": few, "threads": 1,
                "seconds": seconds,
            }  # fmt: skip


@compiled
def variables(params: Any, X: Any, y: Any) -> float:
    """The loop for two inputs and three units, each sum and weight in a variable of its own."""
    W, b, w, b_4 = params
    u0, u1, u2, v0, v1, v2 = W[0, 0], W[0, 1], W[0, 2], W[1, 0], W[1, 1], W[1, 2]
    b0, b1, b2, w0, w1, w2 = b[0], b[1], b[2], w[0], w[1], w[2]
    loss = d4 = p0 = p1 = p2 = q0 = q1 = q2 = r0 = r1 = r2 = s0 = s1 = s2 = 0.0
    for s in range(len(X)):
        x0, x1 = X[s, 0], X[s, 1]
        a0 = max(b0 + x0 * u0 + x1 * v0, 0.0)
        a1 = max(b1 + x0 * u1 + x1 * v1, 0.0)
        a2 = max(b2 + x0 * u2 + x1 * v2, 0.0)
        z = b_4 + a0 * w0 + a1 * w1 + a2 * w2
        sign, e = 1 - 2 * y[s], abs(z)
        loss += max(sign * z, 0.0) + e
        d = sign * (1.0 if sign * z >= 0 else e) / (1 + e)
        d4, p0, p1, p2 = d4 + d, p0 + d * a0, p1 + d * a1, p2 + d * a2
        c0, c1, c2 = d * w0 * (a0 > 0), d * w1 * (a1 > 0), d * w2 * (a2 > 0)
        q0, q1, q2 = q0 + c0, q1 + c1, q2 + c2
        r0, r1, r2 = r0 + c0 * x0, r1 + c1 * x0, r2 + c2 * x0
        s0, s1, s2 = s0 + c0 * x1, s1 + c1 * x1, s2 + c2 * x1
    return loss + d4 + p0 + p1 + p2 + q0 + q1 + q2 + r0 + r1 + r2 + s0 + s1 + s2


def keep_memory() -> None:
    """Let the process keep what it has freed: M_MMAP_MAX and M_TRIM_THRESHOLD of glibc."""
    glibc = ctypes.CDLL(None)
    if not (glibc.mallopt(-4, 0) and glibc.mallopt(-1, -1)):
        raise OSError("mallopt does not know these options")


def kept(n: int) -> float:
    params, X, y = network_problem(n)
    return fastest({"": partial(plain_network, params, X, y)})[""]


def two_programs(n: int) -> float:
    """Return the time of NumPy in blocks if each half of the samples has a program of its own."""
    params, X, y = network_problem(n)
    reading, writing = os.pipe()
    for core in (0, 1):
        if not os.fork():
            os.sched_setaffinity(0, {core})
            half = slice(core * n // 2, (core + 1) * n // 2)
            os.write(writing, f"{in_blocks_alone(params, X[half], y[half]):<20}".encode())
            os._exit(0)
    for _ in range(2):
        os.wait()
    return max(float(os.read(reading, 20)) for _ in range(2))


def in_blocks_alone(params: Any, X: Any, y: Any) -> float:
    loss_grad = partial(plain_network, params)
    return min([clock(lambda: total(in_blocks(loss_grad, X, y))) for _ in range(8)][1:])
