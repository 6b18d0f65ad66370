"""hwlib.optim: stochastic gradient descent as an endless generator."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import SGDClassifier

from hwlib import hinge, optim, polynomial

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("strict_floats")]

TARGETS = np.array([[1.0], [3.0]])


def towards(theta, i):
    """The gradient of (theta - target)**2 / 2."""
    return theta - TARGETS[i]


def epochs(generator, count):
    return list(itertools.islice(generator, count))


def test_two_epochs_by_hand():
    # Half way to 1, then half way to 3: 0, 0.5, 1.75; then 1.375, 2.1875.
    got = epochs(optim.sgd(towards, [0.0], 2, step_size=0.5), 2)
    np.testing.assert_array_equal(got, [[1.75], [2.1875]])


def test_step_size_0_stays():
    np.testing.assert_array_equal(epochs(optim.sgd(towards, [7.0], 2, step_size=0), 3), [[7.0]] * 3)


def record_order(n_samples, count, rng=None):
    seen = []
    descent = optim.sgd(
        lambda theta, i: (seen.append(i), theta)[1], [1.0], n_samples, step_size=0.1, rng=rng
    )
    epochs(descent, count)
    return np.reshape(seen, (count, n_samples)).tolist()


def test_without_rng_the_order_is_fixed():
    assert record_order(5, 3) == [[0, 1, 2, 3, 4]] * 3


def test_with_rng_each_epoch_has_a_permutation_of_its_own():
    order = record_order(20, 4, np.random.default_rng(3))
    expected = np.random.default_rng(3)
    assert order == [expected.permutation(20).tolist() for _ in range(4)]
    assert all(sorted(epoch) == list(range(20)) for epoch in order)
    assert len({tuple(epoch) for epoch in order}) == 4


def test_samples_are_numbered_by_plain_integers():
    kinds = set()
    for rng in (None, np.random.default_rng(0)):
        next(optim.sgd(lambda t, i: (kinds.add(type(i)), t)[1], [1.0], 3, step_size=0.1, rng=rng))
    assert kinds == {int}


def test_one_sample_alone():
    assert record_order(1, 3) == [[0]] * 3


def test_it_does_not_end():
    descent = optim.sgd(towards, [0.0], 2, step_size=0.5)
    for theta in itertools.islice(descent, 2000):
        last = theta
    # The fixed point t of one epoch: t = (t / 2 + 1 / 2) / 2 + 3 / 2, so t = 7 / 3.
    assert last[0] == pytest.approx(7 / 3, rel=1e-15)
    next(descent)


@given(st.floats(0.01, 0.99), st.floats(-10, 10), st.integers(1, 5))
def test_a_single_quadratic_shrinks_geometrically(step_size, start, count):
    got = epochs(optim.sgd(lambda t, i: t, [start], 1, step_size=step_size), count)
    expected = start * (1.0 - step_size) ** np.arange(1, count + 1)
    np.testing.assert_allclose(np.ravel(got), expected, rtol=1e-12, atol=1e-15)


def test_a_copy_is_yielded():
    descent = optim.sgd(towards, [0.0], 2, step_size=0.5)
    first = next(descent)
    first[:] = 1e6
    assert next(descent)[0] == 2.1875


def test_kept_epochs_do_not_change():
    first, second = epochs(optim.sgd(towards, [0.0], 2, step_size=0.5), 2)
    assert first is not second and not np.shares_memory(first, second)


def test_the_start_is_copied_and_never_changed():
    start = np.array([0.0])
    descent = optim.sgd(towards, start, 2, step_size=0.5)
    start[:] = 100.0
    assert next(descent)[0] == 1.75
    assert start[0] == 100.0


def test_a_callable_that_writes_into_theta_does_no_harm():
    def greedy(theta, i):
        gradient = towards(theta, i)
        theta[:] = 1e6
        return gradient

    np.testing.assert_array_equal(
        epochs(optim.sgd(greedy, [0.0], 2, step_size=0.5), 2), [[1.75], [2.1875]]
    )


def test_a_gradient_array_that_is_used_again_does_no_harm():
    shared = np.zeros(1)

    def lazy(theta, i):
        shared[:] = towards(theta, i)
        return shared

    np.testing.assert_array_equal(next(optim.sgd(lazy, [0.0], 2, step_size=0.5)), [1.75])


@pytest.mark.parametrize("start", [[1, 2], np.array([1, 2], dtype=np.float32), (1.0, 2)])
def test_other_numbers_are_computed_in_float64(start):
    got = next(optim.sgd(lambda t, i: [1, 1], start, 1, step_size=np.float32(0.5)))
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, [0.5, 1.5])


def test_the_hinge_trajectory_is_that_of_scikit_learn():
    rng = np.random.default_rng(5)
    for _ in range(5):
        x = rng.uniform(-1.3, 1.3, 60)
        X, y = polynomial.features(x, rng.normal(size=7)), rng.choice([-1.0, 1.0], 60)
        model = SGDClassifier(
            loss="hinge", penalty=None, learning_rate="constant", eta0=0.05,
            shuffle=False, fit_intercept=False,
        )  # fmt: skip
        ours = optim.sgd(
            lambda t, i, X=X, y=y: hinge.loss_grad(t, X[i : i + 1], y[i : i + 1]),
            np.zeros(7), 60, step_size=0.05,
        )  # fmt: skip
        for theta in epochs(ours, 5):
            model.partial_fit(X * polynomial.NONLINEAR, y, classes=[-1.0, 1.0])
            np.testing.assert_allclose(theta, model.coef_[0], rtol=1e-12, atol=1e-12)
            assert theta[polynomial.LINEAR] == 0.0
        assert np.abs(theta).max() > 0.1


def good_arguments():
    return {"sample_grad": towards, "theta": np.array([0.0]), "n_samples": 2, "step_size": 0.5}


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("sample_grad", None), ("sample_grad", np.zeros(1)), ("sample_grad", "towards"),
        ("theta", 0.0), ("theta", [[0.0]]), ("theta", [True]),
        ("n_samples", 0), ("n_samples", -1), ("n_samples", 2.0), ("n_samples", True),
        ("n_samples", "2"), ("n_samples", None),
        ("step_size", -1e-9), ("step_size", [0.5]), ("step_size", np.nan),
        ("rng", 0), ("rng", np.random), ("rng", np.random.RandomState(0)), ("rng", True),
    ],
)  # fmt: skip
def test_bad_arguments_are_rejected_at_the_call(argument, value):
    with pytest.raises(ValueError, match=rf"^{argument} (is|has|holds) .*expected"):
        optim.sgd(**good_arguments() | {argument: value})


def test_step_size_and_rng_go_by_name():
    with pytest.raises(TypeError):
        optim.sgd(towards, [0.0], 2, 0.5)


def test_the_callable_is_not_called_before_the_first_next():
    def never(theta, i):
        raise AssertionError

    optim.sgd(never, [0.0], 2, step_size=0.5)


def test_a_bad_gradient_is_rejected_when_it_comes():
    descent = optim.sgd(lambda t, i: t / (1 - i), [1.0], 2, step_size=0.5)
    with (
        np.errstate(divide="ignore"),
        pytest.raises(ValueError, match=r"^sample_grad\(theta, 1\) holds NaN or infinity"),
    ):
        next(descent)


@pytest.mark.parametrize("grad", [0.0, [0.0], [0.0] * 3, [[0.0, 0.0]]])
def test_a_gradient_of_another_shape_is_not_broadcast(grad):
    descent = optim.sgd(lambda t, i: grad, [1.0, 2.0], 1, step_size=0.5)
    with pytest.raises(ValueError, match=r"^sample_grad\(theta, 0\) has shape"):
        next(descent)


def test_theta_that_outgrows_float64_is_rejected():
    # Each sample multiplies theta by -9: rejected in the epoch whose step, 10 * 9**k, is too large.
    descent = optim.sgd(lambda t, i: t, [1.0], 1, step_size=10.0)
    for k, theta in enumerate(itertools.islice(descent, 322), start=1):
        assert theta[0] == pytest.approx((-9.0) ** k, rel=1e-12)
    with pytest.raises(ValueError, match=r"^theta after sample 0 is too large for a float64$"):
        next(descent)


def test_a_step_below_every_float_changes_nothing():
    assert next(optim.sgd(lambda t, i: [1e-200], [0.0], 1, step_size=1e-200))[0] == 0.0
