"""hwlib.blocks: one sum over the samples, on one core or on a cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tracemalloc
from functools import partial

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwlib import blocks, hinge, network
from hwlib.blocks import sum_over_blocks

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("strict_floats")]

HALF_A_COLUMN = 4 * blocks.BLOCK
"""Bytes of half a column of one block: what NumPy and tracemalloc keep for later calls is less."""
BAD_CORES = ["", "0", "-1", "two", "1.5", ","]
X_BOOK, Y_BOOK = np.array([[1.0], [2.0], [4.0], [8.0], [16.0]]), np.ones(5)


def moments(X, y):
    """The sum and, as a gradient, the sums of x and of x**2."""
    return float(X.sum()), np.array([X.sum(), (X**2).sum()])


def hinge_problem(rng, n):
    return rng.normal(size=7), rng.normal(size=(n, 7)), rng.choice([-1.0, 1.0], n)


def test_by_hand():
    for size in (1, 2, 3, 4, 5, 6, 8192):
        loss, grad = sum_over_blocks(moments, X_BOOK, Y_BOOK, block_size=size)
        assert loss == 31.0 and type(loss) is float
        np.testing.assert_array_equal(grad, [31.0, 1 + 4 + 16 + 64 + 256])


@pytest.mark.parametrize(
    ("size", "lengths"),
    [(1, [1] * 5), (2, [2, 2, 1]), (3, [3, 2]), (4, [4, 1]), (5, [5]), (7, [5])],
)
def test_each_sample_is_in_one_block_and_the_order_is_kept(size, lengths):
    seen = []
    sum_over_blocks(lambda X, y: (seen.append(X[:, 0].tolist()), moments(X, y))[1],
                    X_BOOK, Y_BOOK, size)  # fmt: skip
    assert [len(block) for block in seen] == lengths
    assert [x for block in seen for x in block] == X_BOOK[:, 0].tolist()


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_the_sum_of_the_blocks_is_the_whole(seed, size):
    rng = np.random.default_rng(seed)
    theta, X, y = hinge_problem(rng, int(rng.integers(1, 60)))
    loss, grad = sum_over_blocks(partial(hinge.value_and_grad, theta), X, y, size)
    assert loss == pytest.approx(hinge.loss(theta, X, y), rel=1e-13)
    np.testing.assert_allclose(
        grad, hinge.loss_grad(theta, X, y), rtol=1e-12, atol=1e-13 * np.abs(X).sum()
    )


def test_a_named_tuple_of_gradients_and_a_penalty_shared_out(rng):
    params, X, y = network.init(rng), rng.normal(size=(50, 2)), rng.integers(0, 2, 50)

    def share(X, y):
        return network.value_and_grad(params, X, y, 0.7 * len(X) / 50)

    loss, grad = sum_over_blocks(share, X, y, block_size=12)
    whole = network.value_and_grad(params, X, y, 0.7)
    assert loss == pytest.approx(whole[0], rel=1e-13)
    assert type(grad) is network.Parameters and isinstance(grad.b_out, float)
    for got, expected in zip(grad, whole[1], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13)
        assert np.shape(got) == np.shape(expected)
    # What goes wrong without the share: the penalty is counted five times.
    wrong, _ = sum_over_blocks(lambda X, y: network.value_and_grad(params, X, y, 0.7), X, y, 12)
    plain = network.loss(params, X, y)
    assert wrong - plain == pytest.approx(5 * (whole[0] - plain), rel=1e-12)


def test_a_gradient_may_be_a_number_and_a_loss_an_integer():
    loss, grad = sum_over_blocks(lambda X, y: (len(X), X.sum()), X_BOOK, Y_BOOK, 2)
    assert (loss, grad) == (5.0, 31.0)


def test_with_one_block_nothing_is_changed(rng):
    theta, X, y = hinge_problem(rng, 100)
    loss, grad = sum_over_blocks(partial(hinge.value_and_grad, theta), X, y)
    whole = hinge.value_and_grad(theta, X, y)
    assert loss == whole[0]
    np.testing.assert_array_equal(grad, whole[1])


def test_sums_that_overflow_on_the_way():
    X = np.array([1.5e308, 1.5e308, -1.5e308, -1.0e308])
    loss, grad = sum_over_blocks(lambda X, y: (X.sum(), [X.sum(), 1.0]), X, X, 1)
    assert loss == pytest.approx(0.5e308, rel=1e-15)
    np.testing.assert_allclose(grad, [0.5e308, 4.0], rtol=1e-15)
    with pytest.raises(ValueError, match=r"^the sum over blocks is too large for a float64$"):
        sum_over_blocks(lambda X, y: (X.sum(), [X.sum(), 1.0]), X[:2], X[:2], 1)


def test_a_file_is_read_block_by_block(tmp_path, rng):
    theta, X, y = hinge_problem(rng, 1000)
    np.save(tmp_path / "X.npy", X)
    on_disk = np.load(tmp_path / "X.npy", mmap_mode="r")
    got = sum_over_blocks(partial(hinge.value_and_grad, theta), on_disk, y, 64)
    expected = sum_over_blocks(partial(hinge.value_and_grad, theta), X, y, 64)
    assert got[0] == expected[0]
    np.testing.assert_array_equal(got[1], expected[1])


class Lazy:
    """Samples that exist only while they are looked at."""

    shape, asked = (10**6, 1), 0

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, place):
        numbers = np.arange(*place.indices(len(self)), dtype=float)
        Lazy.asked = max(Lazy.asked, len(numbers))
        return numbers[:, None]


def test_samples_may_be_made_when_they_are_asked_for():
    loss, _ = sum_over_blocks(moments, Lazy(), Lazy())
    assert loss == 10**6 * (10**6 - 1) / 2
    assert Lazy.asked == blocks.BLOCK


def test_lists_are_accepted():
    assert sum_over_blocks(moments, [[1], [2], [3]], [1, 1, 1], 2)[0] == 6.0


def test_the_memory_does_not_grow_with_the_number_of_samples(rng):
    peaks = []
    for n in (4 * blocks.BLOCK, 4 * blocks.BLOCK, 32 * blocks.BLOCK):  # the first may compile
        theta, X, y = hinge_problem(rng, n)
        tracemalloc.start()
        sum_over_blocks(partial(hinge.value_and_grad, theta), X, y)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < max(1.02 * peaks[1], HALF_A_COLUMN)


def good_arguments():
    return {"loss_grad": moments, "X": X_BOOK, "y": Y_BOOK, "block_size": 2}


@pytest.mark.parametrize("argument", ["X", "y"])
def test_bad_samples_are_refused(argument, spoil):
    # What the numbers are is for loss_grad to look at.
    good = {"X": np.ones((3, 7)), "y": np.ones(3)}
    with pytest.raises(ValueError, match=rf"^{argument} "):
        sum_over_blocks(
            partial(hinge.value_and_grad, np.ones(7)), **good | {argument: spoil(good[argument])}
        )


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("loss_grad", None), ("loss_grad", "moments"), ("loss_grad", 1.0),
        ("block_size", 0), ("block_size", -1), ("block_size", 2.0), ("block_size", True),
        ("block_size", "8"), ("block_size", None),
        ("X", 1.0), ("X", np.ones((0, 1))), ("y", np.ones(4)), ("y", np.ones(6)), ("y", 1.0),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(argument, value):
    with pytest.raises(ValueError, match=rf"^{argument} (is|has) .*expected"):
        sum_over_blocks(**good_arguments() | {argument: value})


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (None, "a loss and its gradient"), (1.0, "a loss and its gradient"),
        ((1.0,), "a loss and its gradient"), ([1.0, 2.0], "a loss and its gradient"),
        ((1.0, np.ones(2), 3), "a loss and its gradient"),
        ((np.ones(2), np.ones(2)), r"shape \(2,\)"), ((np.nan, np.ones(2)), "NaN or infinity"),
        ((1.0, [np.nan]), "NaN or infinity"), ((1.0, [np.inf]), "NaN or infinity"),
        ((1.0, "text"), "strings"), ((1.0, [True]), "booleans"), (("text", [1.0]), "strings"),
    ],
)  # fmt: skip
def test_bad_results_are_refused_with_their_block(result, why):
    with pytest.raises(ValueError, match=rf"^what loss_grad returns for block 0 .*{why}"):
        sum_over_blocks(lambda X, y: result, X_BOOK, Y_BOOK, 2)


def test_gradients_of_other_shapes_are_not_broadcast():
    with pytest.raises(ValueError, match=r"^what loss_grad returns for block 2 has shapes"):
        sum_over_blocks(lambda X, y: (1.0, np.ones(len(X))), X_BOOK, Y_BOOK, 2)
    with pytest.raises(ValueError, match=r"^what loss_grad returns for block 2 holds NaN"):
        sum_over_blocks(lambda X, y: (1.0, [len(X) / 2 or 0, np.nan if len(X) < 2 else 1]),
                        X_BOOK, Y_BOOK, 2)  # fmt: skip


def test_the_last_block_may_not_be_dropped(rng):
    theta, X, y = hinge_problem(rng, 10)
    whole, _ = hinge.value_and_grad(theta, X, y)
    loss, _ = sum_over_blocks(partial(hinge.value_and_grad, theta), X, y, 4)
    dropped = hinge.loss(theta, X[:8], y[:8])
    assert loss == pytest.approx(whole, rel=1e-14) and abs(dropped - whole) > 1e-3


# On all cores


def summed(X, y):
    """A loop that is not compiled: its sums, and how many samples there were."""
    return float(X.sum()), np.array([len(X), y.sum()])


@pytest.mark.parametrize("n", [1, 8192, 16_383, 16_384, 40_000, 131_071, 131_072, 200_003])
@pytest.mark.parametrize("threads", [1, 2, 3, 40])
def test_each_sample_is_in_one_part(monkeypatch, n, threads):
    lengths = []
    monkeypatch.setattr(
        blocks, "compiled", lambda loop: lambda X, y: (lengths.append(len(X)), loop(X, y))[1]
    )
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
    X = np.arange(n, dtype=float)
    total, (count, other) = blocks.compiled_sums(summed, (), X, -X)
    assert (total, count, other) == (n * (n - 1) / 2, n, -n * (n - 1) / 2)
    assert len(lengths) == max(1, min(blocks.PARTS, n // 16_384 * 2))
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize("n", [5, 20_000, 300_000])
def test_the_bits_do_not_depend_on_the_number_of_cores(monkeypatch, rng, n):
    theta, X, y = hinge_problem(rng, n)
    params, points = network.init(rng), X[:, :2].copy()
    results = []
    for threads in ("1", "2", "7", ""):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        value, grad = hinge.value_and_grad(theta, X, y)
        loss, slopes = network.value_and_grad(params, points, (y + 1) / 2, 0.1)
        results.append([value, *grad, loss, *network.ravel(slopes)])
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize(
    ("wanted", "number"), [("1", 1), ("3", 3), ("4,2", 4), (" 2 ", 2)] + [(w, 0) for w in BAD_CORES]
)
def test_the_number_of_cores(monkeypatch, wanted, number):
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert blocks.cores() == (number or len(os.sched_getaffinity(0)))
    monkeypatch.delattr(os, "sched_getaffinity")
    assert blocks.cores() == (number or os.cpu_count())


def test_a_part_that_fails_is_heard_of(monkeypatch):
    def fail(X, y):
        if X[0] > 0:
            raise MemoryError("no room")
        return summed(X, y)

    monkeypatch.setattr(blocks, "compiled", lambda loop: loop)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    X = np.arange(40_000.0)
    with pytest.raises(MemoryError, match="no room"):
        blocks.compiled_sums(fail, (), X, X)


def test_a_child_process_makes_threads_of_its_own():
    program = (
        "import os; os.environ['OMP_NUM_THREADS'] = '2'\n"
        "import warnings, numpy as np; from hwlib import hinge\n"
        "at = np.ones(7), np.ones((50_000, 7)), np.ones(50_000)\n"
        "expected = hinge.value_and_grad(*at)[0]\n"
        "warnings.simplefilter('ignore')  # of forking with threads\n"
        "child = os.fork()\n"
        "if not child: os._exit(hinge.value_and_grad(*at)[0] != expected)\n"
        "assert os.waitpid(child, 0)[1] == 0"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


# On a cluster


@pytest.fixture(scope="module")
def client():
    with blocks.cluster(memory_limit="400MB") as client:
        yield client


def generated(n, chunk, seed=4):
    """Samples that are drawn by the worker that adds them up."""
    rng = da.random.default_rng(seed)
    X = rng.normal(size=(n, 7), chunks=(chunk, 7))
    y = da.where(rng.random(size=n, chunks=chunk) < 0.5, -1.0, 1.0)
    return X, y


def assert_same(got, expected):
    assert got[0] == expected[0]
    np.testing.assert_array_equal(got[1], expected[1])


THETA = np.array([0.5, -0.25, 0.125, 1.0, -1.0, 3.0, 0.75])
HINGE = partial(hinge.value_and_grad, THETA)


def test_the_sum_on_a_cluster_has_the_bits_of_the_sum_in_memory(client):
    X, y = generated(100_000, 8_000)
    calls = []
    got = blocks.sum_on_cluster(HINGE, X, y, client=client, progress=lambda *c: calls.append(c))
    assert_same(got, sum_over_blocks(HINGE, *da.compute(X, y), block_size=8_000))
    assert calls == [(done, 13) for done in range(1, 14)]


def test_more_samples_than_memory_and_a_worker_that_is_killed(client):
    X, y = generated(13_000_000, 250_000)
    assert X.nbytes + y.nbytes > 2 * 400e6  # the limits of both workers together
    pids = client.run(os.getpid)
    killed = []

    def kill(done, count):
        if done == count // 3 and not killed:
            killed.append(min(pids.values()))
            os.kill(killed[0], signal.SIGKILL)

    got = blocks.sum_on_cluster(HINGE, X, y, client=client, progress=kill)
    assert killed and killed[0] not in client.run(os.getpid).values()
    # In memory of this process one chunk after the other is made again.
    assert_same(got, sum_over_blocks(HINGE, X, y, block_size=250_000))


def test_stored_samples_and_full_batch_descent(client, tmp_path):
    X, y = generated(60_000, 9_000, seed=9)
    y = da.where(X[:, 0] + 0.5 * X[:, 6] > 0.3, 1.0, -1.0)
    X.to_zarr(str(tmp_path / "X.zarr"))
    y.to_zarr(str(tmp_path / "y.zarr"))
    stored = [da.from_zarr(str(tmp_path / name)) for name in ("X.zarr", "y.zarr")]
    there, here = np.zeros(7), np.zeros(7)
    samples = da.compute(X, y)
    for _ in range(20):
        there = (
            there
            - 1e-5
            * blocks.sum_on_cluster(
                partial(hinge.value_and_grad, there), *stored, client=client, progress=None
            )[1]
        )
        here = here - 1e-5 * hinge.loss_grad(here, *samples)
    assert np.abs(there).max() > 0.5
    np.testing.assert_allclose(there, here, rtol=0, atol=1e-12)


def test_samples_in_parquet_files(tmp_path, rng):
    theta, X, y = hinge_problem(rng, 5_000)
    table = pandas.DataFrame(np.column_stack((X, y)), columns=[*"abcdefg", "label"])
    for k, part in enumerate(np.array_split(np.arange(len(y)), [2_000, 4_000])):
        table.iloc[part].to_parquet(tmp_path / f"{k}.parquet")
    task = partial(hinge.value_and_grad, theta)
    with blocks.cluster() as client:  # what reads these files takes 300 MB of each worker
        stored = dd.read_parquet(tmp_path).to_dask_array(lengths=True)
        assert stored.chunks == ((2_000, 2_000, 1_000), (8,))
        got = blocks.sum_on_cluster(task, stored[:, :7], stored[:, 7], client=client, progress=None)
    assert_same(got, sum_over_blocks(task, X, y, 2_000))


def test_a_cluster_that_runs_is_found_by_its_address(client):
    X, y = generated(1_000, 300)
    with blocks.cluster(client.scheduler.address) as other:
        assert other.id != client.id
        got = blocks.sum_on_cluster(HINGE, X, y, client=other, progress=None)
    assert_same(got, sum_over_blocks(HINGE, X, y, 300))
    assert client.run(os.getpid)  # and it is not ended with the connection


def test_without_a_client_one_is_started(capfd):
    X, y = generated(1_000, 300)
    got = blocks.sum_on_cluster(HINGE, X, y)
    assert_same(got, sum_over_blocks(HINGE, X, y, 300))
    assert "\r3 of 4 blocks\r4 of 4 blocks\n" in capfd.readouterr().err


def test_what_a_worker_refuses_is_refused_here(client):
    X, y = generated(1_000, 300)
    with pytest.raises(ValueError, match=r"^y holds the label 0.0; expected -1 or 1$"):
        blocks.sum_on_cluster(HINGE, X, da.zeros_like(y), client=client, progress=None)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("loss_grad", None),
        ("X", np.ones((10, 7))), ("y", np.ones(10)), ("X", None),
        ("X", da.ones((10, 7), chunks=(5, 4))), ("X", da.ones((10, 7), chunks=(4, 7))),
        ("y", da.ones(10, chunks=10)), ("y", da.ones(9, chunks=5)), ("y", da.ones((), chunks=())),
    ],
)  # fmt: skip
def test_bad_arguments_of_the_cluster_are_refused(argument, value):
    X, y = da.ones((10, 7), chunks=(5, 7)), da.ones(10, chunks=5)
    with pytest.raises(ValueError, match=r"^(loss_grad|X|y) (is|has chunks) .*expected"):
        blocks.sum_on_cluster(**{"loss_grad": HINGE, "X": X, "y": y} | {argument: value})
