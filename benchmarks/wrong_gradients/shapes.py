"""Wrong gradients with wrong shapes, axes and transposes, and right ones written otherwise.

The network has one hidden layer and a softmax. Each entry is one line of its backward pass as a
person writes it, in place of the line in ``LINES``. Where inputs, units, classes and samples are as
many, all of them run and give a gradient of the right shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hwlib import layers
from hwlib.layers import Layer

LINES = {
    "delta": "p - Y",
    "grad_W2": "a.T @ delta + l2 * W2",
    "grad_b2": "delta.sum(axis=0)",
    "delta_a": "delta @ W2.T",
    "delta_z": "delta_a * (z > 0)",
    "grad_W1": "X.T @ delta_z + l2 * W1",
    "grad_b1": "delta_z.sum(axis=0)",
}
"""The right lines, in their order. X is (n, d), z and a are (n, h), u, p and the one-hot Y are
(n, K), y holds the numbers of the classes; b1 and b2 are the biases."""

WRONG = {
    "delta": """
        Y - p
        p
        p - 1
        p - y
        p - y[:, None]
        p - Y.T
        (p - Y).T
        p.T - Y
        p - Y[::-1]
        p - Y[:, ::-1]
        p - np.roll(Y, 1, axis=0)
        p - np.roll(Y, 1, axis=1)
        p - Y.sum(axis=0)
        p - Y.mean(axis=0)
        p - Y.any(axis=0)
        p - p[np.arange(n), y]
        p - p[np.arange(n), y][:, None]
        p - Y * p
        (p - Y) * Y
        (p - Y) * (1 - Y)
        (p - Y) / n
        (p - Y) / K
        (p - Y) / (n * K)
        (p - Y) * n
        (p - Y) - (p - Y).mean(axis=0)
        (p - Y) * (u > 0)
        (p - Y) * p
        (p - Y) * p * (1 - p)
        -Y / p
        -Y / p * p * (1 - p)
        -Y * (1 - p)
        -Y * np.log(p)
        np.log(p) - Y
        u - Y
        np.maximum(u, 0) - Y
        1 / (1 + np.exp(-u)) - Y
        np.exp(u) / np.exp(u).sum(axis=0) - Y
        np.exp(u) / np.exp(u).sum() - Y
        np.exp(u) - Y
        e / e.sum(axis=1) - Y
        p / p.max(axis=1, keepdims=True) - Y
        p.mean(axis=0) - Y
        (p.argmax(axis=1)[:, None] == np.arange(K)) - Y
        2 * (p - Y)
        (p - Y) ** 2
        np.abs(p - Y)
    """,
    "grad_W2": """
        delta.T @ a + l2 * W2
        a @ delta + l2 * W2
        a @ delta.T + l2 * W2
        a.T @ delta.T + l2 * W2
        z.T @ delta + l2 * W2
        X.T @ delta + l2 * W2
        (z > 0).T @ delta + l2 * W2
        a.T @ delta / n + l2 * W2
        a.T @ delta
        a.T @ delta + 2 * l2 * W2
        a.T @ delta + l2 * W2 / n
        a.T @ delta - l2 * W2
        a.T @ delta + l2 * W2.T
        a.T @ delta + l2 * W1
        a.T @ delta + l2 * np.sign(W2)
        a.T @ delta + l2 * W2**2
        a.T @ delta + l2
        a.T @ (delta + l2 * W2)
        a.T @ p + l2 * W2
        a.T * delta + l2 * W2
        a.mean(axis=0)[:, None] * delta.mean(axis=0) + l2 * W2
        a.sum(axis=0)[:, None] * delta.sum(axis=0) + l2 * W2
        np.outer(a[0], delta[0]) + l2 * W2
        np.outer(a[-1], delta[-1]) + l2 * W2
        np.outer(delta[0], a[0]) + l2 * W2
        a.reshape(h, n) @ delta + l2 * W2
        a.T @ delta.reshape(K, n).T + l2 * W2
        (a.T @ delta).ravel(order="F").reshape(h, K) + l2 * W2
        np.einsum("ni,nj->ji", a, delta) + l2 * W2
        np.einsum("in,nj->ij", a, delta) + l2 * W2
        a.T @ delta * (W2 > 0) + l2 * W2
    """,
    "grad_b2": """
        delta.sum(axis=1)
        delta.mean(axis=0)
        delta.mean(axis=1)
        delta[0]
        delta[:, 0]
        delta[-1]
        delta.sum(axis=0) + l2 * b2
        p.sum(axis=0)
        delta.sum(axis=0)[::-1]
        np.full(K, delta[0].sum())
        np.diag(delta)
        delta.max(axis=0)
        delta.sum(axis=0) / K
        (a.T @ delta).sum(axis=0)
        np.zeros(K)
        -delta.sum(axis=0)
    """,
    "delta_a": """
        delta @ W2
        delta.T @ W2
        delta.T @ W2.T
        W2 @ delta
        W2 @ delta.T
        W2.T @ delta
        delta @ W2.reshape(K, h)
        delta @ W2[::-1].T
        delta @ np.ones_like(W2).T + delta
        delta @ (W2 - 0.1 * grad_W2).T
        delta @ (W2 - grad_W2 / n).T
        delta @ W1.T
        delta @ W2.T / n
        delta @ np.abs(W2).T
        delta @ np.linalg.inv(W2)
        delta * W2
        delta * W2.sum(axis=1)
        delta.mean(axis=0) @ W2.T + 0 * z
        (delta @ W2.T).mean(axis=0) + 0 * z
        p @ W2.T
        np.einsum("nj,ji->ni", delta, W2)
    """,
    "delta_z": """
        delta_a
        delta_a * z
        delta_a * a
        delta_a * (a >= 0)
        delta_a * (z < 0)
        delta_a * (X > 0)
        delta_a * (delta_a > 0)
        delta_a * (u > 0)
        delta_a * (z > 0).T
        delta_a * (z > 0)[::-1]
        delta_a * (z.mean(axis=0) > 0)
        delta_a * (z > 0).mean(axis=0)
        delta_a * (z > 0).any(axis=0)
        delta_a * (z.sum(axis=1) > 0)[:, None]
        delta_a * (z > 0)[:, :1]
        delta_a * np.sign(z)
        delta_a * (z - b1 > 0)
        delta_a * (1 - a**2)
        delta_a * a * (1 - a)
        delta_a * (z > 0) / n
        np.maximum(delta_a, 0)
    """,
    "grad_W1": """
        delta_z.T @ X + l2 * W1
        X @ delta_z + l2 * W1
        X @ delta_z.T + l2 * W1
        a.T @ delta_z + l2 * W1
        X.T @ delta_a + l2 * W1
        X.T @ delta + l2 * W1
        X.reshape(d, n) @ delta_z + l2 * W1
        X.T * delta_z + l2 * W1
        np.ones_like(X).T @ delta_z + l2 * W1
        X.T @ delta_z
        X.T @ delta_z + l2 * W1 * (z > 0).mean(axis=0)
        X.T @ delta_z + l2 * W1 / 2
        X.mean(axis=0)[:, None] * delta_z.sum(axis=0) + l2 * W1
        np.outer(X[0], delta_z[0]) + l2 * W1
        (X - X.mean(axis=0)).T @ delta_z + l2 * W1
        (X.T @ delta_z + l2 * W1)[::-1]
        np.einsum("ni,nj->ji", X, delta_z) + l2 * W1
    """,
    "grad_b1": """
        delta_z.sum(axis=1)
        delta_z.mean(axis=0)
        delta_z[0]
        delta_z.sum(axis=0) + l2 * b1
        delta_a.sum(axis=0)
        delta.sum(axis=0)
        np.zeros(h)
        np.full(h, delta_z.sum())
        np.diag(delta_z)
    """,
}
"""Each differs from the right line, in value, at almost every point."""

RIGHT = {
    "delta": """
        -(Y - p)
        p + -1.0 * Y
        np.where(Y == 1, p - 1, p)
        np.exp(u - np.log(np.exp(u).sum(axis=1, keepdims=True))) - Y
        np.exp(u) / np.exp(u).sum(axis=1)[:, None] - np.eye(K)[y]
        e / e.sum(axis=1, keepdims=True) - (y[:, None] == np.arange(K))
        np.stack([p[i] - np.eye(K)[y[i]] for i in range(n)])
        np.stack([(np.diag(q) - np.outer(q, q)) @ (-t / q) for q, t in zip(p, Y)])
        np.einsum("nk,nkj->nj", -Y / p, p[:, :, None] * np.eye(K) - p[:, :, None] * p[:, None, :])
        p * Y.sum(axis=1, keepdims=True) - Y
        (p.T - Y.T).T
        layers.cross_entropy_grad(u, y)
    """,
    "grad_W2": """
        (delta.T @ a).T + l2 * W2
        np.einsum("ni,nj->ij", a, delta) + l2 * W2
        np.tensordot(a, delta, axes=(0, 0)) + l2 * W2
        sum(np.outer(a[i], delta[i]) for i in range(n)) + l2 * W2
        (a[:, :, None] * delta[:, None, :]).sum(axis=0) + l2 * W2
        np.array([[sum(a[:, i] * delta[:, j]) for j in range(K)] for i in range(h)]) + l2 * W2
        np.dot(np.transpose(a), delta) + l2 / 2 * (W2 + W2)
        np.maximum(z, 0).T @ delta + l2 * W2
    """,
    "grad_b2": """
        np.ones(n) @ delta
        sum(delta)
        np.einsum("nk->k", delta)
        n * delta.mean(axis=0)
        p.sum(axis=0) - np.bincount(y, minlength=K)
        delta.T.sum(axis=1)
    """,
    "delta_a": """
        (W2 @ delta.T).T
        np.einsum("nk,jk->nj", delta, W2)
        np.stack([W2 @ row for row in delta])
        np.inner(delta, W2)
    """,
    "delta_z": """
        np.where(z > 0, delta_a, 0)
        delta_a * (a > 0)
        delta_a * np.heaviside(z, 0)
        delta_a * (np.sign(z) + 1) / 2
        delta_a * (a != 0)
    """,
    "grad_W1": """
        (delta_z.T @ X).T + l2 * W1
        np.einsum("ni,nj->ij", X, delta_z) + l2 * W1
        sum(np.outer(X[i], delta_z[i]) for i in range(n)) + l2 * W1
    """,
    "grad_b1": """
        np.ones(n) @ delta_z
        delta_z.T @ np.ones(n)
        np.add.reduce(delta_z)
    """,
}
"""Each is the right line, written otherwise."""

Problem = tuple[list[Layer], Any, Any, float]


def rows(table: dict[str, str]) -> list[tuple[str, str]]:
    """Return each entry of a table: the line that it stands for, and its code."""
    return [
        (name, code.strip()) for name, text in table.items() for code in text.strip().split("\n")
    ]


def backward(name: str, code: str, X: Any, y: Any, l2: float) -> Callable[[Sequence[Layer]], Any]:
    """Return the backward pass with one line replaced."""
    lines = {
        key: compile(code if key == name else line, key, "eval") for key, line in LINES.items()
    }

    def grad(params: Sequence[Layer]) -> list[Layer]:
        (W1, b1), (W2, b2) = params
        _, a, u = layers.forward(params, X)
        e = np.exp(u - u.max(axis=1, keepdims=True))
        (n, d), (h, K) = X.shape, W2.shape
        known = {
            "np": np, "layers": layers, "X": X, "y": y, "l2": l2, "W1": W1, "b1": b1, "W2": W2,
            "b2": b2, "z": X @ W1 + b1, "a": a, "u": u, "e": e, "p": layers.softmax(u),
            "Y": np.eye(K)[y], "n": n, "d": d, "h": h, "K": K,
        }  # fmt: skip
        for key, line in lines.items():
            known[key] = eval(line, known)
        return [
            Layer(known["grad_W1"], known["grad_b1"]),
            Layer(known["grad_W2"], known["grad_b2"]),
        ]

    return grad


def problem(sizes: Sequence[int], n: int, seed: int) -> Problem:
    """Return parameters, samples, labels and lambda: a point at which no coordinate is weak."""
    rng = np.random.default_rng(seed)
    params = [Layer(W, rng.normal(size=len(b))) for W, b in layers.init(rng, sizes)]
    return params, rng.normal(size=(n, sizes[0])), rng.integers(0, sizes[-1], n), 0.37
