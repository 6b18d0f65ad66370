"""What the machine can do, how large a block should be, how cost grows: writes `scale.csv`.

All times are the fastest of many rounds. The rounds of the things compared take turns, so that a
disturbance of the machine hits all of them.
"""

from __future__ import annotations

import csv
import os
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import MASK, hinge_problem, network_problem, plain_hinge, plain_network
from hwlib import polynomial, scale
from hwlib.scale.blocks import BLOCK, in_blocks, on_cores, total

HERE = Path(__file__).parent
FLOPS = 4 * 7 + 6  # of a sample: two products with x, and six numbers more
BYTES = 8 * 8  # of a sample: x and y, read once
Row = dict[str, Any]


def fastest(calls: dict[Any, Callable[[], Any]], seconds: float = 4.0) -> dict[Any, float]:
    """Return the fastest time of each call."""
    times = {key: [clock(call)] for key, call in calls.items()}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or min(map(len, times.values())) < 4:
        for key, call in calls.items():
            times[key].append(clock(call))
    return {key: min(found[1:]) for key, found in times.items()}


def clock(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def peak(call: Callable[[], Any]) -> int:
    tracemalloc.start()
    call()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def loop_hinge(theta: Any, X: Any, y: Any) -> tuple[float, Any]:
    """The formulas with a loop for each index."""
    loss, grad = 0.0, [0.0] * 7
    for x, label in zip(X.tolist(), y.tolist(), strict=True):
        margin = label * sum(MASK[j] * theta[j] * x[j] for j in range(7))
        if margin < 1:
            loss += 1 - margin
            for j in range(7):
                grad[j] -= MASK[j] * label * x[j]
    return loss, np.array(grad)


def machine() -> Iterator[Row]:
    far, near = np.ones(10**7), np.ones((BLOCK, 7))
    A = np.ones((512, 512))
    times = fastest({
        "read from memory": lambda: np.vdot(far, far),
        "read from a cache": lambda: [np.vdot(near, near) for _ in range(100)],
        "multiply and add": lambda: A @ A,
    })  # fmt: skip
    for name, work in zip(times, (far.nbytes, 100 * near.nbytes, 2 * 512**3), strict=True):
        yield {"kind": "machine", "name": name, "seconds": times[name], "work": work}


def block_sizes(n: int = 10**6) -> Iterator[Row]:
    theta, X, y = hinge_problem(n)
    sizes = [2**k for k in range(8, 20)] + [n]
    plain = partial(plain_hinge, theta)
    times = fastest({B: lambda B=B: total(in_blocks(plain, X, y, B)) for B in sizes}, 20.0)
    for size, seconds in times.items():
        yield {"kind": "block", "name": "NumPy, in blocks", "n": n, "x": size, "seconds": seconds}


def growth(largest: int = 10**7) -> Iterator[Row]:
    most = {"a loop in Python": 10**5, "NumPy, all at once": largest, "hwlib": largest}
    functions = {
        "a loop in Python": loop_hinge, "NumPy, all at once": plain_hinge,
        "hwlib": scale.hinge.value_and_grad,
    }  # fmt: skip
    for n in (10**k for k in range(8) if 10**k <= largest):
        problem = hinge_problem(n)
        calls = {name: partial(functions[name], *problem) for name in most if n <= most[name]}
        for name, seconds in fastest(calls).items():
            yield {
                "kind": "growth", "name": name, "n": n, "seconds": seconds,
                "peak_bytes": peak(calls[name]),
            }  # fmt: skip


def cores(n: int = 10**6) -> Iterator[Row]:
    """One core and all of them, for NumPy in blocks and for the compiled loops."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for task, problem, plain, ours in (
        ("hinge", hinge_problem, plain_hinge, scale.hinge.value_and_grad),
        ("network", network_problem, plain_network, scale.network.value_and_grad),
    ):
        at, X, y = problem(n)
        calls = {
            (f"{task}, {name}", threads): partial(on, threads, call)
            for threads in (1, count or 1)
            for name, call in (
                ("NumPy in blocks", partial(parts_in_blocks, partial(plain, at), X, y)),
                ("compiled", partial(ours, at, X, y)),
            )
        }
        for (name, threads), seconds in fastest(calls, 8.0).items():
            yield {"kind": "cores", "name": name, "n": n, "x": threads, "seconds": seconds}


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


def on_dask(largest: int = 10**8, chunk: int = 500_000) -> Iterator[Row]:
    """Samples that the workers draw, add up and forget; 2 workers with 1 GB each."""
    import dask
    import dask.array as da
    from dask.distributed import Client, LocalCluster

    loss_grad = dask.delayed(partial(scale.hinge.value_and_grad, hinge_problem(1)[0]))
    options = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": "1GB"}
    with LocalCluster(**options, dashboard_address=":0") as cluster, Client(cluster) as client:
        for n in (10**k for k in range(5, 9) if 10**k <= largest):
            rng = da.random.default_rng(1)
            u = rng.uniform(-1.3, 1.3, size=n, chunks=min(n, chunk))
            X = u.map_blocks(
                polynomial.features, new_axis=1, chunks=(u.chunks[0], (7,)), dtype=float
            )
            y = da.where(abs(u) > 0.7, 1.0, -1.0)
            chunks = list(zip(X.to_delayed().ravel(), y.to_delayed(), strict=True))

            def task(chunks: Any = chunks) -> Any:
                return total(dask.compute(*(loss_grad(*chunk) for chunk in chunks)))

            seconds = min(clock(task) for _ in range(3 if n < 10**8 else 1))
            yield {
                "kind": "growth", "name": "Dask", "n": n, "seconds": seconds,
                "peak_bytes": max(client.run(worker_peak).values()),
            }  # fmt: skip


def worker_peak() -> int:
    """Return the most memory that this process has had; its parent's does not count."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def main() -> None:
    if hasattr(os, "sched_setaffinity"):  # taken back from peers: Dask has two workers
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    fields = ["kind", "name", "n", "x", "seconds", "work", "peak_bytes"]
    parts = (machine, block_sizes, growth, cores, on_dask)
    found = [row for part in parts for row in part()]
    with (HERE / "scale.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        for row in found:
            writer.writerow(row | {"seconds": f"{row['seconds']:.3e}"})
            print(*(f"{key} {value}" for key, value in row.items()), file=sys.stderr)


if __name__ == "__main__":
    main()
