"""Side by side, in one run: hwlib and its peers on the same data. `make bench` runs it."""

from __future__ import annotations

import tracemalloc
from functools import cache
from typing import Any

import pytest

from benchmarks.peers import SIZES, TASKS, Calls

NAMES = {
    "hinge loss and gradient": (
        "hwlib", "hwlib without Numba", "NumPy, all at once", "PyTorch", "JAX (jit)", "autograd",
        "X @ theta alone",
    ),
    "network loss and gradient": (
        "hwlib", "hwlib without Numba", "NumPy, all at once", "PyTorch", "JAX (jit)", "autograd",
    ),
    "one epoch of Algorithm 1": (
        "hwlib", "the same loop in Python", "hwlib.optim.sgd", "scikit-learn",
    ),
    "a full gradient check": ("hwlib", "PyTorch", "JAX (jit)", "autograd"),
}  # fmt: skip
CASES = [(task, n, name) for task in NAMES for n in SIZES for name in NAMES[task]]
TRACED = ("hwlib", "hwlib without Numba", "NumPy, all at once", "autograd")


@cache
def calls(task: str, n: int) -> Calls:
    return TASKS[task](n)


@pytest.mark.parametrize(("task", "n", "name"), CASES)
def test_speed(benchmark: Any, task: str, n: int, name: str) -> None:
    call = calls(task, n).get(name)
    if call is None:
        pytest.skip(f"{name} is not installed, or does not do this for n = {n}")
    benchmark.group = f"{task}, n = {n:,}"
    benchmark.extra_info |= {"task": task, "n": n, "name": name}
    if name in TRACED:
        tracemalloc.start()
        call()
        benchmark.extra_info["peak"] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    if task == "a full gradient check" and n == 10**6:  # a hundred losses and more in each
        benchmark.pedantic(call, rounds=2)
    else:
        benchmark(call)
