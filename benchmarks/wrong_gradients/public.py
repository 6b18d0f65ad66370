"""Wrong gradients that people asked about or reported in public, rebuilt in a few lines.

The functions and points are this book's own, and as small as the mistake allows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from benchmarks.wrong_gradients.case import (
    CLASSES,
    FIVE,
    INPUTS,
    LABELS,
    NET,
    ONE_HOT,
    SCORES,
    TARGETS,
    THREE,
    UPSTREAM,
    Case,
    Net,
    logistic,
    net_gradient,
    net_loss,
    net_parts,
    relu,
    right_net_gradient,
    scores_gradient,
    scores_loss,
    sigmoid,
    softmax,
)  # fmt: skip

CASES: list[Case] = []
M = len(INPUTS)
NO_CHANGE = {"JAX": "its arrays cannot be changed in place"}


def wrong(name: str, source: str, kind: str, f: Any, grad: Any, x: Any, why: str, **more: Any):
    CASES.append(Case(name, source, kind, f, grad, x, why, wrong=True, **more))


# Penalties


def all_penalized(xp, p):
    return net_loss("relu")(xp, p) + 0.1 * sum(xp.sum(part**2) for part in p)


def biases_left_out(p):
    g = right_net_gradient(p, "relu")
    return g._replace(W=g.W + 0.2 * p.W, w=g.w + 0.2 * p.w)


wrong(
    "penalty on biases that are 0", "github.com/Burton2000/CS231n-2017 #9", "penalty",
    all_penalized, biases_left_out, NET._replace(b=np.zeros(4), c=np.float64(0)),
    "The loss penalizes the biases, the gradient does not, and every bias starts at 0.",
    elsewhere=(all_penalized, biases_left_out, NET),
)  # fmt: skip


def many_margins(xp, W):
    s = xp.array(INPUTS) @ W
    own = xp.sum(xp.array(ONE_HOT) * s, axis=1)[:, None]
    return (xp.sum(relu(xp, s - own + 1)) - M) / M


def many_margins_gradient(W):
    s = INPUTS @ W
    over = (s - s[np.arange(M), CLASSES][:, None] + 1 > 0) - ONE_HOT
    return INPUTS.T @ (over - ONE_HOT * over.sum(axis=1, keepdims=True)) / M


wrong(
    "a penalty too small to be missed", "github.com/cs231n/cs231n.github.io #253", "penalty",
    lambda xp, W: many_margins(xp, W) + 5e-6 * xp.sum(W**2), many_margins_gradient, 40 * SCORES,
    "The term of the penalty is left out, with a weight of 5e-6.",
)  # fmt: skip
wrong(
    "half of the penalty in a multiclass hinge loss",
    "github.com/jingtinghuang/CS231n-Spring-2017 #3", "penalty",
    lambda xp, W: many_margins(xp, W) + 0.3 * xp.sum(W**2),
    lambda W: many_margins_gradient(W) + 0.3 * W, SCORES,
    "The penalty is lambda W squared, and its derivative was written as lambda W.",
)  # fmt: skip
wrong(
    "twice the penalty", "github.com/cs231n/cs231n.github.io #89", "penalty",
    lambda xp, W: scores_loss(xp, W) + 0.5 * 0.7 * xp.sum(W**2),
    lambda W: scores_gradient(W) + 2 * 0.7 * W, SCORES,
    "The loss has one half before the penalty, which the notes that were followed have not.",
)  # fmt: skip
wrong(
    "the value of the penalty for its derivative", "github.com/JPLAY0/CS231nAssignment #10",
    "penalty",
    lambda xp, W: scores_loss(xp, W) + 0.15 * xp.sum(W**2),
    lambda W: scores_gradient(W) + 0.3 * np.sum(W * W), SCORES,
    "The question proposes to add the sum of squares, one number, to each component.",
)  # fmt: skip
wrong(
    "the square in the derivative of the penalty", "github.com/omar-florez/scratch_mlp #5",
    "penalty",
    lambda xp, p: net_loss("tanh")(xp, p) + 0.2 * (xp.sum(p.W**2) + xp.sum(p.w**2)),
    lambda p: (lambda g: g._replace(W=g.W + 0.4 * p.W, w=g.w + 0.4 * p.w**2))(
        right_net_gradient(p, "tanh")
    ), NET,
    "The derivative of the penalty on the output weights keeps the square.",
)  # fmt: skip


def logistic_penalty(lam):
    return lambda xp, t: (
        xp.mean(logistic(xp, xp.array(INPUTS) @ t, LABELS)) + lam / (2 * M) * xp.sum(t[1:] ** 2)
    )


def logistic_gradient(t):
    return INPUTS.T @ (sigmoid(INPUTS @ t) - LABELS) / M


def alias_zeroed(t):
    error = sigmoid(INPUTS @ t) - LABELS
    without_first = t  # the same array
    without_first[1] = 0
    return INPUTS.T @ error / M + 1.5 / M * without_first


wrong(
    "an alias of the parameters is changed",
    "github.com/dibgerge/ml-coursera-python-assignments #45", "argument changed",
    logistic_penalty(1.5), alias_zeroed, THREE,
    "A second name for theta gets a 0 at index 1: theta itself changes, and index 0 is penalized.",
    not_for=NO_CHANGE,
)  # fmt: skip


def zeroed_afterwards(t):
    g = logistic_gradient(t)
    t[0] = 0.0
    return g + 1.5 / M * t


wrong(
    "the bias is set to 0 in the caller's array", "github.com/lawlite19/MachineLearning_Python #4",
    "argument changed", logistic_penalty(1.5), zeroed_afterwards, THREE,
    "The returned numbers are right, but the caller's bias is 0 afterwards.", not_for=NO_CHANGE,
)  # fmt: skip
wrong(
    "ones where the biases should be left out",
    "github.com/JWarmenhoven/Coursera-Machine-Learning #3",
    "penalty", logistic_penalty(1.5),
    lambda t: logistic_gradient(t) + 1.5 / M * np.r_[1.0, t[1:]], THREE,
    "The bias is replaced by 1 instead of 0 before the penalty is added.",
)  # fmt: skip
wrong(
    "the feature left out of a regularized gradient",
    "github.com/fengdu78/Coursera-ML-AndrewNg-Notes #82", "input forgotten", logistic_penalty(1.5),
    lambda t: np.mean(sigmoid(INPUTS @ t) - LABELS) + 1.5 / M * np.r_[0.0, t[1:]], THREE,
    "The printed formula has no x_j behind the error.",
)  # fmt: skip


def updated_twice(t, alpha=0.1):
    shrink, error = 1 - alpha * 1.5 / M, sigmoid(INPUTS @ t) - LABELS
    new = t * shrink - alpha * INPUTS.T @ error / M
    new[0] = new[0] - alpha * INPUTS[:, 0] @ error / M
    return (t - new) / alpha


wrong(
    "the bias is stepped twice", "github.com/trekhleb/homemade-machine-learning #17",
    "stepped value", logistic_penalty(1.5), updated_twice, THREE,
    "One line steps all parameters, with the penalty; the next steps the bias again.",
)  # fmt: skip


def two_layers_penalized(xp, x):
    W1, W2, W3 = x
    s = xp.tanh(xp.tanh(xp.array(INPUTS) @ W1) @ W2) @ W3
    return xp.mean((s - xp.array(TARGETS)) ** 2) + 0.2 * (xp.sum(W1**2) * 2 + xp.sum(W2**2))


class Three(NamedTuple):
    W1: Any
    W2: Any
    W3: Any


def three_gradient(x):
    a = np.tanh(INPUTS @ x.W1)
    b = np.tanh(a @ x.W2)
    d = 2 * (b @ x.W3 - TARGETS) / M
    db = np.outer(d, x.W3) * (1 - b**2)
    da = db @ x.W2.T * (1 - a**2)
    return Three(INPUTS.T @ da + 0.4 * x.W1, a.T @ db + 0.4 * x.W2, b.T @ d + 0.4 * x.W3)


wrong(
    "the penalty of the first layer twice, of the last never", "github.com/lightaime/cs231n #2",
    "penalty", two_layers_penalized, three_gradient,
    Three(SCORES, SCORES.T + 0.1, THREE),
    "The loss adds W1 where W3 was meant; the gradient is that of the loss that was meant.",
)  # fmt: skip

# Factors and means

wrong(
    "a product with another weight matrix doubled, a bias quadrupled",
    "github.com/bighuang624/Andrew-Ng-Deep-Learning-notes #10", "factor", net_loss("relu"),
    lambda p: (lambda g: g._replace(W=2 * g.W, b=4 * g.b))(right_net_gradient(p, "relu")), NET,
    "Two mistakes at once: one matrix times 2, one bias with 4/m for 1/m.",
)  # fmt: skip


def divided_twice(p):
    _, a, d = net_parts(p, "tanh")
    return net_gradient(a, d, np.outer(d, p.w) * (1 - a**2) / M)


wrong(
    "1/m twice in the hidden layer", "community.deeplearning.ai/t/63071", "mean for sum",
    net_loss("tanh"), divided_twice, NET,
    "The hidden error is divided by m, and the gradients made of it again.",
)  # fmt: skip
wrong(
    "sum for mean, with a right penalty",
    "github.com/stephencwelch/Neural-Networks-Demystified #15", "mean for sum",
    lambda xp, p: net_loss("tanh")(xp, p) + 0.05 * (xp.sum(p.W**2) + xp.sum(p.w**2)),
    lambda p: (lambda g: Net(M * g.W + 0.1 * p.W, M * g.b, M * g.w + 0.1 * p.w, M * g.c))(
        right_net_gradient(p, "tanh")
    ), NET,
    "The loss is a mean; the gradient of its data part was not divided by the number of samples.",
)  # fmt: skip
wrong(
    "loss with its penalty averaged, gradient not", "github.com/dennybritz/nn-from-scratch #13",
    "mean for sum",
    lambda xp, p: net_loss("tanh")(xp, p) + 0.2 / 2 / M * (xp.sum(p.W**2) + xp.sum(p.w**2)),
    lambda p: (lambda g: Net(M * g.W + 0.2 * p.W, M * g.b, M * g.w + 0.2 * p.w, M * g.c))(
        right_net_gradient(p, "tanh")
    ), NET,
    "The whole loss is divided by the number of samples, nothing of the gradient is.",
)  # fmt: skip
wrong(
    "softmax off by a factor of two", "github.com/markroxor/fromscratchtoml #65", "factor",
    scores_loss, lambda W: 2 * scores_gradient(W), SCORES,
    "The gradient of a softmax layer was twice what it should be.",
)  # fmt: skip


def one_cross_entropy(xp, z):
    y = xp.array(np.array([0.0, 0.0, 1.0, 0.0, 0.0]))
    return (xp.log(xp.sum(xp.exp(z))) - xp.sum(y * z)) / 5


wrong(
    "the loss divides by the number of classes", "z.id.vn/?p=348969", "factor",
    one_cross_entropy, lambda z: softmax(z) - np.eye(5)[2], FIVE,
    "The loss divides by the length of the label's vector; softmax minus label does not.",
)  # fmt: skip


def pseudo_huber(xp, r):
    return 0.9**2 * xp.sum(xp.sqrt(1 + (r / 0.9) ** 2) - 1)


wrong(
    "the width missing in a pseudo-Huber loss", "github.com/RubixML/ML #446", "factor",
    pseudo_huber, lambda r: r / np.sqrt(r**2 + 0.9**2), FIVE,
    "The derivative lacks the factor alpha, invisible in tests with alpha = 1.",
)  # fmt: skip


class Conic(NamedTuple):
    xx: Any
    xy: Any
    yy: Any


D1, D2 = np.array([0.4, -0.7, 1.1]), np.array([0.8, 0.3, -0.5])


def gaussian_2d(xp, q):
    u, v = xp.array(D1), xp.array(D2)
    return xp.sum(xp.exp(-0.5 * (q.xx * u**2 + q.yy * v**2) - q.xy * u * v))


def conic_gradient(q):
    e = np.exp(-0.5 * (q.xx * D1**2 + q.yy * D2**2) - q.xy * D1 * D2)
    return Conic(np.sum(-0.5 * e * D1**2), np.sum(-0.5 * e * D1 * D2), np.sum(-0.5 * e * D2**2))


wrong(
    "the mixed term of a quadratic form halved",
    "github.com/graphdeco-inria/diff-gaussian-rasterization #64", "factor", gaussian_2d,
    conic_gradient, Conic(np.float64(0.9), np.float64(0.2), np.float64(1.3)),
    "The mixed term has factor 1 in the exponent, and one half in its derivative.",
)  # fmt: skip

# Signs


class Pair(NamedTuple):
    x: Any
    y: Any


wrong(
    "sign of the second argument", "github.com/jax-ml/jax #3213", "sign",
    lambda xp, q: xp.sum(xp.sin(q.x) * q.y), lambda q: Pair(np.cos(q.x) * q.y, -np.sin(q.x)),
    Pair(FIVE, UPSTREAM), "In the example of a manual, sin(x) y has the derivative -sin(x) by y.",
)  # fmt: skip
wrong(
    "the sign of x in copysign", "github.com/chalk-lab/Mooncake.jl #1195", "sign",
    lambda xp, x: xp.sum(xp.array(UPSTREAM) * xp.abs(x)), lambda x: UPSTREAM * np.ones(5), FIVE,
    "copysign(x, 3) has slope sign(x); the rule gives 1, right for positive x alone.",
)  # fmt: skip


class Gaussian(NamedTuple):
    mean: Any
    log_width: Any


def log_likelihood(xp, q):
    r = xp.array(TARGETS) - q.mean
    return -0.5 * xp.sum(r**2) * xp.exp(-2 * q.log_width) - M * q.log_width


def sign_of_mean(q):
    r, e = TARGETS - q.mean, np.exp(-2 * q.log_width)
    return Gaussian(-np.sum(r) * e, np.sum(r**2) * e - M)


wrong(
    "the sign for the mean alone", "github.com/STOR-i/GaussianProcesses.jl #26", "sign",
    log_likelihood, sign_of_mean, Gaussian(np.float64(0.35), np.float64(-0.2)),
    "Of the parameters of a log likelihood, that of the mean has the wrong sign.",
)  # fmt: skip


def natural_width(xp, s):
    return 0.5 * xp.sum(xp.array(TARGETS) ** 2) / s[0] ** 2 + M * xp.log(s[0])


wrong(
    "a derivative with respect to the logarithm", "github.com/shogun-toolbox/shogun #2650",
    "chain rule", natural_width, lambda s: M - np.sum(TARGETS**2) / s**2, np.array([1.7]),
    "The gradient is with respect to log sigma, where the parameter is sigma.",
)  # fmt: skip

# Activations and gates


def gate_always_open(p):
    _, a, d = net_parts(p, "relu")
    return net_gradient(a, d, np.outer(d, p.w) * (a >= 0))


wrong(
    "a gate that is always open", "community.deeplearning.ai/t/115254", "branch",
    net_loss("relu"), gate_always_open, NET,
    "The gate asks whether a is at least 0, which holds behind every ReLU.",
)  # fmt: skip


def tanh_of_upstream(x):
    return 1 - np.tanh(UPSTREAM) ** 2


def weighted_tanh(xp, x):
    return xp.sum(xp.array(UPSTREAM) * xp.tanh(x))


wrong(
    "tanh differentiated at the upstream gradient", "github.com/yizt/numpy_neural_network #6",
    "chain rule", weighted_tanh, tanh_of_upstream, FIVE,
    "The derivative is taken at what comes back, and the input is not used.",
)  # fmt: skip
wrong(
    "tangent for hyperbolic tangent", "github.com/gy910210/neural-network-from-scratch #2", "sign",
    weighted_tanh, lambda x: UPSTREAM * (1 + np.tanh(x) ** 2), FIVE,
    "The correction that was proposed is the derivative of the tangent.",
)  # fmt: skip


def arctanh_slope(p):
    z, a, d = net_parts(p, "tanh")
    return net_gradient(a, d, np.outer(d, p.w) * (1 - z**2))


wrong(
    "1 - z squared for 1 - a squared",
    "github.com/lazyprogrammer/facial-expression-recognition #2", "chain rule", net_loss("tanh"),
    arctanh_slope, NET, "The question proposes to put the input of tanh into 1 - tanh squared.",
)  # fmt: skip
wrong(
    "tanh differentiated at its own output", "github.com/davidrmiller/neural2d #40", "chain rule",
    weighted_tanh, lambda x: UPSTREAM * (1 - np.tanh(np.tanh(x)) ** 2), FIVE,
    "The function that gives the derivative is called with the output, not the input.",
)  # fmt: skip


def squared_error(xp, p):
    o = 1 / (1 + xp.exp(-(xp.array(INPUTS) @ p.x + p.y)))
    return 0.5 * xp.sum((xp.array(LABELS) - o) ** 2)


def slope_at_bias(p):
    o = sigmoid(INPUTS @ p.x + p.y)
    return Pair(INPUTS.T @ ((o - LABELS) * o * (1 - o)), np.sum(o - LABELS) * p.y * (1 - p.y))


wrong(
    "the output's bias through the derivative at the bias", "ai.stackexchange.com/questions/16675",
    "chain rule", squared_error, slope_at_bias, Pair(THREE, np.float64(0.3)),
    "The error is multiplied by the sigmoid's derivative at the bias instead of at the output.",
)  # fmt: skip


def elementwise_forgotten(p):
    _, a, d = net_parts(p, "tanh")
    return net_gradient(a, d, np.outer(d, p.w) @ (1 - a.T @ a))


wrong(
    "a matrix product for the elementwise one", "community.deeplearning.ai/t/402919",
    "matrix product", net_loss("tanh"), elementwise_forgotten, NET,
    "The slopes of tanh are multiplied as matrices, so that samples and units mix.",
)  # fmt: skip

# Hinge, Huber, maximum


def hinge(xp, w):
    y = xp.array(2 * LABELS - 1)
    return xp.sum(relu(xp, 1 - y * (xp.array(INPUTS) @ w)))


wrong(
    "the condition of the hinge loss lost", "math.stackexchange.com/questions/2078966", "branch",
    hinge, lambda w: np.maximum(0, -(2 * LABELS - 1)[:, None] * INPUTS).sum(axis=0), THREE,
    "max(0, -y x) was taken as the derivative: the weights do not occur in it.",
)  # fmt: skip


def huber(xp, r):
    size = xp.abs(r)
    return xp.where(size <= 1, 0.5 * r**2, size - 0.5)


wrong(
    "Huber without the upstream gradient", "github.com/chainer/chainer #1175", "upstream forgotten",
    lambda xp, r: xp.sum(xp.array(UPSTREAM) * huber(xp, r)), lambda r: np.clip(r, -1, 1), FIVE,
    "What comes after the loss does not enter the gradient.",
)  # fmt: skip
wrong(
    "Huber's branch on the signed difference", "github.com/BobMcDear/attorch #13", "branch",
    lambda xp, r: xp.sum(huber(xp, r)), lambda r: np.where(r < 1, r, np.sign(r)), FIVE,
    "The branch is chosen by the difference instead of its size: wrong below -1.",
)  # fmt: skip


def spread(xp, x):
    return xp.sum((x - xp.min(x)) / (xp.max(x) - xp.min(x)))


def without_maximum(x):
    low, high = x.min(), x.max()
    g = np.full(len(x), 1 / (high - low))
    g[x.argmin()] += np.sum(x - high) / (high - low) ** 2
    return g


wrong(
    "the path through the maximum forgotten", "github.com/FluxML/Zygote.jl #197", "term forgotten",
    spread, without_maximum, FIVE,
    "The normalization divides by maximum minus minimum; the maximum got no gradient.",
)  # fmt: skip
wrong(
    "the denominator taken as constant", "github.com/FluxML/Zygote.jl #208", "term forgotten",
    lambda xp, x: 3 * x[0] / xp.max(x), lambda x: 3 / x, np.array([1.3]),
    "x over its own maximum is constant; the gradient is that with a constant denominator.",
)  # fmt: skip

# Upstream gradients and paths that are lost


def isrlu(xp, x):
    low = xp.minimum(x, 0.0)
    return x / xp.sqrt(1 + low**2)


wrong(
    "an activation's slope without what comes back", "github.com/pytorch/pytorch #4355",
    "upstream forgotten", lambda xp, x: xp.sum(xp.array(UPSTREAM) * isrlu(xp, x)),
    lambda x: 1 / np.sqrt(1 + np.minimum(x, 0) ** 2) ** 3, FIVE,
    "The slope is right, and is not multiplied by the gradient that comes back.",
)  # fmt: skip
wrong(
    "a factor after the function, unseen by its gradient", "github.com/tensorflow/tensorflow #1847",
    "upstream forgotten", lambda xp, x: 1.1 * xp.sum(x**3), lambda x: 3 * x**2, FIVE,
    "Tests without anything behind the function pass; a factor of 1.1 shows the mistake.",
)  # fmt: skip
wrong(
    "a constant with the gradient of the identity", "github.com/pytorch/pytorch #80839",
    "input forgotten", lambda xp, x: xp.sum(0.0 * x + 2.5), lambda x: np.ones(5), FIVE,
    "The input is overwritten by a constant, but the gradient passes through.",
)  # fmt: skip
wrong(
    "a squared difference that returns its inputs", "github.com/SciSharp/TensorFlow.NET #787",
    "chain rule", lambda xp, q: xp.sum((q.x - q.y) ** 2) / 2, lambda q: Pair(q.x, q.y),
    Pair(FIVE, UPSTREAM), "The gradient of (x - y) squared is given as x and y.",
)  # fmt: skip


def softmax_dot(xp, z):
    e = xp.exp(z)
    return xp.sum(xp.array(UPSTREAM) * e) / xp.sum(e)


wrong(
    "softmax without its dot product", "github.com/HomericIntelligence/Odyssey #2134",
    "term forgotten", softmax_dot, lambda z: softmax(z) * UPSTREAM, FIVE,
    "From the upstream gradient its mean under softmax must be subtracted.",
)  # fmt: skip


def cell(xp, q):
    f, c = 1 / (1 + xp.exp(-q.x)), xp.array(UPSTREAM)
    return xp.sum(xp.tanh(c * f + q.y))


def gate_itself(q):
    f = sigmoid(q.x)
    dc = 1 - np.tanh(UPSTREAM * f + q.y) ** 2
    return Pair(dc * UPSTREAM * f, dc)


wrong(
    "a gate for its derivative", "github.com/CaptainE/RNN-LSTM-in-numpy #1", "chain rule",
    cell, gate_itself, Pair(FIVE, np.array([0.2, -0.3, 0.5, 0.1, 0.4])),
    "Behind the forget gate stands sigma where its derivative belongs.",
)  # fmt: skip


class Gates(NamedTuple):
    b_f: Any
    b_i: Any
    b_o: Any


def gates(xp, g):
    f, i, o = (1 / (1 + xp.exp(-b)) for b in g)
    return xp.sum(o * xp.tanh(0.7 * f + xp.array(np.array([0.4, -1.1, 0.9])) * i))


def one_delta_for_all(g):
    f, i, o = map(sigmoid, g)
    c = np.tanh(0.7 * f + np.array([0.4, -1.1, 0.9]) * i)
    delta_f = o * (1 - c**2) * 0.7 * f * (1 - f)
    return Gates(delta_f, delta_f, delta_f)


wrong(
    "the forget gate's delta for all gates", "github.com/hanbt/learn_dl #53", "copied line",
    gates, one_delta_for_all, Gates(THREE, THREE[::-1].copy(), np.array([0.1, 0.5, -0.9])),
    "The gradients of two other biases are copies of the first line.",
)  # fmt: skip


def two_steps(xp, x):
    h1 = xp.tanh(xp.array(UPSTREAM) * x)
    return xp.sum(h1) + xp.sum(xp.tanh(x * h1))


def last_path_only(x):
    h1 = np.tanh(UPSTREAM * x)
    dh = (1 - np.tanh(x * h1) ** 2) * x  # the path of the first output is overwritten
    return dh * (1 - h1**2) * UPSTREAM + (1 - np.tanh(x * h1) ** 2) * h1


wrong(
    "set instead of added", "github.com/apache/mxnet #4057", "term forgotten", two_steps,
    last_path_only, FIVE, "Two paths lead back to a state; the second overwrites the first.",
)  # fmt: skip


def precision_density(xp, t):
    q = xp.exp(t[0])
    return 0.5 * (M * xp.log(q) + M * t[1]) - 0.5 * q * xp.sum((xp.array(TARGETS) - t[1]) ** 2)


def determinant_dropped(t):
    r = TARGETS - t[1]
    return np.array([-0.5 * np.exp(t[0]) * np.sum(r**2), np.exp(t[0]) * np.sum(r) + 0.5 * M])


wrong(
    "the log-determinant dropped", "github.com/timweiland/GaussianMarkovRandomFields.jl #193",
    "term forgotten", precision_density, determinant_dropped, np.array([0.6, 0.3]),
    "The gradient is that of the quadratic form alone: the log-determinant counts as constant.",
)  # fmt: skip

# Values that were stepped, other losses, other samples


def stepped_output(p, step=0.5):
    _, a, d = net_parts(p, "tanh")
    w = p.w - step * a.T @ d
    return net_gradient(a, d, np.outer(d, w) * (1 - a**2))


wrong(
    "the hidden error with stepped output weights",
    "github.com/joelgrus/data-science-from-scratch #31", "stepped value", net_loss("tanh"),
    stepped_output, NET, "The output weights are stepped before the hidden errors are computed.",
)  # fmt: skip

RATINGS = np.outer([1.0, -0.5, 0.8], [0.6, 1.2, -0.9]) + 0.3


def stepped_factor(q, step=0.05):
    e = RATINGS - np.outer(q.x, q.y)
    dx = -2 * e @ q.y
    return Pair(dx, -2 * e.T @ (q.x - step * dx))


wrong(
    "the second factor from the first one stepped",
    "github.com/albertauyeung/matrix-factorization-in-python #3", "stepped value",
    lambda xp, q: xp.sum((xp.array(RATINGS) - q.x[:, None] * q.y[None, :]) ** 2), stepped_factor,
    Pair(THREE, np.array([0.9, 0.2, -0.7])),
    "Q is stepped with the P that was stepped just before.",
)  # fmt: skip


def one_after_the_other(t, alpha=0.1):
    old, new = t.copy(), t  # a second name, no copy
    for j in range(3):
        new[j] = t[j] - alpha / M * np.sum((INPUTS @ t - TARGETS) * INPUTS[:, j])
    return (old - new) / alpha


wrong(
    "parameters stepped one after the other", "github.com/kaleko/CourseraML #12",
    "argument changed",
    lambda xp, t: 0.5 * xp.mean((xp.array(INPUTS) @ t - xp.array(TARGETS)) ** 2),
    one_after_the_other, THREE,
    "The copy is a second name: each parameter sees those that were stepped before it.",
    not_for=NO_CHANGE,
)  # fmt: skip
wrong(
    "the output differenced instead of the loss", "stats.stackexchange.com/questions/188678",
    "another loss",
    lambda xp, t: t[0] + 0.0 * t[1] + t[2],
    lambda t: (t[0] + t[2] - 0.1056) * np.array([1.0, 0, 1]),
    np.array([0.34, 0.56, 0.54]),
    "The gradient is that of the squared loss; what was differenced is the output.",
)  # fmt: skip


class Biases(NamedTuple):
    user: Any
    alpha: Any


DEV = np.array([0.5, -0.3, 0.9, 0.2, -1.1])


def ratings_loss(xp, q):
    e = xp.array(UPSTREAM) - q.user - q.alpha * xp.array(DEV)
    return xp.sum(e**2) + 0.3 * (q.user**2 + q.alpha**2)


def penalty_times_error(q):
    e = UPSTREAM - q.user - q.alpha * DEV
    return Biases(-2 * e.sum() + 2 * 0.3 * q.user, np.sum(2 * e * (-DEV + 2 * 0.3 * q.alpha)))


wrong(
    "the penalty multiplied by the error", "github.com/dandxy89/BellkorAlgorithm #3", "penalty",
    ratings_loss, penalty_times_error, Biases(np.float64(0.4), np.float64(-0.8)),
    "A bracket too wide: the penalty stands inside the factor 2 e.",
)  # fmt: skip

COUNTS = np.array([3.0, 0.0, 5.0, 2.0, 7.0])


def poisson(xp, t):
    return xp.sum(xp.exp(t[0]) - xp.array(COUNTS) * t[0]) + xp.sum(t[1] * t[1] * xp.array(COUNTS))


wrong(
    "only the first of many observations", "github.com/stan-dev/math #1662", "samples forgotten",
    poisson, lambda t: np.array([5 * np.exp(t[0]) - COUNTS[0], 2 * t[1] * COUNTS.sum()]),
    np.array([0.9, 0.4]),
    "The loop runs over the parameter's length, so that one observation enters a derivative; "
    "rebuilt on a simpler likelihood.",
)  # fmt: skip
DRIFT = np.array([[1.1, 0.3, -0.4], [0.2, 0.7, 0.5], [-0.6, 0.1, 0.9]])
wrong(
    "the sum of a row for the diagonal", "github.com/AndreiChertkov/fpcross #2", "places swapped",
    lambda xp, x: 0.5 * xp.sum(xp.array(np.diag(DRIFT)) * x**2),
    lambda x: DRIFT.sum(axis=1) * x, THREE,
    "The derivative of component i by x_i is the diagonal of the matrix, not the row's sum.",
)  # fmt: skip
wrong(
    "the power's exponent drawn as 0", "github.com/dlsyscourse/hw1 #8", "chain rule",
    lambda xp, x: xp.sum(x**0), lambda x: 0 * x**0, FIVE,
    "There is no test of the power of a scalar; at exponent 0 even k x^k passes for k x^(k-1).",
    elsewhere=(lambda xp, x: xp.sum(x**3), lambda x: 3 * x**3, FIVE),
)  # fmt: skip


def cancelled_sinc(x):
    return (np.cos(x) - np.sin(x) / x) / x


wrong(
    "a gradient lost in cancellation", "github.com/jax-ml/jax #35305", "precision",
    lambda xp, x: xp.sum(xp.sin(x) / x), cancelled_sinc, np.array([1e-7, 3e-8]),
    "Near 0, cos x - sin x / x is rounding alone.",
    smooth=lambda xp, x: xp.sum(1 - x**2 / 6 + x**4 / 120),
)  # fmt: skip


def rounded_solver(xp, x):
    return xp.sum(xp.round(1e9 * x**3) / 1e9)  # a solver that stops returns no more digits


wrong(
    "3 percent, behind a solver's tolerance", "github.com/pasteurlabs/tesseract-core #740",
    "factor", rounded_solver, lambda x: 3 * x**2 * np.array([1, 1, 1.03, 1, 1]), FIVE,
    "One term is 3 percent off, and the function stops at a tolerance of 1e-9.",
    smooth=lambda xp, x: xp.sum(x**3),
)  # fmt: skip
