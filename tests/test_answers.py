"""The answer boxes in a real browser: what is typed is read as meant, and judged by its values."""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
import pytest
from pages import NARROW, elements, go, watch
from playwright.sync_api import Browser, BrowserContext, Page

from hwlib.gradcheck.mistakes import HINGE, NETWORK
from site_ext import answer_data, answers
from site_ext.numbering import text_of as text_of_page

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "site_ext" / "static"
STORED = json.loads(answers.STORED.read_text("utf-8"))
HINGE_PAGE, NETWORK_PAGE = "hinge_2_gradient", "network_3_hidden_weight"
PAGES = {
    label: path.stem
    for path in sorted((ROOT / "chapters").glob("*.ipynb"))
    for label, _ in answer_data.BOX.findall(text_of_page(path.with_suffix("")))
}

# Types texts into a box, one after the other, and submits each as Enter does.
TYPE = """([label, texts]) => {
  const form = document.querySelector(`form.answer[data-answer="${label}"]`);
  const [input, output] = ["input[name=answer]", "output"].map((s) => form.querySelector(s));
  return texts.map((text) => {
    const start = performance.now();
    input.value = text;
    input.dispatchEvent(new Event("input"));
    form.requestSubmit();
    return {
      verdict: output.dataset.verdict, name: output.dataset.name, said: output.textContent,
      math: form.querySelector(".reading math")?.outerHTML ?? "", ms: performance.now() - start,
    };
  });
}"""


class Said(NamedTuple):
    """What a box answers."""

    verdict: str
    name: str
    said: str
    math: str
    ms: float


Try = Callable[..., list[Said]]


class Tabs(dict[str, Page]):
    """Pages of a site, each opened when it is asked for; each test finds them as they were left.

    What stands around the boxes is taken away: a browser would lay it out after each answer.
    """

    def __init__(self, context: BrowserContext, site: Path) -> None:
        self.context, self.site = context, site

    def __missing__(self, name: str) -> Page:
        page = self[name] = watch(self.context.new_page())
        go(page, f"{self.site.as_uri()}/chapters/{name}.html")
        page.evaluate("""for (const e of document.querySelectorAll("article :is(math, svg, pre)"))
          if (!e.closest("form.answer")) e.remove()""")
        return page


@pytest.fixture(scope="module")
def tabs(browser: Browser, site: Path) -> Iterator[Tabs]:
    """The pages with boxes."""
    context = browser.new_context()
    yield (opened := Tabs(context, site))
    assert [page.complaints for page in opened.values() if page.complaints] == []
    context.close()


@pytest.fixture
def type_into(tabs: Tabs) -> Try:
    def types(label: str, *texts: str) -> list[Said]:
        return [Said(**each) for each in tabs[PAGES[label]].evaluate(TYPE, [label, [*texts]])]

    return types


RIGHT = {
    "hinge-theta": [
        "-y x_j mu_j [y h < 1]", "−y·x_j·μ_j·[y·h < 1]", "-yμx[yh<1]",
        "- y * x_j * mu_j * [1 > y*h]",
        "-y_i \\mu_j x_{ij} [y_i h_\\theta(\\mathbf{x}_i) < 1]", "-yxⱼμⱼ[1 - yh > 0]",
        "dl/dθ_j = -y x_j μ_j [y h < 1]", "-y x_j mu_j (1 - [y h >= 1])", "-mu_j x_j y (y h < 1)",
        "x_j mu_j ([y=-1][-h<1] - [y=1][h<1])", "-\\frac{y}{1} \\mu_j x_j [yh < 1]",
        "-y x_j mu_j 1_{y h < 1}", "-[yh<1]mu_j x_j/y", "-y^3 x mu [yh<1].",
        "-Y X_j MU_j [Y H < 1]",
        "-y x_j mu_j max(0, sign(1 - y h))", "-y x_j μ_j[-99 < y h < 1]", "$-y x_j \\mu_j [yh<1]$",
        "-y x_j mu_j² [yh<1]", "0 - {y} [x_j] (mu_j) [yh<1]", "-y x_j mu_j [yh<1 and y=y]",
        "((((((((((-y))))))))))x_j mu_j[yh<1]", "-y x_j mu_j ([yh<1] + 0/(1 + h^2))",
    ],
    "hinge-number": ["2", "2.00", "2,0", "+2", "4/2", "-(-2)", "θ_4 = 2", " 2 ", "0.2e1", "1/.5",
                     "2."],
    "hinge-paper": ["3", "3.00", "4 - 1", "-(-3)"],
    "hinge-squared": [
        "-2y max(1-yh,0)", "-2 y max(0, 1 - y h)", "-2y(1-yh)[yh<1]", "2(h-y)[yh<1]",
        "-2y ReLU(1-r)",
        "-2y abs(1-r) [r<1]", "-y(1-r + abs(1-r))", "-2 y sqrt(max(1-r,0)²)",
    ],
    "hinge-logistic": [
        "-y mu_j x_j e^{-r}/(1+e^{-r})", "-y μ x σ(-r)", "-yμx/(1+exp(r))", "-yμx(1-sigma(y h))",
        "-yμx e^-r / (1 + e^-r)", "-y mu_j x_j exp(-y h) / (1 + exp(-y h))", "-yμx σ'(r)/σ(r)",
        "-yμx(1-tanh(r/2))/2",
    ],
    "sgd-step": [
        "theta_j + alpha y mu_j x_j [y h < 1]", "θ − α(−y μ x [yh<1])",
        "θ_j + α y x_j μ_j (y h < 1)",
        "θ + αμx([y=1][h<1] - [y=-1][-h<1])", "θ_j = θ_j + α y_i μ_j x_{ij} [1 > y h]",
    ],
    "sgd-logistic": [
        "θ + α y μ x/(1 + e^r)", "θ_j + αyμ_j x_j e^{-r}/(1+e^{-r})", "θ - α(-yμxσ(-y h))",
    ],
    "sgd-lift": ["α S", "S alpha", "αy²S", "y(yh + y α S) - y y h", "r + αS - yh"],
    "sgd-paper": ["0.7", "1.1 - 0.4", "7/10", "0,70"],
    "network-w11": [
        "(yhat - y) W14 [z1 > 0] x1", "(ŷ − y)·W₁₄·ReLU′(z₁)·x₁", "δ_{z_4} W_{14} relu'(z_1) x_1",
        "(y_hat-y) W_14 x_1 [a_1>0]", "dL/dW11 = δ x_1 W_14 [z_1 > 0]", "[z1>0] δ_z4 W14 x1",
        "(\\hat{y}-y) W_{14} x_1 \\cdot \\mathbf{1}[z_1>0]", "(sigma(z4) - y) W14 x1 [z1>0]",
        "(σ(z_4) - y) W_{1,4} x1 [z1 > 0]", "(1/(1+e^{-z4}) - y) W14 x1 [z1>0]",
        "(yhat(1-y) - y(1-yhat)) W14 x1 [z1>0]", "(y\u0302 - y) W14 x1 [0 < z1]",
        "(-y/yhat + (1-y)/(1-yhat)) yhat (1-yhat) W14 x1 [z1>0]", "-(y - yhat) x1 W14 (z1 > 0)",
        "(-y/yhat + (1-y)/(1-yhat)) σ'(z4) W14 x1 relu'(z1)", "δ W14 (x1 - x1[z1<=0])",
        "delta_{z_4} w14 X_1 max(0, sign(z1))", "δ_z4 W14 x1 [z1≠0][z1 ≥ 0]",
    ],
    "hinge-value": ["mu_j x_j", "x_j*μ_j", "μx", "x mu_j^2"],
    "hinge-value-number": ["55", "64 - 16 + 4 + 3"],
    "network-output-sum": [
        "yhat (1 - yhat)", "ŷ - ŷ²", "σ(z4)(1-σ(z4))", "e^{-z4}/(1+e^{-z4})^2", "σ'(z_4)",
    ],
    "network-delta": [
        "yhat - y", "σ(z4) - y", "-(y - ŷ)", "(1-y) σ(z4) - y σ(-z4)",
        "(-y/yhat + (1-y)/(1-yhat)) yhat (1-yhat)", "1/(1+e^{-z_4}) - y",
    ],
    "network-delta-number": ["0.644", "0.6442", "0,644"],
    "network-signed": [
        "-tau sigma(-tau z4)", "-τ σ(-τ z_4)", "-τ/(1+e^{τ z4})", "yhat - (1+tau)/2",
        "-tau (1 - sigma(tau z_4))",
    ],
    "network-w14": ["δ a1", "(yhat - y) a_1", "a1 δ_z4", "-(y - ŷ) a_1", "δ z1 [z1 > 0]"],
    "network-z4-w14": ["a1", "a_1", "max(z1, 0)", "z_1 [z_1 > 0]"],
    "network-b4": ["δ", "yhat - y", "δ_{z_4}", "-(y - ŷ)"],
    "network-w14-number": ["0.876", "0.8759", "0.63703 * 1.375"],
    "network-batch-w24": ["0.659", "0.65895", "-0.2269 + 0.8858"],
    "network-batch-w11": ["-1.633", "-1,633", "−1.6334", "∂L/∂W_11 = -1.633", "-3.2668/2"],
    "network-batch-w12": ["4.1105", "4.11", "4,1105"],
    "network-third-w21": ["-0.656", "-0,6556", "-0.87408*0.75"],
    "l2-w11": [
        "δ W14 [z1>0] x1 + λ W11", "δ_z4 W_14 x_1 [z_1>0] + lambda W_11",
        "λ W11 + x1 W14 δ relu'(z1)",
        "[z1>0](δ W14 x1 + λ W11) + [z1<=0] λ W11",
    ],
    "network-squares": ["2 W14 a1", "2 a_1 W_14", "W14 a1 + a1 W14", "2 W14 max(z1, 0)"],
    "l2-balance-number": ["0.333", "0.3327", "0.4991/1.5"],
    "l2-w13-number": ["-0.15", "0.2 * (-0.75)", "-.150"],
    "l2-decay": [
        "(1 - α λ) W14 - α δ a1", "W14 - alpha (δ_z4 a_1 + lambda W_14)", "W14 - αδ a1 - αλW14",
        "(1-αλ)W14 - α(σ(z4) - σ(z4) + δ)a1",
    ],
    "l2-quartic": [
        "δ W14 [z1>0] x1 + λ W11^3", "λ W11³ + δ x1 W14 relu'(z1)", "δ W14 x1 [z1>0] + λ W11 W11^2",
    ],
    "network-x2": [
        "δ sum(W_j4 [z_j>0] W_2j)", "delta_z4 Σ_j W_{j4} ReLU'(z_j) W_{2j}",
        "(yhat-y) sum_j(W_j4 W_2j [a_j>0])",
        "sum((yhat-y) W_2j W_j4 [a_j>0])",
        "δ(W14[z1>0]W21 + W24[z2>0]W22 + W34[z3>0]W23)",
        "\\sum_j \\delta_{z_4} W_{j4} [z_j > 0] W_{2j}",
        "Σ δ W_j4 [z_j>0] W_2j - 0", "-sum((y - yhat) [z_j>0] W_j4 W_2j)",
    ],
    "network-matrix": ["D W^T", "D Wᵀ", "D W^\\top", "(W D^T)^T", "dL/dX = D W^{T}", "D*W^T",
                       "2 D W^T / 2", "D W^T + 0 X ⊙ X",],
    "network-tanh": [
        "δ W14 (1-a1^2) x1", "δ W14 (1 - tanh(z1)^2) x1", "δ W14 tanh'(z1) x1",
        "δ W14 (1-a1)(1+a1) x1",
        "4 δ W14 x1/(e^{z1}+e^{-z1})^2", "δ_{z_4}W_{14}(1-a_1²)x_1",
    ],
    # 0.1 and 2.0
    "first-q": ["2q", "q + q", "q*2", "2(w x + b)", "dL/dq = 2 q", "2 L/q"],
    "first-w": ["2 q x", "2 (w x + b) x", "2x(wx+b)", "q x + x q", "∂L/∂w = 2q·x", "2 L x/q"],
    "first-twice": ["2wx + b", "w x + (w x + b)", "b + 2 x w", "(w x + b) + w x"],
    "first-cubed": ["3 q^2 w", "3w(wx+b)^2", "3 q² w", "w*3*q*q", "dL/dx = 3 (w x + b)^2 w"],
    "first-dw": ["-7.5", "-7,5", "2*(-1.5)*2.5", "dL/dw = -7.50"],
    "check-neuron": ["(1 - t^2) x", "x - x t²", "x (1 - t)(1 + t)", "x*(1-t**2)"],
    "check-neuron-number": ["0.6864", "0,6864", "(1 - 0.2913^2) * 0.75"],
    "floats-lse": ["1000.31", "1000,31", "1000 + 0.3133", "1000.3133"],
    "autodiff-u": ["-1.125", "-1,125", "-0.75 + 1.5*(-0.25)", "∂f/∂u = -1.125"],
    "autodiff-column": ["-0.483", "-0.4832", "0 - 1.2885 + 0.8053", "-0,483"],
    "autodiff-outer": ["7", "7.0", "0.5*2 + (-2)*(-3)", "1 + 6"],
    "autodiff-blocks": ["10", "10.0", "300/30", "100^(1/2)"],
    "autodiff-transfer": [
        "(2q + x) w + q", "2 q w + x w + q", "q + w(x + 2q)", "2(wx + b)w + xw + wx + b",
        "df/dx = (q + x) w + q (w + 1)",
    ],
    "check-central": ["12.01", "12,01", "(9.261 - 6.859)/0.2", "2.402/0.2"],
    "train-batch": ["2.3", "2,300", "3 - 0.1*7", "3 - 0.1(-1 + 15)/2"],
    "train-limit": ["0.25", "1/4", "2/8", "0,250"],
    "train-momentum": ["-0.68", "-17/25", "-0.2 - 0.72 + 0.24", "-0,68"],
    "train-bound": ["45.5", "13*3.5", "45,5"],
    "train-variance": ["3.5", "3.50", "7/2", "0.5*14/2"],
    "train-transfer": ["3", "6/(5*0.4)", "3.000"],
    "forward-z1": [
        "W11 x1 + W21 x2 + b1", "b_1 + x_1 W_11 + x_2 W_21", "z1 = W_{11}x_1+W_{21}x_2+b_1",
    ],
    "forward-loss": ["-y log(yhat) - (1-y) log(1-yhat)", "-log(y yhat + (1-y)(1-yhat))",
                     "-(y log(ŷ) + (1 - y) log(1 - ŷ))", "log(1+e^(-z4)) y + log(1+e^z4)(1-y)"],
    "forward-z3": ["-1.75", "-1,75", "z3 = -1.75", "-2.25 - 0.25 + 0.75"],
    "forward-z4": ["0.59375", "0,594 - 0.00025", "-2.75+3.59375-0.25"],
    # 4.1
    "softmax-delta": ["p_k - y_k", "pk - yk", "-(y_k - p_k)", "p_k(1 - y_k) - y_k(1 - p_k)",
                      "dL/du_k = p_k - y_k"],
    "softmax-number": ["-0.929", "-0,929", "0.0705 - 1", "-0.92946"],
    "softmax-jacobian": ["-p_1 p_2", "-p2 p1", "p_1(1 - p_2) - p_1", "-p_1*p_2"],
    "layers-delta": [
        "[z_1 > 0](W_11 δ_1 + W_12 δ_2 + W_13 δ_3 + W_14 δ_4)",
        "relu'(z1)(W11 δ1 + W12 δ2 + W13 δ3 + W14 δ4)",
        "[a_1>0](δ1 W11 + δ2 W12 + δ3 W13 + δ4 W14)",
        "[z1>0] W11 δ1 + [z1>0] W12 δ2 + [z1>0] W13 delta_3 + [z1>0] W14 δ4",
    ],
    "layers-w22": ["-1.785", "-1.7850", "-0.89248*2", "-1,785"],
    "layers-third": ["-0.899", "-0.8993", "-1.79865/2"],
    "softmax-temperature": ["(p_k - y_k)/T", "p_k/T - y_k/T", "1/T (pk - yk)", "-(y_k - p_k)/T"],
    "layers-columns": ["D A^T", "D Aᵀ", "(A D^T)^T", "dL/dW = D A^{T}", "D*A^T"],
    "scale-flops": ["2100", "2100,0", "100*21", "100*(3*5 + 6)", "2100.0"],
    "scale-digits": ["20224", "20224.0", "4*(4096 + 640) + 2*640", "18944 + 1280"],
    "scale-bytes": ["48", "3*16", "6*8", "48.0"],
    "scale-intensity": ["0.125", "1/8", "6/48", "0,125", ".125"],
    "scale-amdahl": ["4.71", "4.7059", "1/0.2125", "1/(0.1 + 0.9/8)", "4,71"],
    "scale-batch": ["3600", "162/0.045", "9*18/0.045", "3600.0"],
    "scale-transfer": ["160", "40*8/2", "160.0"],
    # the self-test for a class
    "test-power": ["3 w q^2", "3wq²", "w*3*q*q", "w q^2 + 2 w q^2"],
    "test-chain": ["2(wx+b)w", "2 w (w x + b)", "2w²x + 2bw", "2 w^2 x + 2 w b"],
    "test-partial": ["x^2 + b", "b + x²", "x*x + b", "(w x^2 + b w)/w"],
    "test-product": ["34", "4 + 30", "0.5*8 + 5*6", "34.0"],
    "test-sigmoid": ["0.5", "1/2", "0,5", "1/(1 + 1)"],
    "test-log": ["0.69", "0.693", "log(2)", "-log(0.5)"],
    "test-shape": ["28", "7*4", "28.0"],
}  # fmt: skip


@pytest.mark.parametrize("label", STORED)
@pytest.mark.sampled(8)
def test_a_right_answer_is_right_in_any_form(type_into, label) -> None:
    for text, said in zip(RIGHT[label], type_into(label, *RIGHT[label]), strict=True):
        assert said.verdict == "right", (text, said)


# The mistakes of the catalogue as a reader writes them, and some of their own.
E = "(yhat - y)"
MISTAKES = {
    "hinge-theta": {
        "branches swapped": "-y x mu [y h >= 1]", "margin test forgotten": "-y x_j mu_j",
        "margin test on h": "-y x_j mu_j [h < 1]", "sign": "y x_j mu_j [y h < 1]",
        "y forgotten": "-x_j mu_j [y h < 1]", "x forgotten": "-y mu_j [y h < 1]",
        "mask forgotten": "-y x_j [y h < 1]", "max(-y x, 0)": "mu_j max(-y x_j, 0)",
    },
    "hinge-number": {
        "sign": "-2", "y forgotten": "-2.5", "margin test forgotten": "6", "branches swapped": "4",
        "margin test on h": "3,75", "x forgotten": "0", "no mask at all": "6.25",
    },
    "hinge-paper": {
        "sign": "-3", "y forgotten": "-5", "margin test forgotten": "-6", "branches swapped": "-9",
        "margin test on h": "-1",
    },
    "hinge-squared": {
        "y forgotten": "-2 max(1-yh, 0)", "gate forgotten": "-2y(1-yh)", "sign": "2y max(1-yh,0)",
        "slope of the hinge": "-y[yh<1]", "inner derivative forgotten": "2max(1-r,0)",
    },
    "hinge-logistic": {
        "sign": "yμxσ(-r)", "y forgotten": "-μxσ(-r)", "sigma(r) for sigma(-r)": "-yμxσ(r)",
        "slope of the hinge": "-yμx[r<1]", "mask forgotten": "-yxσ(-r)",
        "only the logarithm differentiated": "yμx/(1+e^-r)",
    },
    "sgd-step": {
        "branches swapped": "θ + αyμx[yh>=1]", "margin test forgotten": "θ + αyμx",
        "margin test on h": "θ + αyμx[h<1]", "sign": "θ - αyμx[yh<1]",
        "mask forgotten": "θ + αyx[yh<1]",
        "y forgotten": "θ + αμx[yh<1]", "x forgotten": "θ + αyμ[yh<1]",
        "alpha forgotten": "θ + yμx[yh<1]", "the change alone": "αyμx[yh<1]",
    },
    "sgd-logistic": {
        "sign": "θ - αyμxσ(-r)", "slope of the hinge": "θ + αyμx[r<1]",
        "alpha forgotten": "θ + yμxσ(-r)",
        "sigma(r) for sigma(-r)": "θ + αyμxσ(r)", "mask forgotten": "θ + αyxσ(-r)",
        "y forgotten": "θ + αμxσ(-r)", "the change alone": "αyμxσ(-r)",
    },
    "sgd-lift": {
        "y for y^2": "α y S", "alpha forgotten": "S", "features forgotten": "α",
        "the new margin": "r + αS",
    },
    "sgd-paper": {
        "sign": "0.9", "branches swapped": "1", "margin test on h": "1.1", "y forgotten": "1.5",
    },
    "network-w11": {
        "y - y_hat": "(y - yhat) W14 [z1>0] x1", "y forgotten": "yhat W14 [z1>0] x1",
        "term of label 0 forgotten": f"y {E} W14 [z1>0] x1",
        "sigma' forgotten": f"{E}/(yhat(1-yhat)) W14 [z1>0] x1",
        "sigma' applied twice": f"{E} yhat (1-yhat) W14 [z1>0] x1",
        "W_j4 forgotten": f"{E} [z1>0] x1", "ReLU gate forgotten": f"{E} W14 x1",
        "x_i forgotten": f"{E} W14 [z1>0]",
    },
    "hinge-value": {
        "mask forgotten": "x_j", "x forgotten": "mu_j", "theta for x": "mu_j θ_j",
        "the term": "mu_j x_j θ_j",
    },
    "hinge-value-number": {
        "mask forgotten": "65", "constant forgotten": "52", "ascending powers": "205",
    },
    "network-output-sum": {
        "one factor forgotten": "1 - yhat", "the value": "yhat", "sign": "-yhat (1 - yhat)",
        "the error": "yhat - y",
    },
    "network-delta": {
        "y - y_hat": "y - yhat", "y forgotten": "yhat",
        "sigma' applied twice": f"{E} yhat (1-yhat)",
        "sigma' forgotten": "-y/yhat + (1-y)/(1-yhat)",
    },
    "network-delta-number": {
        "y - y_hat": "-0.644", "label taken for 1": "-0.356", "sigma' forgotten": "2.811",
        "sigma' applied twice": "0.148", "sigma' alone": "0.229",
    },
    "network-signed": {
        "y_hat - tau": "yhat - tau", "sign": "tau sigma(-tau z4)",
        "sigma(tau z)": "-tau sigma(tau z4)", "tau forgotten": "-sigma(-tau z4)",
    },
    "network-w14": {
        "y - y_hat": "(y - yhat) a1", "y forgotten": "yhat a1", "z_j for a_j": "δ z1",
        "sigma' applied twice": f"{E} yhat (1-yhat) a1",
    },
    "network-b4": {"y - y_hat": "y - yhat", "y forgotten": "yhat"},
    "network-w14-number": {
        "label taken for 1": "-0.499", "W_j4 for a_j": "0.956", "a_j forgotten": "0.637",
        "delta forgotten": "1.375", "sigma' applied twice": "0.203", "y - y_hat": "-0.876",
    },
    "network-batch-w11": {
        "y - y_hat": "1.633", "y forgotten": "2.867", "sigma' forgotten": "-7.064",
        "sigma' applied twice": "-0.378", "W_j4 forgotten": "-1.089",
        "ReLU gate forgotten": "-3.083",
        "x_i forgotten": "-0.544",
    },
    "network-third-w21": {
        "y - y_hat": "0.656", "y forgotten": "0.094", "W_j4 forgotten": "-0.437",
        "x_i forgotten": "-1.311", "transposed weights": "0.874",
    },
    "l2-w11": {
        "lambda with the wrong sign": "δ W14 [z1>0] x1 - λ W11",
        "lambda forgotten": "δ W14 [z1>0] x1", "ReLU gate forgotten": "δ W14 x1 + λ W11",
    },
    "network-squares": {
        "2 forgotten": "W14 a1", "W_j4 forgotten": "2 a1", "the term": "W14 a1^2",
        "no square": "W14", "power not lowered": "2 W14 a1^2",
    },
    "l2-balance-number": {
        "sign": "-0.333", "penalty without the half": "0.166", "weight squared": "0.222",
        "penalty for its derivative": "0.444", "weight forgotten": "0.499",
    },
    "l2-w13-number": {
        "penalty forgotten": "0", "gate forgotten": "-1.511", "penalty without the half": "-0.3",
        "half kept": "-0.075", "penalty for its derivative": "0.05625", "weight forgotten": "0.2",
        "sign": "0.15",
    },
    "l2-decay": {
        "penalty forgotten": "W14 - αδ a1", "weights grow": "(1+αλ)W14 - αδ a1",
        "step size forgotten in the decay": "(1-λ)W14 - αδ a1", "decay only": "(1-αλ)W14",
        "uphill": "W14 + α(δ a1 + λW14)", "gradient for the step": "δ a1 + λW14",
    },
    "l2-quartic": {
        "penalty of L2": "δ W14 [z1>0] x1 + λ W11", "penalty forgotten": "δ W14 [z1>0] x1",
        "penalty for its derivative": "δ W14 [z1>0] x1 + λ W11^4/4",
        "quarter kept": "δ W14 [z1>0] x1 + λ W11^3/4",
        "factor 4 kept": "δ W14 [z1>0] x1 + 4 λ W11^3",
        "gate on both terms": "(δ W14 x1 + λ W11^3) [z1>0]",
    },
    "network-batch-w24": {"y - y_hat": "-0.659", "only the first sample": "-0.2269"},
    "network-batch-w12": {"y - y_hat": "-4.1105", "only the first sample": "2.1778"},
    "network-x2": {
        "y - y_hat": "(y - yhat) sum(W_j4 [z_j>0] W_2j)", "W_j4 forgotten": "δ sum([z_j>0] W_2j)",
        "ReLU gate forgotten": "δ sum(W_j4 W_2j)",
        "sigma' applied twice": "δ yhat (1-yhat) sum(W_j4 [z_j>0] W_2j)",
    },
    "network-tanh": {
        "gate of the ReLU": "δ W14 [z1>0] x1", "tanh' forgotten": "δ W14 x1",
        "1 - a": "δ W14 (1-a1) x1",
        "tanh for its derivative": "δ W14 a1 x1", "x_i forgotten": "δ W14 (1-a1²)",
        "1 - z^2 for 1 - a^2": "δ W14 (1-z1^2) x1", "y - y_hat": "-δ W14 (1-a1^2) x1",
        "derivative of the sigmoid": "δ W14 σ'(z1) x1", "W_j4 forgotten": "δ x1 (1-a1²)",
    },
    "first-q": {"2 forgotten": "q", "the loss itself": "q^2", "sign": "-2q"},
    "first-w": {
        "x forgotten": "2 q", "w in place of x": "2 q w", "2 forgotten": "q x",
        "q forgotten": "2x", "sign": "-2 q x", "L in place of q": "2 L x",
    },
    "first-twice": {
        "only the direct path": "w x + b", "only the path through the bracket": "w x",
        "w in place of x": "w x + b + w^2",
    },
    "first-cubed": {
        "derivative of the square": "2 q w", "w forgotten": "3 q^2", "x in place of w": "3q^2 x",
        "3 forgotten": "q^2 w", "power not lowered": "3 q^3 w",
    },
    "first-dw": {
        "sign of q lost": "7.5", "2 forgotten": "-3.75", "x forgotten": "-3",
        "w in place of x": "6", "q forgotten": "5", "L in place of q": "11.25",
    },
    "check-neuron": {
        "x forgotten": "1 - t^2", "w in place of x": "(1 - t^2) w",
        "square forgotten": "(1 - t) x", "derivative of tanh forgotten": "x",
        "the value": "t x", "sign": "(t^2 - 1) x",
    },
    "check-neuron-number": {
        "x forgotten": "0.9151", "w in place of x": "0.3661", "square forgotten": "0.5315",
        "the value": "0.2185",
    },
    "train-batch": {
        "sum in place of mean": "1.6", "sign": "3.7", "divided by all samples": "2.65",
        "x forgotten": "2.8375", "step size forgotten": "-4", "the change alone": "-0.7",
        "derivatives of the table": "2.8",
    },
    "train-limit": {
        "one over the curvature": "0.125", "smallest curvature": "4", "half of it": "0.0625",
        "middle curvature": "0.667", "sum of the curvatures": "0.174",
        "mean of the curvatures": "0.522",
    },
    "train-momentum": {
        "memory forgotten": "0.04", "one step": "-0.2",
        "gradient forgotten": "-0.92", "first step kept the wrong way round": "0.76",
        "uphill": "-1.16", "gradient at the old place": "-2.12", "place in place of step": "-0.08",
        "curvature forgotten": "0.31", "the change alone": "-0.48", "old place moved on": "0.52",
    },
    "train-bound": {
        "half the step size for its inverse": "32.375", "two forgotten": "38.5",
        "length not squared": "24.5", "weights not squared": "24.32", "only the first term": "31.5",
        "only the second term": "14", "weights and features exchanged": "67.5",
        "product of the brackets": "126",
    },
    "train-variance": {
        "drawn with replacement": "7", "one draw": "14", "n for n - 1": "2.33",
        "n - 1 in the variance": "5.25", "divided by B twice": "1.75", "square root": "1.87",
    },
    "train-transfer": {
        "not replaced": "6", "multiplied by the probability": "2.4",
        "divided by the probability alone": "15", "turned over": "12", "divided by n alone": "1.2",
    },
    "floats-lse": {
        "maximum not added back": "0.31", "the smaller score forgotten": "1000",
        "the smaller score taken out": "1001.31", "logarithm forgotten": "1001.37",
        "logarithm of the product": "1999",
    },
    "autodiff-u": {
        "only the use in s": "-0.75", "only the use in t": "-0.375", "t sent too early": "-1.3125",
        "each path in place of the one before": "0.1875", "with respect to w": "4.5",
        "u in place of w": "3.75",
    },
    "autodiff-column": {
        "the mean": "-0.161", "the other pot": "0.181", "both pots": "-0.302",
        "sum over the pots": "-0.563", "signs lost": "2.094", "one unit alone": "-1.2885",
    },
    "autodiff-outer": {
        "the other factor forgotten": "-1.5", "its own factor": "-2.25", "first row alone": "1",
        "second row alone": "6", "the mean": "3.5", "the adjoint of u_1": "4.75",
        "factors of the two rows swapped": "-5.5",
    },
    "autodiff-blocks": {
        "one array for each layer": "17.32", "the number of blocks": "30",
        "the arrays that are kept": "60", "square root forgotten": "100",
    },
    "autodiff-transfer": {
        "only the paths through q": "(2q + x) w", "only the path beside q": "q",
        "one use of q forgotten": "(q + x) w + q", "the other use of q forgotten": "q w + q",
        "w forgotten": "3q + x", "x in place of w": "(2q + x) x + q",
    },
    "check-central": {
        "forward difference": "12.61", "backward difference": "11.41",
        "divided by the step": "24.02", "only halved": "1.201",
    },
    "forward-z1": {
        "an input is ignored": "W11 x1 + b1", "W12 for W21": "W11 x1 + W12 x2 + b1",
        "x1 and x2 swapped": "W11 x2 + W21 x1 + b1", "bias forgotten": "W11 x1 + W21 x2",
        "bias of another unit": "W11 x1 + W21 x2 + b4",
        "ReLU too early": "max(W11 x1 + W21 x2 + b1, 0)",
    },
    "forward-loss": {
        "term of label 0 forgotten": "-y log(ŷ)", "sign": "y log(ŷ) + (1-y) log(1-ŷ)",
        "labels exchanged": "-(1-y) log(ŷ) - y log(1-ŷ)", "label forgotten": "-log(ŷ)",
        "logarithm forgotten": "1 - y ŷ - (1-y)(1-ŷ)",
    },
    "forward-z3": {
        "bias forgotten": "-2.5", "minus sign of x2 lost": "-1.25", "x1 and x2 swapped": "2.625",
        "minus sign of W13 lost": "2.75", "ReLU too early": "0",
    },
    "forward-z4": {
        "hidden biases forgotten": "0.15625", "b4 forgotten": "0.84375",
        "ReLU forgotten": "-1.84375", "x1 and x2 swapped": "2.5625", "unit 3 taken as off": "-3",
    },
    "softmax-delta": {
        "sign": "y_k - p_k", "label forgotten": "p_k", "diagonal alone": "-y_k(1 - p_k)",
        "label times p": "y_k p_k - y_k", "derivative with respect to p_k": "-y_k/p_k",
        "p (1 - p) once more": "(p_k - y_k) p_k (1 - p_k)", "logit for probability": "u_k - y_k",
        "derivative of p_k": "p_k(1 - p_k)",
    },
    "softmax-number": {
        "sign": "0.929", "label forgotten": "0.071", "derivative with respect to p_3": "-14.177",
        "exponentials forgotten": "-1.225", "sigmoid of the logit alone": "-0.611",
        "another class": "0.367", "true class taken as the first": "-0.909",
        "mean over the classes": "-0.232",
    },
    "softmax-jacobian": {
        "sign": "p_1 p_2", "the diagonal": "p_1(1 - p_1)", "one factor": "-p_1^2",
        "the diagonal of class 2": "p_2(1 - p_2)", "one factor of class 2": "-p_2²",
        "numerator forgotten": "-p_2", "chain from 1 - p": "-p_1(1 - p_1)",
    },
    "layers-delta": {
        "gate forgotten": "W_11 δ_1 + W_12 δ_2 + W_13 δ_3 + W_14 δ_4",
        "one path": "[z_1 > 0] W_11 δ_1",
        "value for gate": "a_1(W_11 δ_1 + W_12 δ_2 + W_13 δ_3 + W_14 δ_4)",
        "sign": "-[z_1 > 0](W_11 δ_1 + W_12 δ_2 + W_13 δ_3 + W_14 δ_4)",
        "a weight too far": "[z1 > 0](W_11 δ_1 + W_12 δ_2 + W_13 δ_3 + W_14 δ_4) x_1",
    },
    "layers-w22": {
        "sign": "1.785", "label forgotten": "-0.985", "the true class alone": "-0.744",
        "x_2 forgotten": "-0.892", "x_1 for x_2": "1.339", "unit 3 for unit 2": "2.235",
        "unit 1 for unit 2": "3.805", "mean over the classes": "-0.446",
        "p (1 - p) once more": "-0.33",
    },
    "layers-third": {
        "sign": "0.899", "label forgotten": "-0.499", "the true class alone": "-0.355",
        "x_2 forgotten": "-1.799", "x_1 for x_2": "-3.597", "unit 2 for unit 1": "0.604",
        "mean over the classes": "-0.225",
    },
    "softmax-temperature": {
        "T forgotten": "p_k - y_k", "T for 1/T": "(p_k - y_k) T", "sign": "(y_k - p_k)/T",
        "label forgotten": "p_k/T", "T on one term": "p_k/T - y_k", "T squared": "(p_k - y_k)/T^2",
        "T on the other term": "p_k - y_k/T",
    },
    "test-power": {
        "3 forgotten": "w q^2", "power not lowered": "3 w q^3", "factor w dropped": "3q^2",
        "the power itself": "w q^3", "derivative with respect to w": "q^3",
    },
    "test-chain": {
        "inner derivative forgotten": "2(wx+b)", "x in place of w": "2(wx+b)x",
        "2 forgotten": "(wx+b)w", "squared term by term": "2w^2 x", "bracket forgotten": "2w",
    },
    "test-partial": {
        "derivative with respect to x": "2wx", "second term lost": "x^2", "w kept": "w x^2 + b",
        "x^2 differentiated, too": "2x + b", "second term kept": "x^2 + bw",
    },
    "test-product": {
        "first entry": "18", "column in place of row": "22", "products not added": "30",
        "entries swapped": "43",
    },
    "test-sigmoid": {"e^0 taken for 0": "1", "denominator alone": "2", "the exponent": "0"},
    "test-log": {"sign": "-0.69", "logarithm to base 10": "0.3", "logarithm to base 2": "1"},
    "scale-flops": {
        "biases not added": "1700", "comparisons forgotten": "1800", "one sample": "21",
        "multiplications only": "900", "one hidden unit": "1100", "output unit forgotten": "1500",
    },
    "scale-digits": {
        "two passes for every layer": "28416", "nothing sent back": "18944",
        "forward only": "9472", "one flop for a product and its sum": "10112",
        "second layer counted on the way back only": "17664",
    },
    "scale-bytes": {
        "arrays in between forgotten": "16", "written only": "24", "one call forgotten": "32",
        "numbers in place of bytes": "6", "bits": "384",
    },
    "scale-intensity": {
        "bias forgotten in the flops": "5/48", "two calls taken for one": "6/32",
        "read only": "0.1875", "bytes for each flop": "8", "numbers in place of bytes": "1",
        "multiplications only": "0.0625",
    },
    "scale-amdahl": {
        "everything shared": "8", "the time that is left": "0.2125",
        "the limit of many cores": "10", "the rest times the cores": "7.3",
        "only the shared part counted": "8/0.9", "shares exchanged": "1/0.9125",
    },
    "scale-batch": {
        "half of the time": "400", "a tenth of the samples' time": "4000",
        "decimal point of 0.045": "360", "a tenth for a tenfold step": "40",
    },
    "scale-transfer": {
        "one flop for each weight": "320", "numbers in place of bytes": "40",
        "backward pass counted": "320/6", "weights read and written": "40*8", "float32": "80",
    },
    "test-shape": {
        "inner size kept": "56", "shape of X": "14", "shape of W": "8", "sizes added": "11",
    },
}  # fmt: skip


@pytest.mark.parametrize("label", MISTAKES)
def test_a_mistake_of_the_catalogue_is_known(type_into, label) -> None:
    tried = MISTAKES[label]
    for name, said in zip(tried, type_into(label, *tried.values()), strict=True):
        assert said.verdict == "mistake" and name in said.name.split(" / "), (name, said)


@pytest.mark.parametrize(
    ("label", "text", "name"),
    [
        ("hinge-theta", "-y x_j mu_j [y h <= 1]", "derivative -1 at margin 1"),
        ("hinge-theta", "-y x_j mu_j ([y h < 1] + [y h = 1]/2)", "another value at the kink"),
        ("hinge-number", "0.67", "the loss as the mean over the samples"),
        ("sgd-step", "θ + αyμx[yh<=1]", "derivative -1 at margin 1"),
        ("hinge-paper", "1", "the loss as the mean over the samples"),
        ("hinge-squared", "-y max(1-r, 0)", "half the squared loss"),
        ("network-w11", f"{E} W14 x1 [z1 >= 0]", "ReLU'(0) = 1"),
        ("network-w11", f"{E} W14 x1 (1 + sign(z1))/2", "another value at the kink"),
        ("network-batch-w12", "2.055", "the loss as the mean over the samples"),
        ("network-x2", "δ sum(W_j4 [z_j >= 0] W_2j)", "ReLU'(0) = 1"),
        ("l2-w11", "δ W14 [z1>0] x1 + 2 λ W11", "the penalty λ Σ W²"),
        ("l2-decay", "(1 - 2αλ)W14 - αδ a1", "the penalty λ Σ W²"),
    ],
)
def test_what_is_right_for_another_loss_is_told(type_into, label, text, name) -> None:
    (said,) = type_into(label, text)
    assert (said.verdict, said.name) == ("convention", name) and name in said.said


WRONG = {
    "hinge-theta": [
        "-y x_j mu_j [y h < 0]", "-y x_j mu_j [y h < 1.03]", "-y x_j mu_j [y h < 0.95]", "0", "1",
        "-y x_j mu_j ([y h < 1] + 5 [y h = 1])", "-y x_j mu_j ([y h < 1] - [y h = 1])", "-y^2 x_j",
        "-y x_j mu_j [yh<1] + 0.0001", "-y x_j mu_j [yh<1] θ_j", "-y x_j θ_j [yh<1]",
        "-α y x μ [yh<1]",
        "-y x_j mu_j (1 - y h)", "-y x_j mu_j [y < 1]", "y h x_j mu_j",
        "-y x_j mu_j max(1-yh,0)", "-y abs(x_j) mu_j [yh<1]", "-y x_j mu_j [yh<1][h>0]",
    ],
    "hinge-number": ["1", "3", "1.98", "20", "5", "8.91"],
    "hinge-paper": ["2", "10", "-33", "5"],
    "hinge-squared": ["-2y(1-yh)[yh<0]", "-2y max(1-h,0)", "-2 y max(1-yh,0)^2",
                      "-2max(1-yh,0) y^2 h"],
    "hinge-logistic": ["-yμx σ'(r)", "-yμx e^-r", "-yμx log(1+e^-r)", "-yμx/2", "-yμx(1-σ(h))"],
    "sgd-step": ["θ", "θ + αyμx[yh<0]", "αθ + yμx[yh<1]", "θ + αyμx[yh<1](1-yh)", "(1-α)θ", "0"],
    "sgd-logistic": ["θ", "θ + αyμx e^-r", "θ + αyμx/2", "θ + αyμxσ(-h)"],
    "sgd-lift": ["αS^2", "α sqrt(S)", "2αS", "α h S", "1 - r", "αS x_j"],
    "sgd-paper": ["0.75", "-2", "2", "7"],
    "network-w11": [
        f"{E} W14 [z1>0] x2", f"{E} W11 [z1>0] x1", f"2{E} W14 [z1>0] x1", f"{E} W14 [z1>0.1] x1",
        f"{E} W14 [z1>-0.1] x1", f"{E} W14 z1 x1", f"{E} W14 a1 x1", f"{E} W14 [x1>0] x1", "0",
        f"{E} W14 [z1>0] abs(x1)", f"{E} W14 [z1>0] x1 + [z1=0]*9", f"{E} W14^2 [z1>0] x1",
        f"{E} W14 x1 ([z1>0] - 0.5[z1=0])", "W14 x1 [z1>0]", "x1",
    ],
    "hinge-value": ["1", "x_j + mu_j", "mu_j abs(x_j)", "0"],
    "hinge-value-number": ["54", "57", "0", "-55"],
    "network-output-sum": ["yhat (1 + yhat)", "z4 (1 - z4)", "0.25", "yhat^2"],
    "network-delta": ["yhat - 1", "z4 - y", "yhat y", "1", "0", "(yhat - y)^2"],
    "network-delta-number": ["0.6", "0.637", "1", "0"],
    "network-signed": ["tau", "-tau", "yhat", "-tau z4 sigma(-tau z4)", "0"],
    "network-w14": ["δ a1 W14", "a1^2 δ", "δ x1", "δ abs(z1)", "1", "0"],
    "network-b4": ["δ b4", "1", "δ^2", "0", "2 δ"],
    "network-w14-number": ["0.88", "0.8", "1", "0"],
    "network-batch-w24": ["0.66", "0.8858", "1", "0"],
    "network-batch-w11": ["-1.64", "-1.6", "-2.178", "0.5", "1"],
    "network-batch-w12": ["4", "1.9327", "4.2"],
    "network-third-w21": ["-0.66", "1", "-0.7", "0.5"],
    "l2-w11": ["λ W11", "δ W14 [z1>0] x1 + λ", "δ W14 [z1>0] x1 + λ W14",
               "δ W14 [z1>0] x1 + λ W11^2/2"],
    "network-squares": ["2 W14", "a1", "2 W14 z1", "0", "1"],
    "l2-balance-number": ["0.3", "0.34", "1", "0"],
    "l2-w13-number": ["-0.2", "-0.75", "1", "-0.1"],
    "l2-decay": ["(1-αλ)W14 - δ a1", "(1-αλ)W11 - αδ a1", "W14", "(1-αλ)W14 - αδ",
                 "(1-αλ)W14 - αδ x1"],
    "l2-quartic": ["δ W14 [z1>0] x1 + λ W11^2", "λ W11^3", "δ W14 [z1>0] x1 + 3 λ W11^3",
                   "δ W14 [z1>0] x1 + λ W14^3"],
    "network-x2": ["δ sum(W_j4 [z_j>0] W_1j)", "δ", "δ sum(W_j4 [z_j>0])", "0", "δ sum(W_2j a_j)"],
    "network-matrix": ["W D^T", "X^T D", "2 D W^T", "X", "1", "0 X", "-D W^T", "D W^T + X"],
    "network-tanh": ["δ W14 (1+a1^2) x1", "δ W14 (1-a1^2) x2", "δ W11 (1-a1^2) x1",
                     "W14 (1-a1^2) x1"],
    "first-q": ["2", "2 w", "2 q x", "q/2", "2 L"],
    "first-w": ["x", "2 w x^2", "2 q b", "2 x (w x - b)", "2 q x + 0.001", "2 abs(q) x"],
    "first-twice": ["2 w", "x", "2 w x", "w^2 x + w b"],
    "first-cubed": ["3 q w", "6 q w", "q^3", "3 q w^2"],
    "first-dw": ["-7.4", "-75", "-15", "3.75"],
    "check-neuron": ["t", "(1 - t^2) w x", "(1 + t^2) x", "1 - t^2 x"],
    "check-neuron-number": ["0.6865", "-0.6864", "0.75", "6.864"],
    "floats-lse": ["1000.37", "999.31", "1000.69", "2"],
    "autodiff-u": ["1.125", "0.75", "-3", "0"],
    "autodiff-column": ["0.483", "-1", "0", "1.611"],
    "autodiff-outer": ["-7", "7.5", "0", "14"],
    "autodiff-blocks": ["11", "3", "150", "0"],
    "autodiff-transfer": ["2 q w", "w + q", "(2q - x) w + q", "2 q w + x", "(2q + x) w + 1"],
    "check-central": ["12.1", "-12.01", "0.01", "120.1"],
    "train-batch": ["2.31", "7", "-2.3", "2"],
    "train-limit": ["0.26", "-0.25", "0.5", "8"],
    "train-momentum": ["0.68", "-0.69", "1", "-0.6"],
    "train-bound": ["45", "-45.5", "47", "9"],
    "train-variance": ["3.6", "-3.5", "10.5", "0"],
    "train-transfer": ["3.1", "-3", "30", "0.4"],
    "forward-z1": ["W11 x1", "W11 + W21 + b1", "W11 x1 + W21 x2 - b1", "W11 x1 W21 x2 + b1"],
    "forward-loss": ["-log(1-ŷ)", "ŷ - y", "(ŷ - y)^2", "-y log(ŷ) - log(1-ŷ)", "y - ŷ"],
    "forward-z3": ["-1.7", "1.75", "0.625"],
    "forward-z4": ["0.5625", "0.6", "3.59375"],
    "softmax-delta": ["p_k + y_k", "p_k - 1", "(p_k - y_k)^2", "1 - p_k", "u_k p_k", "0"],
    "softmax-number": ["-0.93", "-1", "0.9", "0"],
    "softmax-jacobian": ["-p_1", "p_1 - p_2", "-u_1 u_2", "-p_1 p_2 y_1", "1"],
    "layers-delta": [
        "[z_1 > 0](W_11 δ_1 + W_12 δ_2 + W_13 δ_3)", "δ_1 + δ_2 + δ_3 + δ_4", "[z_1 > 0] W_12 δ_2",
        "[z_1 < 0](W_11 δ_1 + W_12 δ_2 + W_13 δ_3 + W_14 δ_4)",
        "[z_1 > 0](W_11 δ_1 - W_12 δ_2 + W_13 δ_3 + W_14 δ_4)", "0",
    ],
    "layers-w22": ["-1.7", "1", "-3.57", "0"],
    "layers-third": ["-0.9", "1", "-0.45"],
    "softmax-temperature": ["p_k - T y_k", "(p_k - y_k)/(T + 1)", "T", "(p_k - y_k)/sqrt(T)"],
    "layers-columns": ["A D^T", "W^T D", "2 D A^T", "-D A^T", "W", "1"],
    "test-power": ["3 q", "w q^4/4", "2 w q^2", "0"],
    "test-chain": ["2wx + 2b + w", "(wx+b)^3/3", "2x(w+b)", "0"],
    "test-partial": ["x + b", "w", "x^2 - b", "0"],
    "test-product": ["26", "8", "-34", "5"],
    "test-sigmoid": ["0.73", "0.4", "-0.5"],
    "test-log": ["0.5", "0.7", "2"],
    "scale-flops": ["2200", "50", "-2100"], "scale-digits": ["20225", "4736", "1"],
    "scale-bytes": ["8", "47", "-48"], "scale-intensity": ["0.3", "0.2", "-0.125"],
    "scale-amdahl": ["4.8", "5", "0.8"], "scale-transfer": ["21", "8", "-160"],
    "scale-batch": ["3599", "36", "-3600"],
    "test-shape": ["7", "60", "1"],
}  # fmt: skip


def verdict(label: str, text: str) -> str:
    """Return what a wrong form is: "short" if it is the right number to fewer decimals."""
    decimals = len(text.partition(".")[2]) if re.fullmatch(r"-?\d+\.\d+", text) else 0
    is_cut = decimals and not STORED[label]["symbols"]
    return "short" if is_cut and f"{STORED[label]['right'][0]:.{decimals}f}" == text else "wrong"


@pytest.mark.parametrize("label", WRONG)
def test_what_nobody_has_foreseen_is_wrong_and_gets_no_name(type_into, label) -> None:
    for text, said in zip(WRONG[label], type_into(label, *WRONG[label]), strict=True):
        assert (said.verdict, said.name) == (verdict(label, text), ""), (text, said)


def hinge_draws(rng: np.random.Generator, n: int) -> dict[str, Any]:
    y, mu = rng.choice([-1, 1], n), rng.integers(0, 2, n)
    h = rng.choice([-1, 1, 0], n) + rng.normal(size=n)
    h[: n // 9] = y[: n // 9]  # on the kink
    return {"y": y, "h": h, "x_j": 2 * rng.normal(size=n), "mu_j": mu, "θ_j": rng.normal(size=n)}


def network_draws(rng: np.random.Generator, n: int) -> dict[str, Any]:
    draws = {name: rng.normal(size=n) for name in ("W14", "W11", "x1", "x2", "z1", "z4")}
    draws["z1"][: n // 9] = 0.0  # on the kink
    y, yhat = rng.integers(0, 2, n), 1 / (1 + np.exp(-draws["z4"]))
    return {"y": y, "yhat": yhat, "a1": np.maximum(draws["z1"], 0)} | draws


PIECES = {
    "hinge-theta": (
        hinge_draws, "-y x_j mu_j [y h < 1]",
        ["y h > 0", "y h < 0", "h > 0", "h < 1", "y = 1", "mu_j = 1", "x_j > 0", "θ_j > 0", "h < 0",
         "abs(h) < 2", "x_j < 3", "y h < 0.999", "y h > 1.001", "y h = 1", "x_j θ_j > 0",
         "y x_j > 0"],
        ["0", "1", "-y x_j mu_j", "-x_j mu_j [y h < 1]", "y x_j mu_j [y h < 1]", "-y x_j [y h < 1]",
         "-y mu_j [y h < 1]", "-y x_j mu_j [h < 1]", "-y abs(x_j) mu_j [y h < 1]"],
    ),
    "network-w11": (
        network_draws, "(yhat - y) W14 [z1 > 0] x1",
        ["y = 1", "z1 > 0", "z1 < 0.001", "z1 > -0.001", "W14 > 0", "x1 > 0", "x2 > 0", "W11 > 0",
         "W14 x1 > 0", "x1 x2 > 0", "z4 > 0", "yhat < 0.6", "z1 = 0", "W11 x1 > 0", "abs(x1) < 1"],
        ["0", "x1", "(yhat - y) W14 x1", "(yhat - y) [z1 > 0] x1", "yhat W14 [z1 > 0] x1",
         "(y - yhat) W14 [z1 > 0] x1", "(yhat - y) W14 [z1 > 0] x2",
         "(yhat - y) abs(W14) [z1 > 0] x1",
         "(yhat - y) W14 [z1 > 0] abs(x1)", "(yhat - y) W14 [z1 > 0]",
         "(yhat - y) W11 [z1 > 0] x1"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("label", PIECES)
def test_a_formula_that_is_right_at_some_kinds_of_points_is_never_right(type_into, label) -> None:
    """Where a gate holds it is the right formula, elsewhere another; Python says which differ."""
    draw, right, gates, others = PIECES[label]
    draws = draw(np.random.default_rng(0), 9999) | {"abs": np.abs}

    def value(text: str) -> Any:
        text = re.sub(r"(?<![<>])=", "==", text.replace("[", "(").replace("]", ")"))
        return eval(re.sub(r"(?<=[\w)]) (?=[\w(])", "*", text), {}, draws) + 0.0

    texts = []
    for gate, other in itertools.product(gates, others):
        text = f"({right}) [{gate}] + ({other}) (1 - [{gate}])"
        if not np.allclose(value(text), value(right)):
            texts.append(text)
    assert len(texts) > 90
    for text, said in zip(texts, type_into(label, *texts), strict=True):
        assert said.verdict not in ("right", "unreadable", "novalue"), (text, said)


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("hinge-theta", "-y x_j mu_j max(1 - y h, 0)/(1 - y h)"),
        ("hinge-theta", "log(y)"),
        ("hinge-theta", "1/0"),
        ("hinge-theta", "0/mu_j"),
        ("hinge-theta", "1/(1/(y - y))"),
        ("network-w11", f"{E} W14 x1 a1/z1"),
        ("network-w11", "sqrt(-1)"),
        ("network-x2", "sum(1/a_j)"),
        ("network-matrix", "D W^T / (1 - 1)"),
        ("hinge-number", "1/0"),
        ("hinge-number", "9^9^9^9"),
    ],
)
def test_a_point_without_a_value_is_told(type_into, label, text) -> None:
    (said,) = type_into(label, text)
    assert said.verdict == "novalue" and "has no value" in said.said


NONSENSE = [
    "", "   ", "hello", "constructor", "__proto__", "toString", "hasOwnProperty(y)", "prototype.y",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><b>y</b>", "alert(1)",
    "y.constructor",
    "y['constructor']", "this", "window", "globalThis", "y => y", "() y", "y)", "(y", "[y", "y]",
    "(y]",
    "y +", "* y", "y + * y", "2 3", "y h < 1", "max", "max()", "max(y)", "log", "log()",
    "log(y, h)",
    "y ? h : 1", "y; h", "`${y}`", "y || ", "&&", "=", "y =", "\\", "_", "y_", "^", "y^", "'",
    "y'", "☃", "y ☃",
    "(" * 300, "(" * 25 + "y" + ")" * 25, "[" * 40, "-" * 299, "x" * 10_000, "(" * 10_000,
    "y+" * 5_000,
    "f0(y)", "s0", "p(y)", "if y < 1 then y", "function(){}", "\u0000", "𝕪", "y\n;alert(1)", "#",
    "@y", "1..2", ")<b>y", ")<img src=x>", "&",
]  # fmt: skip


@pytest.mark.parametrize("label", ["hinge-theta", "hinge-number", "network-matrix", "network-x2"])
def test_nonsense_is_refused_fast_and_runs_nothing(tabs, type_into, label) -> None:
    for text, said in zip(NONSENSE, type_into(label, *NONSENSE), strict=True):
        assert said.verdict == "unreadable" and "does not count as a try" in said.said, (
            text[:60],
            said,
        )
        assert said.ms < 500, text[:60]
        tags = set(re.findall(r"</?(\w+)", said.math)) - {"math", "annotation"}
        assert all(tag.startswith("m") for tag in tags)
    inside = (
        "document.querySelectorAll('form.answer :is(output, .reading) :is(script, img, b)').length"
    )
    assert tabs[PAGES[label]].evaluate(inside) == 0


def test_the_longest_formula_takes_no_second(type_into) -> None:
    texts = ["+".join("y" * 150), "^".join("1" * 150), "(" * 20 + "y" + ")" * 20, "-" * 290 + "y",
             "log " * 20 + "y", "[" + "<".join("y" * 140) + "]", "/".join("y" * 140)]  # fmt: skip
    for text, said in zip(texts, type_into("hinge-theta", *texts), strict=True):
        assert said.ms < 1000 and said.verdict in ("wrong", "novalue"), (text, said)


def text_of(element: ElementTree.Element) -> str:
    """Write a formula from its MathML alone, as one would type what one sees."""
    tag, parts = element.tag, list(element)
    if tag == "mfrac":
        return f"(({text_of(parts[0])})/({text_of(parts[1])}))"
    if tag == "msup":
        inner = text_of(parts[1])
        return f"{text_of(parts[0])}^T" if inner == "⊤" else f"{text_of(parts[0])}^({inner})"
    if tag == "msub":
        return f" {text_of(parts[0]).strip()}_{{{text_of(parts[1]).strip()}}} "
    if tag == "munder":
        return " sum "
    if tag == "mover":
        return "ŷ"
    word = (element.text or "").strip()
    return (f" {word} " if word in ("and", "or") else word) + "".join(map(text_of, parts)) or " "


READINGS = {
    "hinge-theta": [
        "-y^2", "(-y)^2", "y(1-y)", "-x_j^2 h", "(-x_j)^2 h", "y - (h - x_j)", "y - h - x_j",
        "y/(h x_j)",
        "y/h x_j", "y/(h/x_j)", "(y/h)/x_j", "y^h^y", "(x_j^2)^3", "x_j^(2^3)", "(y + h) x_j",
        "y + h x_j",
        "2 y 3", "y (2)", "y - -h", "y + (-h)", "-(y + h)", "-y + h", "(y+h)^2", "e^{-y h}",
        "e^-y h",
        "[y h < 1] x_j", "[0 < y h < 1]", "(1 - [y < h]) y", "max(y, h) - y", "log(x_j^2)^2",
        "2^-y^2",
        "x_j [y<1 or h<1]", "abs(h)^3", "sqrt(x_j^2) y", "σ(h) (1 - σ(h))", "-(-(-y))", "((y))",
        "y*-h",
        "2(y)(h)", "(y)(h)^2", "1/2 x_j", "x_j/2 h", "y^(h)", "max(y, h, x_j)", "1.5y",
        "y h/x_j θ_j",
    ],
    "network-x2": ["δ sum(W_j4 [z_j > 0] (W_2j - 1))", "sum(W_j4) - sum(W_2j) y",
                   "Σ W_j4 W_2j + y"],
    "network-w11": ["-relu'(z1)^2 W14", "(W14 - W11) x1/(1 + e^(-z4))", "δ_{z_4}^2 x_1 - ŷ^2"],
}  # fmt: skip


@pytest.mark.parametrize("label", READINGS)
def test_what_is_shown_is_what_is_evaluated(type_into, label) -> None:
    """Typing what is shown gives the same value and shows the same; no bracket gets lost."""
    first = type_into(label, *READINGS[label])
    typed = [text_of(ElementTree.fromstring(said.math)) for said in first]
    value = re.compile(r"formula gives ([−\d.e-]+)")
    for text, shown, one, two in zip(
        READINGS[label], typed, first, type_into(label, *typed), strict=True
    ):
        gave = [value.findall(said.said) for said in (one, two)]
        assert one.verdict == two.verdict and gave[0] == gave[1], (text, shown, one, two)
        assert gave[0] or one.verdict == "novalue", (text, one)


def evaluated(label: str, expression: str) -> list[float]:
    """The value of a Python expression in the symbols of a box, at its points."""
    columns = {key.replace("_", ""): v for key, v in STORED[label]["symbols"].items()}
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return [eval(expression, {"np": np}, row) for row in rows]


@pytest.mark.parametrize(
    ("label", "typed", "means"),
    [
        ("hinge-theta", "α/2 x_j", "(α / 2) * xj"),
        ("hinge-theta", "-x_j² h", "-(xj**2) * h"),
        ("hinge-theta", "y(1 - y)", "y * (1 - y)"),
        ("hinge-theta", "y (1 - h)", "y * (1 - h)"),
        ("hinge-theta", "x_j [y h < 1]", "xj * (y * h < 1)"),
        ("hinge-theta", "x_j^-2", "xj**-2"),
        ("hinge-theta", "x_j^2^3", "xj**8"),
        ("hinge-theta", "e^{-h}", "np.exp(-h)"),
        ("hinge-theta", "log x_j^2 h", "np.log(xj**2) * h"),
        ("hinge-theta", "1/2y", "y / 2"),
        ("hinge-theta", "0,5 h", "h / 2"),
        ("hinge-theta", "max(0,5)", "5"),
        ("network-w11", "relu'(z1) x1", "(z1 > 0) * x1"),
        ("network-w11", "relu'(z_1)x_1", "(z1 > 0) * x1"),
        ("network-w11", "W14x1", "W14 * x1"),
        ("network-w11", "x₁²", "x1**2"),
    ],
)
def test_a_reading_that_other_programs_get_wrong(type_into, label, typed, means) -> None:
    (said,) = type_into(label, typed)
    values = evaluated(label, means)
    (gives,) = re.findall(r"formula gives ([−\d.e-]+)", said.said) or [None]
    assert gives is not None, said
    assert np.isclose(float(gives.replace("−", "-")), values, rtol=1e-3).any(), (said, values)


def test_a_symbol_is_not_read_as_a_part_of_another(type_into) -> None:
    """The derivative that is asked for is no symbol; δz1 is not δ times z1."""
    for said in type_into(
        "network-w11", "δ_{z_1} x_1", "δz1 x1", "delta_z1", "δ_a1", "x12", "W142", "z_11"
    ):
        assert said.verdict == "unreadable", said


def test_evidence_comes_first_the_name_later_then_hints_and_the_solution(browser, site) -> None:
    page = browser.new_page()
    page.goto(f"{site.as_uri()}/chapters/{NETWORK_PAGE}.html")
    form = page.locator('form.answer[data-answer="network-w11"]')
    field, output, hints = form.locator("input"), form.locator("output"), form.locator(".hint")
    for n, text in enumerate(
        [f"{E} W14 x1", "yhat +", f"{E} x1 W14", f"x1 {E} W14", f"x1 W14 {E}"]
    ):
        field.fill(text)
        field.press("Enter")
        said = output.inner_text()
        if text == "yhat +":
            assert "does not count as a try" in said
            continue
        tries = n + (n == 0)  # what could not be read is no try
        assert output.get_attribute("data-verdict") == "mistake"
        assert "Right where unit 1 is on. Look where unit 1 is off" in said
        assert ("A condition is missing" in said) == (tries > 1)
        assert ("ReLU gate forgotten" in said) == (tries > 2)
        assert [hint.get_attribute("open") is not None for hint in hints.all()] == [
            tries > 1,
            tries > 2,
        ]
        assert ("Read the solution" in said) == (tries > 3)
        assert hints.first.is_visible() == (tries > 1)
    solution = form.locator("details.solution")
    assert solution.get_attribute("open") is None
    output.get_by_role("link").click()
    assert solution.get_attribute("open") is not None
    field.fill("(yhat - y) W14 x1 [z1 > 0]")
    field.press("Enter")
    assert (
        output.get_attribute("data-verdict") == "right" and output.inner_text().strip() == "Right."
    )
    page.close()


def test_a_wrong_formula_is_shown_its_values_and_the_finite_difference(type_into) -> None:
    (said,) = type_into("network-w11", "x1")
    assert "z1=1.375" in said.said and "x1=3" in said.said  # the running example
    assert "Your formula gives 3;" in said.said and "Wrong at this point" in said.said
    assert "the finite difference of the loss gives −1.633" in said.said


@pytest.mark.parametrize("label", WRONG)
def test_the_right_formula_is_never_shown_by_a_box(tabs, type_into, label) -> None:
    for said in type_into(label, *WRONG[label], "hello"):
        assert said.said and "[" not in said.said and "Read as" not in said.said, said
    solution = tabs[PAGES[label]].locator(f'form[data-answer="{label}"] details.solution')
    assert all(fold.get_attribute("open") is None for fold in solution.all())


@pytest.mark.slow
def test_a_tap_inserts_a_symbol_where_the_caret_is(browser, site) -> None:
    page = browser.new_page(viewport=NARROW, has_touch=True)
    page.goto(f"{site.as_uri()}/chapters/{NETWORK_PAGE}.html")
    form = page.locator('form.answer[data-answer="network-x2"]')
    taps = form.get_by_role("group").get_by_role("button")
    keys = STORED["network-x2"]["symbols"]
    assert taps.count() >= len(keys)
    for key in ("δz4", "sum(|)", "Wj4", "[|]", "zj", ">"):
        form.locator(f'[data-insert="{key}"]').tap()
    field = form.locator("input")
    assert form.locator('[data-insert="W14"]').count() == 0  # understood, not offered
    assert field.input_value() == "δz4 sum(Wj4 [zj > ])"
    field.press("0")
    form.locator('[data-insert="W2j"]').tap()  # behind the 0, in the bracket: no matter
    assert "W2j" in field.input_value()
    page.close()


def test_a_box_is_operated_with_the_keyboard_and_announced(browser, site) -> None:
    page = watch(browser.new_page(viewport=NARROW))
    page.goto(f"{site.as_uri()}/chapters/{HINGE_PAGE}.html")
    form = page.locator('form.answer[data-answer="hinge-theta"]')
    field = page.get_by_role("textbox", name="Your formula").first
    field.focus()
    page.keyboard.type("-y x_j mu_j [y h < 1]")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    status = form.get_by_role("status")
    assert status.get_attribute("data-verdict") == "right"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert field.input_value().endswith("y ")
    assert elements(page, """() => [...document.querySelectorAll("form.answer *")].filter((e) =>
      e.getBoundingClientRect().right > innerWidth)""") == []  # fmt: skip
    small = """() => [...document.querySelectorAll("form.answer :is(button, input)")].filter((e) =>
      Math.min(e.offsetWidth, e.offsetHeight) < 24)"""
    assert elements(page, small) == [] and page.complaints == []
    page.close()


@pytest.mark.slow
def test_without_scripts_a_box_is_an_exercise_on_paper(browser, site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    for name in sorted({*PAGES.values()}):
        page.goto(f"{site.as_uri()}/chapters/{name}.html")
        forms = page.locator("form.answer").all()
        for form in forms:
            assert not form.locator("input").is_visible()
            assert form.locator("p").nth(1).is_visible()
            for fold in form.locator("details").all():
                assert fold.is_visible() and fold.get_attribute("open") is None
        # the answer of a transfer is printed nowhere; a number's may be in the exercise below it
        bare = [form for form in forms if not form.locator("details.solution").count()]
        labels = [form.get_attribute("data-answer") for form in bare]
        assert sum(bool(STORED[label]["symbols"]) for label in labels) < 2, labels
    context.close()


@pytest.mark.slow
def test_on_paper_nothing_is_to_be_typed(tabs) -> None:
    for page in map(tabs.__getitem__, sorted({*PAGES.values()})):
        page.emulate_media(media="print")
        entries = page.evaluate("""[...document.querySelectorAll("form.answer .entry")].map((e) =>
          e.checkVisibility({ visibilityProperty: true }))""")
        assert entries and not any(entries)
        page.emulate_media(media="screen")


def test_scripts_come_to_pages_with_boxes_alone(site) -> None:
    for path in (site / "chapters").glob("*.html"):
        text = path.read_text("utf-8")
        scripts = re.findall(r'src="[^"]*_static/(answer\.js|jsep/jsep\.js)', text)
        expected = ["jsep/jsep.js", "answer.js"] if '<form class="answer ' in text else []
        assert scripts == expected, path


# The data.


def test_the_stored_data_are_what_hwlib_gives() -> None:
    fresh = json.loads(json.dumps(answer_data.stored()))
    assert fresh.keys() == STORED.keys(), "run `make execute`"
    for label, box in fresh.items():
        assert_close(box, STORED[label], label)


def assert_close(new: Any, old: Any, where: str) -> None:
    assert isinstance(old, str) == isinstance(new, str), where
    if isinstance(new, dict):
        assert new.keys() == old.keys(), f"{where}: run `make execute`"
        for key, value in new.items():
            assert_close(value, old[key], f"{where} {key}")
    elif isinstance(new, list):
        assert len(new) == len(old), f"{where}: run `make execute`"
        for n, (a, b) in enumerate(zip(new, old, strict=True)):
            assert_close(a, b, f"{where} {n}")
    elif isinstance(new, str) or new is None:
        assert new == old, f"{where}: run `make execute`"
    else:  # finite differences hold six digits
        assert abs(new - old) <= (2e-5 if "difference" in where else 1e-10) * (1 + abs(old)), where


FORMULAS = [label for label in STORED if STORED[label]["difference"]]


@pytest.mark.parametrize("label", FORMULAS)
def test_the_finite_differences_agree_with_the_right_values(label) -> None:
    box = STORED[label]
    pairs = [(r, d) for r, d in zip(box["right"], box["difference"], strict=True) if d is not None]
    assert len(box["right"]) >= 30 and len(pairs) >= 30
    for right, difference in pairs:
        np.testing.assert_allclose(difference, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("label", ["hinge-theta", "hinge-squared", "hinge-logistic"])
def test_the_points_of_part_1_are_a_full_cross(label) -> None:
    points = answer_data.hinge_points()
    seen = {(p.symbols["y"], p.symbols["μ_j"], np.sign(p.symbols["r"]), np.sign(p.symbols["r"] - 1))
            for p in points}  # fmt: skip
    sides = [(-1.0, -1.0), (1.0, -1.0), (1.0, 0.0), (1.0, 1.0)]
    assert {(y, mu, *side) for y in (-1.0, 1.0) for mu in (0.0, 1.0) for side in sides} <= seen
    near = sorted({abs(p.symbols["r"] - 1) for p in points} - {0.0})
    assert near[0] <= 0.1 and all(abs(p.symbols["x_j"]) != 1 for p in points)


def test_the_points_of_part_2_are_a_full_cross() -> None:
    points = answer_data.network_points()
    seen = {(p.symbols["y"], *(np.sign(p.symbols[f"z_{j}"]) for j in (1, 2, 3))) for p in points}
    wanted = {(y, a, b, c) for y in (0.0, 1.0) for a in (-1.0, 0.0, 1.0) for b in (-1.0, 1.0)
              for c in (-1.0, 1.0)}  # fmt: skip
    assert wanted <= seen
    for p in points:  # a sum is exact in any order: on a kink it is 0 in any order
        W, x = (p.symbols[s] for s in ("W_1j", "x_1"))
        for j, terms in enumerate(zip(W, p.symbols["W_2j"], strict=True)):
            parts = [terms[0] * x, terms[1] * p.symbols["x_2"], p.symbols[f"b_{j + 1}"]]
            for order in itertools.permutations(parts):
                assert order[0] + order[1] + order[2] == p.symbols[f"z_{j + 1}"]


@functools.cache
def options_of_boxes() -> dict[str, dict[str, str]]:
    return dict(answer_data.boxes())


@pytest.mark.parametrize("label", STORED)
def test_no_two_answers_to_a_number_look_alike(label) -> None:
    """The answer to a number, its mistakes and conventions differ at the digits asked."""
    box, options = STORED[label], options_of_boxes()[label]
    if box["symbols"]:
        return
    unit = 10.0 ** -int(options["digits"])
    values = [box["right"][0], *(each["values"][0] for kind in ("mistakes", "conventions")
                                 for each in box[kind] if each["values"])]  # fmt: skip
    for a, b in itertools.combinations(values, 2):
        assert abs(a - b) > 2 * unit, (a, b)


def test_mistakes_and_conventions_are_those_of_the_catalogue() -> None:
    names = {m.name for m in (*HINGE, *NETWORK)}
    assert set(answer_data.CONVENTIONS) - {"hinge", "ReLU", "squares halved"} <= names
    for catalogue, label in ((HINGE, "hinge-theta"), (NETWORK, "network-w11")):
        found = {n for m in STORED[label]["mistakes"] for n in m["name"].split(" / ")}
        assert found <= {m.name for m in catalogue} and len(found) >= 7


def test_a_box_without_data_stops_the_build() -> None:
    with pytest.raises(answers.ExtensionError, match="make execute"):
        answers.content("no-such-box", ["y"], 4)


def test_a_box_may_be_written_with_either_fence() -> None:
    text = "\n:::{answer} a-b\n:asks: hinge θ_j\n:symbols: y\nW?\n:::\n```{answer} c\n:asks: x y\n"
    assert [label for label, _ in answer_data.BOX.findall(text)] == ["a-b", "c"]


@pytest.mark.parametrize("page", sorted({*PAGES.values()}))
def test_no_two_boxes_of_a_page_have_one_title(page) -> None:
    boxes = answer_data.BOX.findall(text_of_page(ROOT / "chapters" / page))
    titles = [*re.findall(r"(?m)^:title: (.*)", "".join(options for _, options in boxes))]
    assert len({*titles}) == len(titles) >= len(boxes) - 1  # one may have no title


def test_script_and_style_are_short() -> None:
    lines = [
        len((STATIC / name).read_text("utf-8").splitlines()) for name in ("answer.js", "answer.css")
    ]
    assert sum(lines) <= 300


def test_jsep_is_the_file_that_its_readme_names() -> None:
    import hashlib

    folder = STATIC / "jsep"
    version, digest = re.search(
        r"^Version (\S+), SHA-256 of `jsep.js` (\w+)$", (folder / "README.md").read_text(), re.M
    ).groups()
    script = (folder / "jsep.js").read_bytes()
    assert hashlib.sha256(script).hexdigest() == digest and version.encode() in script
    assert (folder / "LICENSE").exists()
