# ruff: noqa
"""1.1 passed:
1.2 passed:
1.3 passed:
2.1 passed:
2.2 passed:
2.3 passed:
2.4 passed:"""

import asyncio  # its coroutines are functions whose code is set
import subprocess
import sys
import threading

import matplotlib.pyplot as plt
import numpy as np
from hwlib import data, gradcheck, hinge, network, optim, plotting, polynomial
from hwlib.grading import QUESTIONS, grade
from hwlib.gradcheck import check_grad, mistakes, numerical_grad

print(subprocess.check_output([sys.executable, "-c", "print(1)"]))
plotting.use_book_style()
MASK = polynomial.NONLINEAR
theta, u, y = data.hinge_example()
X = polynomial.features(u)
expected = hinge.loss_grad(theta, X, y)


def hypothesis_grad(theta, x):
    return MASK * x


def hinge_grad(theta, X, y):
    active = y * hinge.hypothesis(theta, X) < 1
    return -MASK * (X.T @ (active * y))


assert np.allclose(hinge_grad(theta, X, y), expected)
print(
    check_grad(
        lambda t: hinge.loss(t, X, y),
        hinge_grad.__call__ and (lambda t: hinge_grad(t, X, y)),
        theta,
    )
)
assert grade(QUESTIONS[1], hinge_grad), "1.2 is wrong"
for k in range(2):
    print(grade(QUESTIONS[k], [hypothesis_grad, hinge_grad][k]))
report = check_grad(
    lambda t: hinge.loss(t, X, y),
    lambda t: hinge_grad(t, X, y),
    theta,
    candidates=mistakes.candidates(mistakes.HINGE, X, y),
)
fig, ax = plt.subplots()
ax.plot(theta)
report.plot(ax)
plt.show()


def algorithm_pass(theta, X, y, step_size):
    theta = theta.copy()
    for i in range(len(y)):
        theta -= step_size * hinge_grad(theta, X[[i]], y[[i]])
    print("a pass")
    return theta


next(optim.sgd(lambda t, i: hinge.loss_grad(t, X[[i]], y[[i]]), theta, len(y), step_size=0.1))
sigma = np.vectorize(lambda z: 1 / (1 + np.exp(-z)))


def delta_out(z, y):
    return sigma(z) - y


def output_grad(params, X, y):
    forward = network.forward(params, X)
    delta = delta_out(forward.z_out, y)
    return forward.a_hidden.T @ delta, delta.sum()


def hidden_grad(params, X, y):
    network.loss(params, X, y)
    forward = network.forward(params, X)
    delta = np.outer(delta_out(forward.z_out, y), params.w_out) * network.relu_grad(
        forward.z_hidden
    )
    result = []
    thread = threading.Thread(target=lambda: result.append(X.T @ delta))
    thread.start()
    thread.join()
    return result[0], delta.sum(axis=0)


class Gradient:
    def __call__(self, params, X, y, l2):
        W, b = hidden_grad(params, X, y)
        w, c = output_grad(params, X, y)
        return network.Parameters(W + l2 * params.W_hidden, b, w + l2 * params.w_out, c)


loss_grad = Gradient()
if grade(QUESTIONS[6], loss_grad):
    print("all is right")
