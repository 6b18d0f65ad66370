"""Formulas of the book, from LaTeX to MathML, while the site is built.

latex2mathml does the parsing. This module rewrites what it does not know, mends what a
browser would place otherwise than TeX does, and refuses what it cannot render: a formula
that would come out wrong stops the build.
"""

from __future__ import annotations

import re
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
BOLD_DIGIT, BOLD_SMALL_GREEK = 0x1D7CE, 0x1D6C2
UNDER_OVER = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
SCRIPTS = (*UNDER_OVER, *UNDER_OVER.values())
PRIMES = ("′", "″", "‴")
ACCENTS = {"^": "\u02c6", "~": "\u02dc", "\u00af": "\u00af"}
ORDINARY = ("∂", "⊤", "/", "⋯", "…", "⋮", "⋱")
DESCENDING = "gjpqyQβγζημξρςφχψϕ"
OPENING, CLOSING = ("(", "[", "{"), (")", "]", "}")
THIN_SPACES = frozenset(
    [("function", "ordinary"), ("function", "function"), ("inner", "inner"), ("inner", "open")]
    + [(left, "function") for left in ("ordinary", "close", "inner")]
    + [(left, "inner") for left in ("ordinary", "close")]
    + [("inner", "ordinary")]
)


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
    try:
        math = Converter(display="block" if display else "inline").convert_to_element(
            _rewrite(latex)
        )
    except MathError:
        raise
    except Exception as error:
        raise MathError(f"{type(error).__name__} in the formula {latex!r}") from error
    for element in math.iter():
        element.text = unescape(element.text or "")
    _mend(math)
    _check(math, latex)
    semantics = Element("semantics")
    semantics.extend(_as_one(math))
    SubElement(semantics, "annotation", encoding="application/x-tex").text = latex
    attributes = {"display": "block"} if display else {}
    result = Element("math", attributes)
    result.append(semantics)
    return tostring(result, encoding="unicode")


def _rewrite(latex: str) -> str:
    """Put what latex2mathml does not know in words that it does; refuse loose ends."""
    for name in re.findall(r"\\begin\{(.*?)\}", latex):
        if name not in ENVIRONMENTS:
            raise MathError(f"environment {name!r} is not one of {', '.join(ENVIRONMENTS)}")
    # An escaped brace or backslash is no delimiter.
    bare = re.sub(r"\\[\\{}]", "", latex)
    if bare.count("{") != bare.count("}"):
        raise MathError(f"unbalanced braces in the formula {latex!r}")
    latex = latex.replace("{aligned}", "{split}")
    for name, left, right in (("bmatrix", "[", "]"), ("pmatrix", "(", ")")):
        latex = latex.replace(rf"\begin{{{name}}}", rf"\left{left}\begin{{matrix}}")
        latex = latex.replace(rf"\end{{{name}}}", rf"\end{{matrix}}\right{right}")
    latex = re.sub(r"\\l([vV])ert(?![A-Za-z])", r"\\left\\\1ert", latex)
    return re.sub(r"\\r([vV])ert(?![A-Za-z])", r"\\right\\\1ert", latex)


def _mend(element: Element, *, script: bool = False) -> None:
    """Mend an element and all in it, the inner ones first; `script` is inside an index."""
    for index, child in enumerate(element):
        _mend(child, script=script or (element.tag in SCRIPTS and index > 0))
    if element.tag in ("mi", "mn", "mo"):
        _mend_token(element, script=script)
    elif element.tag in UNDER_OVER:
        _mend_scripts(element)
    elif element.tag == "mover" and element[1].text in ACCENTS:
        element.set("accent", "true")
        element[1].text = ACCENTS[element[1].text or ""]
        element[1].attrib.clear()
        element[1].set("stretchy", "false")
    elif element.tag == "mtable":
        _mend_table(element)
    if element.tag in ("math", "mrow", "mtd", "mstyle", "msqrt"):
        _space_row(element, script=script)
    for index, child in enumerate(element):
        if child.tag == "mrow" and len(child) == 1:
            element[index] = child[0]
        elif child.tag in UNDER_OVER and child[-1].text in PRIMES:
            element[index] = _with_prime(child)


def _with_prime(scripts: Element) -> Element:
    """Put a prime behind its letter: the font's is raised already, and would be too high."""
    base, *index, prime = scripts
    row = Element("mrow")
    row.extend([base, prime])
    if not index:
        return row
    element = Element("msub")
    element.extend([row, *index])
    return element


def _mend_scripts(element: Element) -> None:
    base = element[0]
    letter = base[0] if base.tag in ("mover", "mrow") and len(base) else base
    if base.text in ("∑", "∏"):
        # The browser puts limits above and below in display style, beside in a line of text.
        element.tag = UNDER_OVER[element.tag]
    elif element.tag != "msup" and letter.tag == "mi" and (letter.text or " ") in DESCENDING:
        # All indices at one height, below a y as below an x.
        element[0] = Element("mpadded", depth="0")
        element[0].append(base)


def _mend_token(token: Element, *, script: bool) -> None:
    text = token.text or ""
    if token.tag == "mo" and (text.isalpha() or text in ORDINARY):
        # Not an infix operator, with space on both sides.
        token.tag = "mi"
        token.attrib.clear()
    elif token.tag == "mo" and script and not token.attrib:
        # No space around a sign in an index.
        token.attrib.update(lspace="0", rspace="0")
    if token.get("mathvariant") == "bold":
        # Browsers no longer know mathvariant="bold"; Unicode has the letters.
        del token.attrib["mathvariant"]
        if text.isdigit():
            token.text = "".join(chr(BOLD_DIGIT + int(digit)) for digit in text)
        elif "α" <= text <= "ω":
            token.text = chr(BOLD_SMALL_GREEK + ord(text) - ord("α"))
        else:
            raise MathError(f"no bold letter for {text!r}")
    elif token.tag == "mi" and ("Α" <= text <= "Ω" or text == "∇"):
        token.set("mathvariant", "normal")


def _mend_table(table: Element) -> None:
    table.set("class", "aligned" if table.get("displaystyle") else "plain")
    for name in ("columnspacing", "rowspacing"):
        table.attrib.pop(name, None)
    for cell in table.iter("mtd"):
        if cell.get("columnalign") == "left" and table.get("class") == "plain":
            table.set("class", "cases")
        cell.attrib.pop("columnalign", None)


def _space_row(row: Element, *, script: bool) -> None:
    """Space the atoms of a row as TeX does."""
    kinds = ["start"]
    for atom in row:
        if atom.text in ("−", "+") and kinds[-1] in ("start", "open", "operator"):
            atom.set("form", "prefix")
        kinds.append(_kind(atom))
    for index in range(len(row), 0, -1):
        if not script and tuple(kinds[index - 1 : index + 1]) in THIN_SPACES:
            row.insert(index - 1, Element("mspace", width="0.1667em"))


def _kind(atom: Element) -> str:
    """Return what TeX's table of spaces calls the atom's class."""
    base = atom[0] if atom.tag in SCRIPTS else atom
    text = base.text or ""
    if base.tag == "mo":
        if base.get("form") == "prefix":
            return "ordinary" if text in ("−", "+") else "open"
        if text in OPENING:
            return "open"
        return "close" if text in CLOSING or base.get("form") == "postfix" else "operator"
    if atom.tag == "mfrac" or (atom.tag == "mrow" and len(atom) and atom[0].get("fence")):
        return "inner"
    if base.tag == "mi" and len(text) > 1 and text.isascii():
        return "function"
    return "operator" if atom.tag == "mspace" or (atom.tag == "mi" and not text) else "ordinary"


def _check(math: Element, latex: str) -> None:
    for element in math.iter():
        if element.tag not in PARTS or PARTS[element.tag] not in (None, len(element)):
            raise MathError(f"a wrong <{element.tag}> came out of the formula {latex!r}")
        if re.search(r"[\\&$#_^~\x00-\x1f]|\s\s", element.text or ""):
            raise MathError(f"{element.text!r} is not understood in the formula {latex!r}")
        if element.tag == "mspace" and not re.fullmatch(r"[\d.]+em", element.get("width", "")):
            raise MathError(f"a space of {element.get('width')!r} in the formula {latex!r}")


def _as_one(math: Element) -> list[Element]:
    """Return the formula as the single first child that <semantics> wants."""
    if len(math) == 1:
        return list(math)
    row = Element("mrow")
    row.extend(math)
    return [row]
