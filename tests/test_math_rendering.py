"""Formulas become MathML that a browser places as TeX would; what is not understood is refused."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import docutils_namespace

from site_ext.mathml import MathError, to_mathml

ROOT = Path(__file__).parent.parent
FONT_CHARACTERS = ROOT / "site_ext/static/fonts/characters.txt"

# A construct of the book's LaTeX, and what of it must be in the MathML.
CONSTRUCTS = {
    r"a + b - c": "<mo>−</mo>",
    r"\{-1, +1\}": '<mo>,</mo><mo form="prefix">+</mo>',
    r"y = -y": '<mo>=</mo><mo form="prefix">−</mo>',
    r"x_{ij} = c_j u_i^{6-j}": "<msubsup><mi>u</mi><mi>i</mi><mrow>",
    r"y_i": '<msub><mpadded depth="0"><mi>y</mi></mpadded><mi>i</mi></msub>',
    r"e^{-z}": '<mo lspace="0" rspace="0" form="prefix">−</mo><mi>z</mi></mrow></msup>',
    r"10^{-16}": "<msup><mn>10</mn>",
    r"\frac{\partial L}{\partial W_{14}}": "<mfrac><mrow><mi>∂</mi><mi>L</mi></mrow><mrow>",
    r"\frac{a}{b} \frac{c}{d}": '</mfrac><mspace width="0.1667em" /><mfrac>',
    r"W \cdot x \odot y": "<mo>⊙</mo>",
    r"\sum_{i=1}^{n} x": "<munderover><mo>∑</mo>",
    r"\left( \sum_{i=1}^{n} x \right)": "<munderover><mo>∑</mo>",
    r"\prod_{k} a_k": "<munder><mo>∏</mo>",
    r"\max(1 - r_i, 0)": '<mi>max</mi><mo stretchy="false">(</mo>',
    r"-y \log(p)": '<mi>y</mi><mspace width="0.1667em" /><mi>log</mi>',
    r"= \log(p)": "<mo>=</mo><mi>log</mi>",
    r"\exp(-z)": "<mi>exp</mi>",
    r"\sigma'(z)": "<mrow><mi>σ</mi><mi>′</mi></mrow>",
    r"h_\theta'(0)": "<msub><mrow><mi>h</mi><mi>′</mi></mrow><mi>θ</mi></msub>",
    r"f''(x)": "<mrow><mi>f</mi><mi>″</mi></mrow>",
    r"\operatorname{ReLU}'(z_1)": "<mrow><mi>ReLU</mi><mi>′</mi></mrow>",
    r"W_{14} \operatorname{ReLU}(z)": '<mspace width="0.1667em" /><mi>ReLU</mi>',
    r"\begin{cases} 0 & \text{if } r \ge 1 \\ -y & \text{otherwise} \end{cases}": (
        '<mtable class="cases"><mtr><mtd><mn>0</mn></mtd><mtd><mtext>if\u00a0</mtext>'
    ),
    r"\begin{bmatrix} a & b \\ c & d \end{bmatrix}": (
        '[</mo><mtable class="plain"><mtr><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr><mtr>'
    ),
    r"\begin{aligned} a &= b && \text{(rule)} \\ &= -c && \text{(sum)} \end{aligned}": (
        '<mtr><mtd /><mtd><mi /><mo>=</mo><mo form="prefix">−</mo><mi>c</mi></mtd>'
    ),
    r"X^\top": "<msup><mi>X</mi><mi>⊤</mi></msup>",
    r"\hat{y}": '<mover accent="true"><mi>y</mi><mo stretchy="false">ˆ</mo></mover>',
    r"\mathbf{x}_i \in \mathbb{R}": "<msub><mi>𝐱</mi><mi>i</mi></msub><mo>∈</mo><mi>ℝ</mi>",
    r"\lvert a \rvert": 'form="prefix">|</mo><mi>a</mi><mo',
    r"\sqrt{2} \le 3 < x > y \ge z \ne w": "<msqrt><mn>2</mn></msqrt><mo>≤</mo>",
    r"\alpha \delta \varepsilon \eta \theta \lambda \mu \ell": "<mi>ε</mi><mi>η</mi>",
    r"a, \quad b": '<mspace width="1em" />',
    r"a + \cdots + b": "<mo>+</mo><mi>⋯</mi><mo>+</mo>",
    r"\theta \leftarrow \theta": "<mo>←</mo>",
    r"\lambda / n": "<mi>λ</mi><mi>/</mi><mi>n</mi>",
}

REFUSED = [
    r"\foo{a}",
    r"a & b",
    r"a \! b",
    r"{a",
    r"a}",
    r"\left( a",
    r"\lvert a",
    r"\frac{a}",
    r"a_b_c",
    r"\text{costs $5}",
    r"\text{R \& D}",
    r"\begin{split} a &= b \end{split}",
    r"\begin{aligned} a &= b",
    r"\label{here} a",
    r"\mathbf{\Theta}",
    "2 \x07pprox 2",
]


@pytest.mark.parametrize("display", [True, False])
@pytest.mark.parametrize(("latex", "fragment"), CONSTRUCTS.items())
def test_renders_each_construct_of_the_subset(latex, fragment, display):
    mathml = to_mathml(latex, display=display)
    assert fragment in mathml
    assert "merror" not in mathml
    assert ('display="block"' in mathml) is display


@pytest.mark.parametrize("latex", CONSTRUCTS)
def test_keeps_the_source_in_an_annotation(latex):
    (semantics,) = ElementTree.fromstring(to_mathml(latex, display=True))
    formula, annotation = semantics
    assert annotation.get("encoding") == "application/x-tex"
    assert annotation.text == latex
    assert not re.search(r"[\\&$]", "".join(formula.itertext()))


@pytest.mark.parametrize("latex", REFUSED)
def test_refuses_what_it_does_not_understand(latex):
    with pytest.raises(MathError):
        to_mathml(latex, display=True)


def chapter_texts():
    """Return the Markdown of every page, and the captions of its figures."""
    for path in sorted((ROOT / "chapters").iterdir()):
        if path.suffix == ".md":
            yield path.name, path.read_text(encoding="utf8")
        elif path.suffix == ".ipynb":
            for cell in json.loads(path.read_text(encoding="utf8"))["cells"]:
                if cell["cell_type"] == "markdown":
                    yield path.name, "".join(cell["source"])
                figure = cell["metadata"].get("mystnb", {}).get("figure", {})
                yield path.name, figure.get("caption", "")


def formulas():
    """Return page, LaTeX and whether it is displayed, for every formula of the book."""
    for page, text in chapter_texts():
        text = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)  # code between backticks
        for display, inline in re.findall(r"\$\$(.+?)\$\$|(?<!\\)\$([^$]+)\$", text, re.DOTALL):
            yield page, display or inline, bool(display)


def test_renders_every_formula_of_the_book_in_the_font_of_the_site():
    font = set(FONT_CHARACTERS.read_text(encoding="utf8")) | {" "}
    displayed = 0
    labels = sum(text.count("$$ (eq-") for _, text in chapter_texts())
    for page, latex, display in formulas():
        mathml = ElementTree.fromstring(to_mathml(latex, display=display))
        missing = set("".join(mathml[0][0].itertext())) - font
        assert not missing, f"{page}: the font lacks {missing} of {latex}"
        displayed += display
    assert displayed == labels > 0


def build(folder: Path, text: str) -> str:
    """Build a page of reStructuredText with the book's extension and return its HTML."""
    (folder / "index.rst").write_text(text, encoding="utf8")
    config = {"extensions": ["site_ext.book"], "html_math_renderer": "mathml"}
    with docutils_namespace():
        Sphinx(folder, None, folder / "out", folder / "tree", "html", config, None).build()
    return (folder / "out/index.html").read_text(encoding="utf8")


def test_numbers_a_display_and_refers_to_it(tmp_path):
    page = build(tmp_path, "T\n=\n\n.. math:: a = b\n   :label: eq-a\n\nSee :eq:`eq-a`.\n")
    assert '<span class="eqno">(1)' in page
    assert re.search(r'href="#equation-eq-a">\(1\)</a>', page)
    assert "mathjax" not in page.lower()


def test_a_formula_that_is_not_understood_stops_the_build(tmp_path):
    with pytest.raises(ExtensionError, match=r"index\.rst:4: .*not understood"):
        build(tmp_path, "T\n=\n\n:math:`\\foo`\n")


def test_a_solution_opens_without_a_script(tmp_path):
    text = (
        "T\n=\n\n.. exercise::\n   :label: ex-1\n\n   Ask.\n\n"
        ".. solution:: ex-1\n   :class: dropdown\n\n   Answer.\n"
    )
    page = build(tmp_path, text)
    details = page[page.index("<details") : page.index("</details>")]
    assert "<summary" in details
    assert "Answer." in details
    assert "solution-content" not in page
