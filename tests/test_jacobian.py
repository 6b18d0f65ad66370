"""hwlib.gradcheck: Jacobians, and products with Jacobians and Hessians."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from hwlib.gradcheck import check_hvp, check_jacobian, check_vjp

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("strict_floats")]

A = np.array([[0.7, -0.4, 1.1], [0.2, 0.9, -0.8]])
X = np.array([0.5, -1.3, 0.8])


class Layer(NamedTuple):
    W: Any
    b: Any


LAYER = Layer(A, np.array([0.3, -0.2]))


def squash(x):
    return np.tanh(A @ x)


def squash_jac(x):
    return (1 - np.tanh(A @ x) ** 2)[:, None] * A


def affine(layer):
    return layer.W @ X + layer.b


def affine_jac(layer):
    W = np.zeros((2, 2, 3))
    W[0, 0] = W[1, 1] = X
    return Layer(W, np.eye(2))


# Jacobians


def test_a_right_jacobian_passes():
    report = check_jacobian(squash, squash_jac, X)
    assert report
    assert not report.weak
    assert {c.name for c in report.coordinates} == {
        f"f[{i}] / x[{j}]" for i in range(2) for j in range(3)
    }
    for c in report.coordinates:
        i, j = int(c.name[2]), int(c.name[-2])
        assert c.given == squash_jac(X)[i, j]
        assert c.numeric == pytest.approx(c.given, rel=1e-9)


@pytest.mark.parametrize("i", range(2))
@pytest.mark.parametrize("j", range(3))
def test_one_wrong_entry_is_named(i, j):
    off = np.ones((2, 3))
    off[i, j] = 1.0001
    report = check_jacobian(squash, lambda x: squash_jac(x) * off, X)
    assert not report
    assert report.names("differs") == (f"f[{i}] / x[{j}]",) == (report.coordinates[0].name,)


def test_the_diagnosis_is_of_the_whole():
    assert check_jacobian(squash, squash_jac, X).diagnosis == ()
    first_row_wrong = check_jacobian(squash, lambda x: squash_jac(x) * [[2.0], [1.0]], X)
    assert first_row_wrong.diagnosis[0].family == "scale"
    (finding,) = check_jacobian(squash, lambda x: -squash_jac(x), X).diagnosis
    assert finding.family == "sign"
    B = np.array([[0.5, 2.0, -1.0], [0.3, 0.7, 1.1], [-0.4, 0.6, 0.9]])

    def jac(x):
        return np.diag(x) @ B + np.diag(B @ x)

    assert check_jacobian(lambda x: (B @ x) * x, jac, X)
    report = check_jacobian(lambda x: (B @ x) * x, lambda x: jac(x).T, X)
    assert report.diagnosis[0].family == "permutation"
    assert "f[1] / x[0]" in report.names("differs")


def test_rows_that_differ_in_size_are_each_seen():
    # One function for all rows would lose the second in the rounding of the first.
    f = lambda x: np.array([1e9 * x[0], 1e-9 * x[0] ** 2])  # noqa: E731
    jac = lambda x: np.array([[1e9], [2e-9 * x[0]]])  # noqa: E731
    assert check_jacobian(f, jac, [1.5])
    assert not check_jacobian(f, jac, [1.5]).weak
    report = check_jacobian(f, lambda x: jac(x) * [[1.0], [1.001]], [1.5])
    assert report.names("differs") == ("f[1] / x[0]",)


def test_outputs_and_points_of_any_shape():
    f = lambda x: np.outer(x, x)  # noqa: E731
    jac = lambda x: np.einsum("ik,j->ijk", np.eye(3), x) + np.einsum("i,jk->ijk", x, np.eye(3))  # noqa: E731
    report = check_jacobian(f, jac, X)
    assert report
    assert len(report.coordinates) == 27
    assert {"f[0, 0] / x[0]", "f[2, 1] / x[1]"} <= set(report.names("agrees"))
    wrong = check_jacobian(f, lambda x: jac(x).transpose(0, 2, 1), X)
    assert not wrong
    # A number: the Jacobian is the gradient.
    assert (
        check_jacobian(lambda x: np.sum(x**2), lambda x: 2 * x, X).names("agrees")[0][:5] == "f / x"
    )
    report = check_jacobian(affine, affine_jac, LAYER)
    assert report
    assert {"f[0] / x.W[0, 2]", "f[1] / x.b[1]"} <= set(report.names("agrees"))
    report = check_jacobian(affine, lambda p: (affine_jac(p).W, -np.eye(2)), LAYER)
    assert set(report.names("differs")) == {"f[0] / x.b[0]", "f[1] / x.b[1]"}


def test_rtol_is_the_allowed_relative_error():
    off = lambda x: 1.001 * squash_jac(x)  # noqa: E731
    assert not check_jacobian(squash, off, X)
    assert check_jacobian(squash, off, X, rtol=2e-3)


def test_a_kink_of_one_output_is_told():
    report = check_jacobian(lambda x: np.abs(x), lambda x: np.diag(np.sign(x)), [0.0, 1.5])
    assert report.names("kink") == ("f[0] / x[0]",)
    assert report.weak


def test_what_is_wrong_beside_a_kink_is_told():
    def jac(x):
        return np.diag(np.where(np.abs(x) < 1e-2, -np.sign(x), np.sign(x)))

    report = check_jacobian(np.abs, jac, [1.5, 0.0])
    assert not report
    assert report.beside == ("f[1] / x[1]",)


def test_a_jacobian_with_nan_is_wrong():
    report = check_jacobian(squash, lambda x: squash_jac(x) * [[np.nan], [1.0]], X)
    assert set(report.names("differs")) == {f"f[0] / x[{j}]" for j in range(3)}


@pytest.mark.parametrize(
    ("f", "jac", "message"),
    [
        (None, squash_jac, "f is None; expected a callable"),
        (squash, None, "jac is None; expected a callable"),
        (squash, lambda x: squash_jac(x).T, r"jac\(x\) has shape \(3, 2\); expected \(2, 3\)"),
        (squash, lambda x: squash_jac(x)[0], r"jac\(x\) has shape \(3,\); expected \(2, 3\)"),
        (lambda x: x * np.nan, squash_jac, r"f\(x\) holds NaN"),
        (lambda x: "text", squash_jac, r"f\(x\) holds strings"),
    ],
)
def test_bad_arguments_of_a_jacobian_are_named(f, jac, message):
    with pytest.raises(ValueError, match=rf"^{message}"):
        check_jacobian(f, jac, X)


# Products


def test_a_backward_pass_is_checked():
    def vjp(layer, u):
        return Layer(np.outer(u, X), u)

    assert check_vjp(affine, vjp, LAYER)
    assert not check_vjp(affine, vjp, LAYER).weak
    report = check_vjp(affine, lambda layer, u: Layer(np.outer(u, X), np.abs(u)), LAYER)
    assert set(report.names("differs")) <= {"b[0]", "b[1]"} != set()
    assert not report
    assert not check_vjp(affine, lambda layer, u: Layer(np.outer(u, X), np.ones(2)), LAYER)


def test_the_upstream_is_laid_out_like_the_value():
    def f(theta):
        return {"sum": np.sum(theta), "squares": (theta**2, 3.0 * theta[0])}

    def vjp(theta, u):
        squares, first = u["squares"]
        return u["sum"] + 2 * theta * squares + 3.0 * first * np.array([1.0, 0.0, 0.0])

    report = check_vjp(f, vjp, X)
    assert report
    assert {c.name for c in report.coordinates} == {"theta[0]", "theta[1]", "theta[2]"}
    assert not check_vjp(f, lambda theta, u: vjp(theta, u) - 0.01 * u["sum"], X)


def test_a_product_with_the_transposed_jacobian_is_rejected():
    B = np.array([[0.5, 2.0, -1.0], [0.3, 0.7, 1.1], [-0.4, 0.6, 0.9]])
    assert check_vjp(lambda x: B @ x, lambda x, u: B.T @ u, X)
    assert not check_vjp(lambda x: B @ x, lambda x, u: B @ u, X)


def quartic(x):
    return 4 * x**3 + A.T @ (A @ x)


def quartic_hvp(x, v):
    return 12 * x**2 * v + A.T @ (A @ v)


def test_a_hessian_vector_product_is_checked():
    assert check_hvp(quartic, quartic_hvp, X)
    assert not check_hvp(quartic, quartic_hvp, X).weak
    for wrong in (
        lambda x, v: 12 * x * v + A.T @ (A @ v),
        lambda x, v: 12 * x**2 * v,
        lambda x, v: quartic_hvp(x, v) * [1.0, 1.0, 1.0001],
        lambda x, v: quartic_hvp(x, x),
        lambda x, v: quartic_hvp(x, -v),
    ):
        assert not check_hvp(quartic, wrong, X)


def test_a_hessian_of_parts_is_checked():
    def grad(p):  # of sum(W**2) * b
        return {"W": 2 * p["W"] * p["b"], "b": np.sum(p["W"] ** 2)}

    def hvp(p, v):
        return {
            "W": 2 * v["W"] * p["b"] + 2 * p["W"] * v["b"],
            "b": 2 * np.sum(p["W"] * v["W"]),
        }

    point = {"W": A, "b": 0.6}
    assert check_hvp(grad, hvp, point)
    report = check_hvp(grad, lambda p, v: hvp(p, v) | {"b": 0.0}, point)
    assert report.names("differs") == ("b",)


def test_the_options_are_those_of_the_check():
    off = lambda x, v: 1.001 * quartic_hvp(x, v)  # noqa: E731
    report = check_hvp(quartic, off, X, rtol=2e-3, context=["a fact"])
    assert report
    assert report.context == ("a fact",)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: check_vjp(1, quartic_hvp, X), "f is 1; expected a callable"),
        (lambda: check_vjp(squash, 1, X), "vjp is 1; expected a callable"),
        (lambda: check_hvp(1, quartic_hvp, X), "grad is 1; expected a callable"),
        (lambda: check_hvp(quartic, 1, X), "hvp is 1; expected a callable"),
        (lambda: check_vjp(squash, lambda x, u: u, X), r"grad\(x\) has shape \(2,\)"),
        (lambda: check_vjp(lambda x: x * np.inf, quartic_hvp, X), r"f\(x\) holds NaN"),
    ],
)
def test_bad_arguments_of_a_product_are_named(call, message):
    with pytest.raises(ValueError, match=rf"^{message}"):
        call()
