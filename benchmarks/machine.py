"""What the machine can do, and how the cost of a step of the network grows: writes `scale.csv`.

All times are the fastest of many rounds. The rounds of the things compared take turns, so that a
disturbance of the machine hits all of them; and so do the passes over all that is measured. Each
thing is measured in one place, so that the table cannot disagree with itself.
"""

from __future__ import annotations

import csv
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import parts
from benchmarks.parts import turned_network
from benchmarks.peers import network_problem, plain_network
from benchmarks.stopwatch import fastest, settle
from hwlib import scale
from hwlib.network import Parameters
from hwlib.scale.blocks import BLOCK, compiled, in_blocks, on_cores, total

HERE = Path(__file__).parent
PASSES = int(os.environ.get("PASSES", "3"))
LARGEST, BLOCKS = 10**7, [2**8, 2**10, BLOCK, 2**16, 2**19]
FIELDS = ["kind", "name", "n", "block", "threads", "seconds", "work"]
Row = dict[str, Any]


# The loop that chapter beyond_scale shows; tests/test_scale.py compares them.


def loop_network(params, X, y):
    W, b, w_out, b_4 = params
    loss, dW, db, dw_out, db_4 = 0.0, 0 * W, 0 * b, 0 * w_out, 0.0
    a = np.zeros(len(b))
    for s in range(len(X)):
        z_4 = b_4
        for j in range(len(b)):
            z = b[j]
            for i in range(X.shape[1]):
                z += X[s, i] * W[i, j]  # eq-z-hidden
            a[j] = max(z, 0.0)  # eq-relu
            z_4 += a[j] * w_out[j]  # eq-z-out
        sign = 1 - 2 * y[s]
        e = math.exp(-abs(z_4))  # eq-scale-q
        loss += max(sign * z_4, 0.0) + math.log1p(e)  # eq-scale-softplus
        delta = sign * (1.0 if sign * z_4 >= 0 else e) / (1 + e)  # eq-scale-delta
        db_4 += delta
        for j in range(len(b)):
            dw_out[j] += delta * a[j]  # eq-batch-grad-w-out
            delta_z = delta * w_out[j] * (a[j] > 0)  # eq-batch-delta
            db[j] += delta_z
            for i in range(X.shape[1]):
                dW[i, j] += delta_z * X[s, i]  # eq-batch-grad-w-hidden
    return loss, Parameters(dW, db, dw_out, db_4)


fast_network = compiled(loop_network)


def machine() -> Iterator[Row]:
    far, near, one = np.ones(6 * 10**7), np.ones((BLOCK, 7)), np.ones(1)
    middle, order = np.ones(2 * 10**6), np.random.default_rng(0).permutation(2 * 10**7)
    after = np.empty_like(order)
    after[order], place = np.roll(order, -1), np.zeros(1, dtype=int)
    A, angles = np.ones((512, 512)), -np.abs(np.random.default_rng(0).normal(size=BLOCK))
    dots = {threads: partial(on, threads, read, far) for threads in (1, 2)}
    found = [
        ("read from memory", 1, dots[1], far.nbytes),
        ("read from memory", 2, dots[2], far.nbytes),
        ("read from a cache", 1, lambda: [np.vdot(near, near) for _ in range(100)],
         100 * near.nbytes),
        ("read from a shared cache", 1, lambda: np.vdot(middle, middle), middle.nbytes),
        ("read at random places", 1, lambda: follow(after, place, BLOCK), BLOCK),
        ("multiply and add", 1, lambda: A @ A, 2 * 512**3),
        ("exponentials, compiled", 1, lambda: exponentials(angles), BLOCK),
        ("exponentials and logarithms, compiled", 1, lambda: logarithms(angles), BLOCK),
        ("exponentials, NumPy", 1, lambda: np.exp(angles), BLOCK),
        ("exponentials and logarithms, NumPy", 1, lambda: np.log1p(np.exp(angles)), BLOCK),
        ("calls of NumPy", 1, lambda: [np.add(one, one) for _ in range(100)], 100),
    ]  # fmt: skip
    times = fastest({row[:2]: row[2] for row in found}, now=time.perf_counter)
    for name, threads, _, work in found:
        seconds = times[name, threads]
        yield {
            "kind": "machine", "name": name, "threads": threads, "seconds": seconds, "work": work,
        }  # fmt: skip


@compiled
def exponentials(angles: Any) -> float:
    found = 0.0
    for angle in angles:
        found += math.exp(angle)
    return found


@compiled
def logarithms(angles: Any) -> float:
    found = 0.0
    for angle in angles:
        found += math.log1p(math.exp(angle))
    return found


@compiled
def follow(after: Any, place: Any, steps: int) -> None:
    """Each number says where the next one is; the next call goes on from there."""
    for _ in range(steps):
        place[0] = after[place[0]]


def read(far: Any) -> Any:
    """Read all numbers, as many threads at once as `on` says."""
    return on_cores(lambda X, y: (float(np.vdot(X, X)), 0.0), far, far)


def growth(largest: int = LARGEST) -> Iterator[Row]:
    """From one sample to ten million, on one core."""
    most = {
        "a loop in Python": (loop_network, 10**4), "NumPy, all at once": (plain_network, largest),
        "NumPy, units in rows": (turned_network, largest),
        "compiled": (fast_network, largest),
        "compiled, one logarithm for many": (scale.network.value_and_grad, largest),
    }  # fmt: skip
    settle()
    params, X, y = network_problem(largest)
    sizes = {f * 10**k for k in range(8) for f in (1, 3) if f * 10**k <= largest}
    for n in sorted(sizes | {*BLOCKS}):
        here = {
            name: partial(function, params, X[:n], y[:n])
            for name, (function, limit) in most.items()
            if n <= limit
        }
        for name, seconds in fastest(here, 1.0).items():
            yield {"kind": "growth", "name": name, "n": n, "threads": 1, "seconds": seconds}


def block_sizes(n: int = LARGEST) -> Iterator[Row]:
    """Ten million samples in blocks, on one core; and as often the same block again."""
    settle()
    params, X, y = network_problem(n)
    plain, turned = partial(plain_network, params), partial(turned_network, params)
    calls: dict[Any, Callable[[], Any]] = {}
    for B in BLOCKS:
        calls["NumPy, in blocks", B] = partial(in_turn, plain, X, y, B)
        calls["NumPy, the same block again", B] = partial(again, plain, X[:B], y[:B], n)
        calls["NumPy, units in rows, in blocks", B] = partial(in_turn, turned, X, y, B)
    for (name, size), seconds in fastest(calls, 4.0).items():
        yield {
            "kind": "block", "name": name, "n": n, "block": size, "threads": 1, "seconds": seconds,
        }  # fmt: skip


def in_turn(loss_grad: Callable[..., Any], X: Any, y: Any, size: int) -> Any:
    return total(in_blocks(loss_grad, X, y, size))


def again(loss_grad: Callable[..., Any], X: Any, y: Any, n: int) -> Any:
    """As many samples as n, but all in the cache after the first block."""
    return total(loss_grad(X, y) for _ in range(math.ceil(n / len(X))))


def cores(n: int = LARGEST) -> Iterator[Row]:
    """The same on two cores; for one core it stands under growth and block."""
    at = params, X, y = network_problem(n)
    plain, loop = partial(plain_network, params), partial(fast_network, params)
    times = fastest({
        "NumPy, in blocks": partial(on, 2, parts_in_blocks, plain, X, y),
        "compiled": partial(on, 2, lambda: total(on_cores(loop, X, y))),
        "compiled, one logarithm for many": partial(on, 2, scale.network.value_and_grad, *at),
    }, now=time.perf_counter)  # fmt: skip
    times["NumPy, in blocks, two programs"] = parts.two_programs(n)
    for name, seconds in times.items():
        yield {
            "kind": "cores", "name": name, "n": n, "block": BLOCK if "NumPy" in name else "",
            "threads": 2, "seconds": seconds,
        }  # fmt: skip


def parts_in_blocks(loss_grad: Callable[..., Any], X: Any, y: Any) -> Any:
    """NumPy, shared out as the compiled loops are; each part goes block by block."""
    return total(on_cores(lambda X, y: total(in_blocks(loss_grad, X, y)), X, y))


def on(threads: int, call: Callable[..., Any], *at: Any) -> Any:
    """Call a function of hwlib with that many threads."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        return call(*at)
    finally:
        os.environ["OMP_NUM_THREADS"] = "1"


PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "machine": machine, "growth": growth, "block": block_sizes, "cores": cores,
    "line": partial(parts.lines, LARGEST), "apart": partial(parts.apart, loop_network, LARGEST),
}  # fmt: skip


def measured(passes: int, kinds: Iterable[str] = PARTS) -> list[Row]:
    """Return the rows of these kinds, each with its fastest round of all passes."""
    found: dict[tuple[Any, ...], Row] = {}
    for _ in range(passes):
        for kind in kinds:
            for row in PARTS[kind]():
                key = tuple(row.get(field) for field in FIELDS[:5])
                before = found.get(key, row)
                found[key] = min(before, row, key=lambda each: each["seconds"])
    return list(found.values())


def main(kinds: list[str]) -> None:
    """Measure all kinds of rows, or those that are named, and keep the others."""
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        raise SystemExit("NumPy's own threads would be measured, too: use `make bench`")
    table = HERE / "scale.csv"
    with table.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if kinds and row["kind"] not in kinds]
    for row in measured(PASSES, kinds or PARTS):
        rows.append(row | {"seconds": f"{row['seconds']:.3e}"})
        print(*(f"{key} {value}" for key, value in row.items()), file=sys.stderr)
    rows.sort(key=lambda row: list(PARTS).index(row["kind"]))
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
