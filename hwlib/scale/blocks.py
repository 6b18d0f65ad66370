"""One sum over the samples: block by block in the cache, on all cores, or on a cluster.

Knows callables, no model. ``loss_grad(X, y)`` returns a result: the loss of some samples, summed,
and its gradient, which is a number, an array, or a NamedTuple of those. A sum may be cut anywhere,
so the results of blocks, wherever they are computed, have the loss and the gradient of all
samples as their total (eq-scale-loss-blocks, eq-scale-grad-blocks)::

    total(in_blocks(loss_grad, X, y))  # one after the other
    total(on_cores(loss_grad, X, y))  # at the same time
    total(client.gather(client.map(loss_grad, Xs, ys)))  # on a cluster, with Dask

What belongs to no sample, such as a penalty, would be counted once a block: give each block its
share of it (eq-scale-penalty).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, reduce
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, Protocol, TypeGuard, TypeVar, cast

import numpy as np

from hwlib._arrays import Floats, Numbers, as_count, finite

NUMBA = find_spec("numba") is not None
"""Whether loops are compiled; without Numba the same functions work on NumPy."""

BLOCK = 8192
"""Samples in a block: 64 kB for each number of a sample; some ten of them fit in a cache."""

PARTS = 16
"""Parts that the cores share, at most; less than a block is not worth handing over."""


class Samples(Protocol):
    """What can be sliced along its first axis: an array, or what is read when it is asked for."""

    def __len__(self) -> int: ...
    def __getitem__(self, where: slice, /) -> Any: ...


Function = TypeVar("Function", bound=Callable[..., Any])
Grad = TypeVar("Grad")
Result = tuple[float, Grad]
LossGrad = Callable[[Any, Any], Result[Grad]]


def total(results: Iterable[Result[Grad]]) -> Result[Grad]:
    """Return the sum of results, added in their order: the same bits, wherever they come from.

    A `ValueError` is raised if gradients differ in shape, or a sum is not finite.
    """
    with np.errstate(all="ignore"):
        loss, grad = reduce(_plus, results)
    finite("the loss", loss)
    for field in grad if isinstance(grad, tuple) else (grad,):
        finite("the gradient", np.asarray(field))
    return float(loss), grad


def _plus(a: Any, b: Any) -> Any:
    if type(a) is float and type(b) is float:
        return a + b
    if isinstance(a, tuple) and len(a) == len(b):
        sums = map(_plus, a, b)
        return type(a)(*sums) if hasattr(a, "_fields") else tuple(sums)
    if np.shape(a) != np.shape(b):
        raise ValueError(f"gradients have shapes {np.shape(a)} and {np.shape(b)}; expected one")
    return np.add(a, b)


def in_blocks(
    loss_grad: LossGrad[Grad], X: Samples, y: Samples, block_size: int = BLOCK
) -> Iterator[Result[Grad]]:
    """Yield the result of one block of samples after the other; the last block has the rest."""
    size = as_count("block_size", block_size)
    n = _count(X, y)
    for start in range(0, n, size):
        block = slice(start, min(start + size, n))
        yield loss_grad(X[block], y[block])


def on_cores(loss_grad: LossGrad[Grad], X: Samples, y: Samples) -> list[Result[Grad]]:
    """Return the results of parts of the samples, which the cores share, in their order.

    A function that holds Python's lock, as most do, gains little; a compiled one lets go of it.
    The parts are the same on any number of cores. ``OMP_NUM_THREADS`` says how many to use.
    """
    n = _count(X, y)
    if n < 2 * BLOCK:
        return [loss_grad(X, y)]
    count = min(PARTS, 2 * (n // (2 * BLOCK)))  # even: many machines have two cores
    parts = [slice(*ends) for ends in pairwise(n * k // count for k in range(count + 1))]
    threads = min(cores(), count)

    def work(first: int) -> list[Result[Grad]]:
        return [loss_grad(X[part], y[part]) for part in parts[first::threads]]

    others = _pool(threads).map(work, range(1, threads))  # they start at once
    found = [work(0), *others]
    return [found[k % threads][k // threads] for k in range(count)]


def _count(X: Samples, y: Samples) -> int:
    """Return the number of samples."""
    if len(X) != len(y) or not len(X):
        raise ValueError(f"y has {len(y)} labels; expected one for each of {len(X)} samples")
    return len(X)


def cores() -> int:
    """Return the cores to use: OMP_NUM_THREADS, as in other libraries, or all there are."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if wanted.isdecimal() and int(wanted):
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads that stay: to start one takes longer than a sum over ten thousand samples."""
    return ThreadPoolExecutor(threads)


if hasattr(os, "register_at_fork"):  # a child process has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


def compiled(loop: Function, *, inline: bool = False) -> Function:
    """Return a function of numbers and arrays in machine code; as it is, if there is no Numba.

    If the variable ``NUMBA_CACHE_DIR`` names a folder, Numba keeps the machine code there.
    """
    if not NUMBA:
        return loop
    from numba import njit

    kept = "NUMBA_CACHE_DIR" in os.environ and os.path.exists(loop.__code__.co_filename)
    how: Any = "always" if inline else "never"
    machine_code = njit(nogil=True, error_model="numpy", inline=how, cache=kept)
    return cast(Function, machine_code(loop))


def is_ready(array: object) -> TypeGuard[Floats]:
    """Whether a compiled loop takes an array as it is; for other layouts it is compiled anew."""
    return type(array) is np.ndarray and array.dtype == np.float64 and array.flags.carray


def compiled_or_plain(
    loop: LossGrad[Grad], plain: LossGrad[Grad], X: Numbers, y: Numbers, n_inputs: int
) -> Result[Grad]:
    """Return the total of a compiled loop, or where it cannot say it, that of `plain`.

    The loss of the loop is not finite if it does not accept a number. Then `plain`, which checks
    everything, says what is wrong. It also takes other dtypes, and all where Numba is missing.
    """
    if y.ndim != 1 or X.shape != (len(y), n_inputs) or not len(y):
        return plain(X, y)  # raises
    if NUMBA and X.dtype == np.float64 and y.dtype in (np.float64, np.int64):
        # An array in a message from another process may begin at an odd address.
        X, y = (array if array.flags.aligned else array.copy() for array in (X, y))
        results = on_cores(loop, X, y)
        if all(math.isfinite(loss) for loss, _ in results):
            return total(results) if len(results) > 1 else results[0]
    return total(in_blocks(plain, X, y))
