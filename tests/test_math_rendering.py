"""Formulas become MathML that a browser places as TeX would; what is not understood is refused."""

import json
import re
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import docutils_namespace

from site_ext.mathml import MathError, to_mathml

ROOT = Path(__file__).parent.parent
FONTS = ROOT / "site_ext/static/fonts"
STYLE = ROOT / "site_ext/static/book.css"
# A browser draws a letter on its own in <mi> as the italic one of these.
ITALICS = {"h": "ℎ"} | {
    chr(int(unicodedata.decomposition(chr(code)).split()[1], 16)): chr(code)
    for code in (*range(0x1D434, 0x1D455), *range(0x1D456, 0x1D468), *range(0x1D6FC, 0x1D71C))
}

PRIME = '<mi style="margin-inline: 0.06em">′</mi>'
# A construct of the book's LaTeX, and what of it must be in the MathML.
CONSTRUCTS = {
    r"a + b - c": "<mo>−</mo>",
    r"\{-1, +1\}": '<mo>,</mo><mo form="prefix">+</mo>',
    r"y = -y": '<mo>=</mo><mo form="prefix">−</mo>',
    r"x_{ij} = c_j u_i^{6-j}": '<msubsup><mpadded height="0.59em"><mi>u</mi>',
    r"y_i": '<msub><mpadded depth="0"><mi>y</mi></mpadded><mi>i</mi></msub>',
    r"e^{-z}": '<mo lspace="0" rspace="0" form="prefix">−</mo><mi>z</mi></mrow></msup>',
    r"y_i^2": '<msubsup><mpadded depth="0" height="0.59em"><mi>y</mi></mpadded><mi>i</mi>',
    r"10^{-16}": '<msup><mpadded height="0.59em"><mn>10</mn></mpadded>',
    r"(a)^2": '<mpadded height="0.59em"><mo stretchy="false">)</mo></mpadded><mn>2</mn></msup>',
    r"\left( a \right)^2": "</mo></mrow><mn>2</mn></msup>",
    r"W_{14}": '<mi>W</mi><mn style="margin-left: -0.06em">14</mn></msub>',
    r"W_{j4}": '<mi>W</mi><mrow style="margin-left: -0.12em"><mi>j</mi><mn>4</mn></mrow></msub>',
    r"c_j": '<mi>c</mi><mi style="margin-left: -0.06em">j</mi></msub>',
    r"\frac{\partial L}{\partial W_{14}}": "<mfrac><mrow><mi>∂</mi><mi>L</mi></mrow><mrow>",
    r"\frac{a}{b} \frac{c}{d}": "</mfrac><mfrac>",
    r"\frac{a}{b} \left( c \right)": '</mfrac><mspace width="0.1667em" /><mrow><mo ',
    r"\frac{\frac{1 - y}{a}}{b}": '<mfrac><mrow><mn>1</mn><mo lspace="0" rspace="0">−</mo>',
    r"W \cdot x \odot y": (
        '<mo lspace="0.2222em" rspace="0.2222em">·</mo><mi>x</mi>'
        '<mo lspace="0.2222em" rspace="0.2222em">⊙</mo>'
    ),
    r"\odot": '<semantics><mo lspace="0" rspace="0">⊙</mo>',
    r"\sum_{i=1}^{n} x": '<munderover><mo lspace="0" rspace="0">∑</mo>',
    r"y = \sum x_i": '<mo>=</mo><mo lspace="0" rspace="0">∑</mo><mspace width="0.1667em" /><msub>',
    r"y (\sum_i x)": '<mo stretchy="false">(</mo><munder><mo lspace="0" rspace="0">∑</mo>',
    r"y \sum_i \sum_j x": (
        '<mi>y</mi><mspace width="0.1667em" /><munder><mo lspace="0" rspace="0">∑</mo><mi>i</mi>'
        '</munder><mspace width="0.1667em" /><munder>'
    ),
    r"\left( \sum_{i=1}^{n} x \right)": '<munderover><mo lspace="0" rspace="0">∑</mo>',
    r"\prod_{k} a_k": '<munder><mo lspace="0" rspace="0">∏</mo>',
    r"\max(1 - r_i, 0)": '<mi>max</mi><mo stretchy="false">(</mo>',
    r"-y \log(p)": '<mi>y</mi><mspace width="0.1667em" /><mi>log</mi>',
    r"= \log(p)": "<mo>=</mo><mi>log</mi>",
    r"\exp(-z)": "<mi>exp</mi>",
    r"\sigma'(z)": f"<mrow><mi>σ</mi>{PRIME}</mrow>",
    r"h_\theta'(0)": (
        f'<msub><mrow><mi>h</mi>{PRIME}</mrow><mi style="margin-left: -0.36em">θ</mi></msub>'
    ),
    r"f''(x)": f"<mrow><mi>f</mi>{PRIME.replace('′', '″')}</mrow>",
    r"\operatorname{ReLU}'(z_1)": f"<mrow><mi>ReLU</mi>{PRIME}</mrow>",
    r"W_{14} \operatorname{ReLU}(z)": '<mspace width="0.1667em" /><mi>ReLU</mi>',
    r"\begin{cases} 0 & \text{if } r \ge 1 \\ -y & \text{otherwise} \end{cases}": (
        '<mtable class="cases"><mtr><mtd><mn>0</mn></mtd><mtd><mtext>if\u00a0</mtext>'
    ),
    r"\begin{bmatrix} a & b \\ c & d \end{bmatrix}": (
        '[</mo><mtable class="plain"><mtr><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr><mtr>'
    ),
    r"\begin{aligned} a &= b && \text{(rule)} \\ &= -c && \text{(sum)} \end{aligned}": (
        '<mtr class="reason"><mtd columnspan="2"><mi /><mtext>(rule)</mtext></mtd></mtr>'
        '<mtr><mtd /><mtd><mi /><mo>=</mo><mo form="prefix">−</mo><mi>c</mi></mtd>'
    ),
    r"\begin{bmatrix} a & b & c & d \end{bmatrix}": (  # four columns, and none is a reason
        "<mtd><mi>c</mi></mtd><mtd><mi>d</mi></mtd></mtr></mtable>"
    ),
    r"X^\top": "<mi>X</mi></mpadded><mi>⊤</mi></msup>",
    r"\hat{y}": '<mover accent="true"><mi>y</mi><mo stretchy="false">ˆ</mo></mover>',
    r"\mathbf{x}_i \in \mathbb{R}": "<msub><mi>𝐱</mi><mi>i</mi></msub><mo>∈</mo><mi>ℝ</mi>",
    r"a \lvert b \rvert c": (
        '<mi>a</mi><mo form="prefix" stretchy="false">|</mo><mi>b</mi>'
        '<mo form="postfix" stretchy="false">|</mo><mi>c</mi>'
    ),
    r"-\lVert a \rVert \log(b)": (
        '<mo form="prefix">−</mo><mo form="prefix" stretchy="false">‖</mo><mi>a</mi>'
        '<mo form="postfix" stretchy="false">‖</mo><mspace width="0.1667em" /><mi>log</mi>'
    ),
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


def font_characters():
    """Return the characters that the font of the site can draw."""
    return {chr(code) for code in TTFont(FONTS / "noto-sans-math.woff2").getBestCmap()}


def drawn(formula):
    """Return the characters that a browser draws for a formula."""
    for element in formula.iter():
        text = element.text or ""
        italic = element.tag == "mi" and not element.get("mathvariant")
        yield from ITALICS.get(text, text) if italic else text


def test_a_letter_on_its_own_is_drawn_in_italics():
    formula = ElementTree.fromstring(to_mathml(r"h + \nabla \log(\theta) \partial x", display=True))
    assert "".join(drawn(formula[0][0])) == "ℎ+∇log(𝜃)𝜕𝑥"


def test_the_font_holds_the_characters_of_its_list():
    listed = set((FONTS / "characters.txt").read_text(encoding="utf8")) - {"\n"}
    assert listed <= font_characters()


def test_renders_every_formula_of_the_book_in_the_font_of_the_site():
    font = font_characters()
    displayed = 0
    labels = sum(text.count("$$ (eq-") for _, text in chapter_texts())
    for page, latex, display in formulas():
        mathml = ElementTree.fromstring(to_mathml(latex, display=display))
        missing = set(drawn(mathml[0][0])) - font
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


@pytest.mark.slow
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


def test_a_sign_stays_on_the_line_of_its_formula(tmp_path):
    text = (
        "T\n=\n\n(:math:`a`), *so* :math:`b`; :math:`c` d. *If* :math:`e`. **f** :math:`g`\\ -th\n"
    )
    page = build(tmp_path, text)
    glued = re.findall(r'<span class="glued">(.*?)</span>', page)
    shown = [re.sub(r"<annotation.*?</annotation>|<[^>]*>", "", each) for each in glued]
    assert shown == ["(a),", "b;", "e.", "g-"]
    assert "nowrap" in re.search(r"\.glued\b.*?\{(.*?)\}", STYLE.read_text("utf-8"))[1]
