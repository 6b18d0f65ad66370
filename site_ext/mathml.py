"""Formulas of the book, from LaTeX to MathML, while the site is built.

latex2mathml does the parsing. This module rewrites what it does not know, corrects what a
browser would place otherwise than TeX does, and rejects what it cannot render: a formula
that would come out wrong stops the build.
"""

from __future__ import annotations

import re
from copy import deepcopy
from html import unescape
from xml.etree.ElementTree import Element, SubElement, tostring

from latex2mathml.converter import Converter

ENVIRONMENTS = ("aligned", "cases", "bmatrix", "pmatrix")
# What may come out, and how many parts an element must have (None: any number).
PARTS = {
    **dict.fromkeys(("math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "msqrt"), None),
    **dict.fromkeys(("mtable", "mtr", "mtd", "mstyle", "mpadded"), None),
    **dict.fromkeys(("mfrac", "mroot", "msub", "msup", "munder", "mover"), 2),
    **dict.fromkeys(("msubsup", "munderover"), 3),
}
UNDER_OVER = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
SCRIPTS = (*UNDER_OVER, *UNDER_OVER.values())
PRIMES = ("′", "″", "‴")
ACCENTS = {"^": "\u02c6", "~": "~"}
ORDINARY = ("∂", "⊤", "/", "⋯", "…", "⋮", "⋱")
SUMS, TIMES = ("∑", "∏"), ("·", "⊙", "×")
OPENING, CLOSING = ("(", "[", "{"), (")", "]", "}")
DESCENDING = "gjpqyQβγζημξρςφχψϕ"
# How far an index moves to the left, in its own em: under the arm of the letter before it, and for
# the tail of its first letter. The font holds these numbers; TeX reads them, browsers do not.
UNDER, TAIL = {"W": 0.06, "r": 0.06, "′": 0.36}, {"j": 0.06}


class MathError(ValueError):
    """A formula that cannot be rendered."""


def to_mathml(latex: str, *, display: bool) -> str:
    """Return a formula as a MathML element that keeps its LaTeX source.

    Parameters
    ----------
    latex : str
        The formula without its dollars.
    display : bool
        Whether it stands on lines of its own.

    Raises
    ------
    MathError
        If the formula is not understood in full.
    """
    latex = latex.strip()
    known = _rewrite(latex)
    try:
        math = Converter(display="block" if display else "inline").convert_to_element(known)
    except Exception as error:
        raise MathError(f"{type(error).__name__} in the formula {latex!r}") from error
    for element in math.iter():
        element.text = unescape(element.text or "")
    _mend(math, level=0 if display else 1)
    _check(math, latex)
    semantics = Element("semantics")
    semantics.extend(math)
    SubElement(semantics, "annotation", encoding="application/x-tex").text = latex
    result = Element("math", {"display": "block"} if display else {})
    result.append(semantics)
    return tostring(result, encoding="unicode")


def _rewrite(latex: str) -> str:
    """Put what latex2mathml does not know in words that it does; reject loose ends."""
    for name in re.findall(r"\\begin\{(.*?)\}", latex):
        if name not in ENVIRONMENTS:
            raise MathError(f"environment {name!r} is not one of {', '.join(ENVIRONMENTS)}")
    # An escaped brace or backslash is no delimiter.
    bare = re.sub(r"\\[\\{}]", "", latex)
    for left, right in (("{", "}"), (r"\lvert", r"\rvert"), (r"\lVert", r"\rVert")):
        if bare.count(left) != bare.count(right):
            raise MathError(f"unbalanced {left} {right} in the formula {latex!r}")
    latex = latex.replace("{aligned}", "{split}")
    for name, left, right in (("bmatrix", "[", "]"), ("pmatrix", "(", ")")):
        latex = latex.replace(rf"\begin{{{name}}}", rf"\left{left}\begin{{matrix}}")
        latex = latex.replace(rf"\end{{{name}}}", rf"\end{{matrix}}\right{right}")
    return re.sub(r"\\([lr][vV])ert(?![A-Za-z])", r"\\\1bar ", latex)


def _mend(element: Element, *, level: int) -> None:
    """Correct an element and all in it, the inner ones first.

    The level is TeX's style: 0 on lines of its own, 1 in a line of text, 2 and more in an index.
    """
    for index, child in enumerate(element):
        script = element.tag in SCRIPTS and index > 0
        _mend(child, level=2 if script else level + (element.tag == "mfrac"))
        if child.tag == "mrow" and len(child) == 1:
            element[index] = child[0]
    if element.tag in ("mi", "mn", "mo"):
        _mend_token(element, script=level > 1)
    elif element.tag in UNDER_OVER:
        _mend_scripts(element)
    elif element.tag == "mover" and element[1].text in ACCENTS:
        element.set("accent", "true")
        element[1].text = ACCENTS[element[1].text or ""]
        element[1].attrib = {"stretchy": "false"}
    elif element.tag == "mtable":
        _mend_table(element)
    elif element.tag in ("mrow", "mtd", "mstyle", "msqrt"):
        _space_row(element, script=level > 1)


def _mend_scripts(element: Element) -> None:
    base, *index, last = element
    letter = (base[0] if base.tag == "mover" else base).text or " "
    if letter in SUMS:
        # The browser puts limits above and below in display style, beside in a line of text.
        element.tag = UNDER_OVER[element.tag]
    elif last.text in PRIMES:
        # Behind its letter: the font's prime is raised already, and would be too high.
        last.set("style", "margin-inline: 0.06em")
        row = Element("mrow")
        row.extend([base, last])
        element.tag = "msub" if index else "mrow"
        element[:] = [row, *index] if index else [base, last]
        letter = last.text or ""
    elif base.tag in ("mi", "mn", "mo", "mover"):
        # All indices at one height, below a y as below an x; all powers, of (x) as of x.
        size = {"depth": "0"} if element.tag != "msup" and letter in DESCENDING else {}
        size |= {"height": "0.59em"} if element.tag != "msub" else {}
        if size:
            element[0] = Element("mpadded", size)
            element[0].append(base)
    if element.tag in ("msub", "msubsup"):
        _tuck(element[1], letter)


def _tuck(index: Element, letter: str) -> None:
    """Move an index to the left, as far as the shapes of the letters allow."""
    first = index[0] if index.tag == "mrow" else index
    if width := UNDER.get(letter, 0) + TAIL.get(first.text or "", 0):
        index.set("style", f"margin-left: -{width:.2f}em")


def _mend_token(token: Element, *, script: bool) -> None:
    text = token.text or ""
    if bar := re.fullmatch(r"\\([lr])([vV])bar", text):
        # As high as a bracket, whatever it holds.
        token.tag, token.text = "mo", "|" if bar[2] == "v" else "‖"
        token.attrib.update(form="prefix" if bar[1] == "l" else "postfix", stretchy="false")
    elif token.tag == "mo" and (text.isalpha() or text in ORDINARY):
        # Not an infix operator, with space on both sides.
        token.tag = "mi"
        token.attrib.clear()
    elif token.tag == "mo" and (text in SUMS or (script and not token.attrib)):
        # No space around a sign in an index; around a sum it depends on the neighbours.
        token.attrib.update(lspace="0", rspace="0")
    elif token.tag == "mo" and text in TIMES:
        token.attrib.update(lspace="0.2222em", rspace="0.2222em")
    if token.get("mathvariant") == "bold":
        # Browsers do not know it, and a letter that Unicode has in bold would be there already.
        raise MathError(f"no bold letter for {text!r}")
    if token.tag == "mi" and ("Α" <= text <= "Ω" or text == "∇"):
        token.set("mathvariant", "normal")


def _mend_table(table: Element) -> None:
    table.set("class", "aligned" if table.get("displaystyle") else "plain")
    for name in ("columnspacing", "rowspacing"):
        table.attrib.pop(name, None)
    for cell in table.iter("mtd"):
        if cell.get("columnalign") == "left" and table.get("class") == "plain":
            table.set("class", "cases")
        cell.attrib.pop("columnalign", None)
    for index, row in reversed(list(enumerate(table))):
        # On a phone the reason of a step stands below its line: see book.css. A matrix has none.
        if table.get("class") == "aligned" and len(row) == 4:
            below = Element("mtr", {"class": "reason"})
            below.append(deepcopy(row[3]))
            below[0].set("columnspan", "2")
            table.insert(index + 1, below)


def _space_row(row: Element, *, script: bool) -> None:
    """Space the atoms of a row as TeX does: thin spaces beside functions, sums and fences."""
    if len(row) == 1 and row[0].tag == "mo":
        # A sign on its own stands between nothing.
        row[0].attrib.update(lspace="0", rspace="0")
    kinds = ["start"]
    for atom in row:
        if atom.text in ("−", "+") and kinds[-1] in ("start", "open", "operator"):
            atom.set("form", "prefix")
        kinds.append(_kind(atom))
    for index in range(0 if script else len(row), 0, -1):
        pair = left, right = tuple(kinds[index - 1 : index + 1])
        apart = left not in ("start", "open", "operator") and right not in ("close", "operator")
        if apart and {"function", "inner"}.intersection(pair) and pair != ("function", "open"):
            row.insert(index - 1, Element("mspace", width="0.1667em"))


def _kind(atom: Element) -> str:
    """Return what TeX's table of spaces calls the atom's class."""
    base = atom
    while base.tag in (*SCRIPTS, "mpadded", "mrow") and len(base):
        base = base[0]
    text = base.text or ""
    if base.get("fence") and base is not atom:
        return "inner"
    if text in SUMS or (base.tag == "mi" and len(text) > 1 and text.isascii()):
        return "function"
    if base.tag == "mo":
        if base.get("form") == "prefix":
            return "ordinary" if text in ("−", "+") else "open"
        if text in OPENING:
            return "open"
        return "close" if text in CLOSING or base.get("form") == "postfix" else "operator"
    return "operator" if atom.tag == "mspace" or (atom.tag == "mi" and not text) else "ordinary"


def _check(math: Element, latex: str) -> None:
    for element in math.iter():
        if element.tag not in PARTS or PARTS[element.tag] not in (None, len(element)):
            raise MathError(f"a wrong <{element.tag}> came out of the formula {latex!r}")
        if re.search(r"[\\&$#_^~\x00-\x1f]|\s\s", element.text or ""):
            raise MathError(f"{element.text!r} is not understood in the formula {latex!r}")
        if element.tag == "mspace" and not re.fullmatch(r"[\d.]+em", element.get("width", "")):
            raise MathError(f"a space of {element.get('width')!r} in the formula {latex!r}")
