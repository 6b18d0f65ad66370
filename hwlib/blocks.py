"""One sum over the samples: block by block in the cache, on all cores, or on a cluster.

Knows callables, no model. A loss is a sum over samples, and so is its gradient: the sums of any
parts of the samples add up to the sum of all (eq-scale-loss-blocks, eq-scale-grad-blocks).
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache, reduce
from itertools import pairwise
from typing import Any

import numpy as np

from hwlib._arrays import (
    FLOAT64,
    Floats,
    Layout,
    all_finite,
    as_callable,
    as_count,
    as_float,
    as_floats,
    as_shaped,
    finite,
    matmul,
)

BLOCK = 8192
"""Samples in a block: 64 kB for each number a sample needs; some ten of them fit in a cache."""

PARTS = 16
"""Parts that the cores share at most; less than a block is not worth handing over."""

INT64 = np.dtype(np.int64)
Sums = tuple[Any, ...]


def sum_over_blocks(
    loss_grad: Callable[[Any, Any], tuple[Any, Any]], X: Any, y: Any, block_size: int = BLOCK
) -> tuple[float, Any]:
    """Return the loss and the gradient of all samples, from those of one block after the other.

    Parameters
    ----------
    loss_grad : callable
        ``loss_grad(X, y)`` returns the loss of some samples, summed, and its gradient: a float,
        an array, or a NamedTuple of those. What it does not sum over samples, such as a penalty,
        would be counted once a block. Give each block its share, as stochastic descent does:
        ``network.value_and_grad(params, X, y, l2 * len(X) / n)``.
    X : array_like, shape (n, ...)
        Sliced in its first axis only, so that an array on disk is read block by block.
    y : array_like, shape (n, ...)
    block_size : int, default 8192
        Samples in a block, at least 1; the last block has the rest.

    Returns
    -------
    loss : float
    grad
        Of the kind that `loss_grad` returns.

    Raises
    ------
    ValueError
        If an argument is refused, `loss_grad` returns anything but finite numbers of the same
        shapes for each block, or a sum is too large for a float64.

    Notes
    -----
    Implements eq-scale-loss-blocks and eq-scale-grad-blocks. The blocks are added in their order.
    """
    as_callable("loss_grad", loss_grad)
    X, y = _as_samples(X, y)
    size = as_count("block_size", block_size)
    starts = range(0, len(X), size)
    return _add_up(lambda: (loss_grad(X[at : at + size], y[at : at + size]) for at in starts))


def show_progress(done: int, count: int) -> None:
    """Write how many blocks are done on the line of the terminal."""
    sys.stderr.write(f"\r{done} of {count} blocks" + "\n" * (done == count))
    sys.stderr.flush()


@contextmanager
def cluster(address: str | None = None, **options: Any) -> Iterator[Any]:
    """Connect to a Dask cluster, or start one on this machine, for the time of a ``with``.

    Parameters
    ----------
    address : str, optional
        Of the scheduler of a cluster that runs, such as ``"tcp://10.0.0.1:8786"``. Without it a
        ``dask.distributed.LocalCluster`` is started, and ended after use.
    **options
        For ``dask.distributed.LocalCluster``. By default 2 workers, processes of one thread each;
        ``memory_limit="1GB"`` is what each may use.

    Yields
    ------
    dask.distributed.Client

    Notes
    -----
    Needs the extra ``cluster``. In a script, call it below ``if __name__ == "__main__":``, since
    each worker reads the script again.
    """
    from dask.distributed import Client, LocalCluster

    local = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"} | options
    with ExitStack() as stack:
        at = address if address is not None else stack.enter_context(LocalCluster(**local))
        yield stack.enter_context(Client(at))


def sum_on_cluster(
    loss_grad: Callable[[Any, Any], tuple[Any, Any]],
    X: Any,
    y: Any,
    *,
    client: Any = None,
    progress: Callable[[int, int], object] | None = show_progress,
) -> tuple[float, Any]:
    """Return what `sum_over_blocks` does, for chunks of Dask arrays, on the workers of a cluster.

    Chunks are made or read by the worker that adds them up, and forgotten: all samples together
    may be larger than the memory. The chunk of a worker that is lost is given to another.

    Parameters
    ----------
    loss_grad : callable
        As for `sum_over_blocks`; it is sent to the workers, which need the modules that it uses.
    X, y : dask.array.Array
        With the same chunks along the first axis, and one chunk along the others.
    client : dask.distributed.Client, optional
        From `cluster`. Without it a cluster is started on this machine for this one sum.
    progress : callable or None
        ``progress(done, count)`` is called after each block; by default it is written on stderr.

    Returns
    -------
    loss : float
    grad
        Of the kind that `loss_grad` returns. The blocks are added in their order, whichever is
        done first: the result has the same bits on any number of workers.

    Raises
    ------
    ValueError
        As `sum_over_blocks`, or if `X` or `y` is no Dask array, or their chunks do not fit.

    Notes
    -----
    Implements eq-scale-loss-blocks and eq-scale-grad-blocks. Needs the extra ``cluster``.
    """
    from dask import delayed
    from dask.distributed import as_completed

    as_callable("loss_grad", loss_grad)
    chunks = list(zip(_chunks("X", X), _chunks("y", y), strict=False))
    if X.chunks[0] != y.chunks[0]:
        raise ValueError(f"y has chunks of {y.chunks[0]} samples; expected {X.chunks[0]}, as X")
    if client is None:
        with cluster() as client:
            return sum_on_cluster(loss_grad, X, y, client=client, progress=progress)
    futures = client.compute([delayed(loss_grad, pure=False)(*chunk) for chunk in chunks])
    for done, _ in enumerate(as_completed(futures), start=1):
        if progress is not None:
            progress(done, len(futures))
    return _add_up(lambda: client.gather(futures))


def _chunks(name: str, array: Any) -> Any:
    if not hasattr(array, "to_delayed") or not hasattr(array, "chunks") or array.ndim == 0:
        raise ValueError(f"{name} is a {type(array).__name__}; expected a Dask array of samples")
    if any(len(parts) != 1 for parts in array.chunks[1:]):
        raise ValueError(f"{name} has chunks {array.chunks}; expected to be cut into samples only")
    return array.to_delayed().ravel()


def _add_up(results: Callable[[], Iterable[Any]]) -> tuple[float, Any]:
    """Add the results of blocks in their order; they are asked for again if the sum overflows."""
    layout: Layout | None = None

    def vectors() -> Iterator[Floats]:
        nonlocal layout
        for k, result in enumerate(results()):
            name = f"what loss_grad returns for block {k}"
            if not isinstance(result, tuple) or len(result) != 2:
                raise ValueError(f"{name} is {result!r}; expected a loss and its gradient")
            loss, grad = as_float(name, result[0]), result[1]
            layout = layout or Layout(grad, called=name)
            yield as_floats(name, np.append(layout.flatten(name, grad), loss))

    total = reduce(_plus, vectors())
    if not all_finite(total):  # on the way, or for good: then the sum is taken exactly
        parts = np.stack(list(vectors()))
        total = finite("the sum over blocks", matmul(np.ones((1, len(parts))), parts)[0])
    assert layout is not None
    return float(total[-1]), layout.restore(total[:-1])


@np.errstate(over="ignore", invalid="ignore")
def _plus(a: Floats, b: Floats) -> Floats:
    return a + b


def _as_samples(X: Any, y: Any) -> tuple[Any, Any]:
    """Return samples that can be sliced: arrays of NumPy, or of another kind, which stay as is."""
    X, y = (
        as_shaped(name, value)
        if isinstance(value, np.ndarray) or not hasattr(value, "shape")
        else value
        for name, value in (("X", X), ("y", y))
    )
    if not X.shape or not X.shape[0]:
        raise ValueError(f"X has shape {X.shape}; expected at least one sample")
    if y.shape[:1] != X.shape[:1]:
        raise ValueError(f"y has shape {y.shape}; expected one entry for each of {len(X)} samples")
    return X, y


def add_blocks(
    block: Callable[[Any, Any, Sums], Sums], X: Any, y: Any, start: Sums, size: int = BLOCK
) -> Sums:
    """Add up sums that need no check: what `sum_over_blocks` does, for the modules of hwlib.

    Parameters
    ----------
    block : callable
        ``block(X, y, start)`` returns `start` plus the sums over some samples, a tuple of floats
        and arrays. A sum may be infinite only if it is too large for a float64.
    X, y : ndarray
        Of equal length.
    start : tuple
        What belongs to no sample, such as a penalty; it is counted once.
    size : int
        Samples in a block.

    Returns
    -------
    tuple
        Where the sum of the blocks is not finite, all samples are taken as one block, which may
        have a finite sum.
    """
    if len(X) <= size:
        return block(X, y, start)
    total = block(X[:size], y[:size], start)
    zeros = tuple(0.0 for _ in start)
    for at in range(size, len(X), size):
        more = block(X[at : at + size], y[at : at + size], zeros)
        total = tuple(a + b for a, b in zip(total, more, strict=True))
    return total if all(map(all_finite, total)) else block(X, y, start)


def compiled_sums(loop: Callable[..., Sums], at: Sums, X: Any, y: Any) -> Sums | None:
    """Add up what a loop over the samples returns, compiled by Numba, on all cores.

    The samples are cut into as many parts on any machine, and the sums of the parts are added in
    their order: the result has the same bits on any number of cores.

    Parameters
    ----------
    loop : callable
        ``loop(*at, X, y)`` returns the sums over some samples, a tuple of floats and arrays; the
        first is a float, and not finite if any of the others is not.
    at : tuple
    X, y : ndarray
        Of equal length.

    Returns
    -------
    tuple, or None where NumPy must do it
        None if Numba is not installed, `X` is no array of float64, `y` none of float64 or int64, or
        a sum is not finite.
    """
    run = compiled(loop)
    if run is None or X.dtype != FLOAT64 or y.dtype not in (FLOAT64, INT64):
        return None
    # Numba knows no numbers at odd addresses, as a message from another process has them.
    if not X.flags.aligned:
        X = X.copy()
    if not y.flags.aligned:
        y = y.copy()
    count = min(PARTS, 2 * (len(X) // (2 * BLOCK)))  # even, for the many machines with two cores
    if count == 0:
        total = run(*at, X, y)
        return total if math.isfinite(total[0]) else None
    ends = [len(X) * k // count for k in range(count + 1)]
    places = [slice(*pair) for pair in pairwise(ends)]
    total = _on_all_cores(lambda k: run(*at, X[places[k]], y[places[k]]), count)
    return total if all(map(all_finite, total)) else None


@cache
def compiled(loop: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return a function of numbers and arrays in machine code, or None where Numba is missing."""
    try:
        from numba import njit
    except ImportError:
        return None
    compiled: Callable[..., Any] = njit(nogil=True, error_model="numpy")(loop)
    return compiled


def cores() -> int:
    """Return the cores to use: OMP_NUM_THREADS, as in other libraries, or all there are."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if wanted.isdecimal() and int(wanted):
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _on_all_cores(part: Callable[[int], Sums], count: int) -> Sums:
    """Return the sum of the parts 0, ..., count - 1, added in this order."""
    found: list[Sums] = [()] * count
    threads = min(cores(), count)

    def work(first: int) -> None:
        for k in range(first, count, threads):
            found[k] = part(k)

    others = [_pool(threads).submit(work, k) for k in range(1, threads)]
    work(0)
    for other in others:
        other.result()
    with np.errstate(all="ignore"):
        return reduce(lambda a, b: tuple(x + y for x, y in zip(a, b, strict=True)), found)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads that stay: to start one takes longer than a sum over ten thousand samples."""
    return ThreadPoolExecutor(threads - 1)


if hasattr(os, "register_at_fork"):  # a child process has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
