r"""Pages in plain Markdown, as an editor of notebooks shows it: no directive, no role, no label.

``{eq}`eq-margin` `` becomes (1.2.1), ``$$ (eq-margin)`` a ``\tag{1.2.1}``, and an answer box a
question in bold with hints to unfold.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from pybtex.database import parse_file
from sphinx_external_toc.parsing import parse_toc_yaml

from course.folded import DIRECTIVE
from site_ext import numbering

ROLE = re.compile(r"\{([a-z:]+)\}`(?:([^`<]*?) *<([\w:,-]+)>|([^`<]+))`")
TARGET = re.compile(r"(?m)^\(([\w-]+)\)=\n(?:#+ )?(.*)")
TITLE = "Try it"
HINTS = re.compile(r"(?m)(?:^- [^\n]*\n(?:^ +[^\n]*\n)*)+\Z")


class Place(NamedTuple):
    """What a label stands for: how a reader calls it, and the page that has it."""

    name: str
    page: str


class Book:
    """The names and numbers of everything that a page may refer to."""

    def __init__(self, root: Path = numbering.ROOT) -> None:
        self.root = root
        self.pages = [Path(page).name for page in parse_toc_yaml(root / "_toc.yml")]
        equations = numbering.table(root).items()
        self.places = {
            label: Place(f"({entry.number})", Path(entry.page).name) for label, entry in equations
        }
        for page in self.pages:
            self._read(page, numbering.text_of(root / "chapters" / page))
        self.sources = parse_file(root / "chapters" / "references.bib").entries

    def _read(self, page: str, text: str) -> None:
        """Take in the names of a page: its title, figures, exercises, and what has a label."""
        title = text.partition("\n")[0].removeprefix("# ")
        number, _ = numbering.split_title(title)
        self.places[page] = Place(title, page)
        self.places |= {label: Place(name, page) for label, name in TARGET.findall(text)}
        path = self.root / "chapters" / f"{page}.ipynb"
        figures = [f["name"] for f in map(figure_of, cells_of(path)) if f] if path.exists() else []
        labels: list[str] = []
        for box in DIRECTIVE.finditer(text):
            options = options_of(box)
            if box["name"] == "answer":
                name = options.get("title", TITLE)
                self.places[f"answer-{box['argument'].strip()}"] = Place(name, page)
            elif box["name"] == "exercise" and "nonumber" not in options:
                labels.append(options["label"])
        for kind, names in (("Figure", figures), ("Exercise", labels)):
            for place, name in enumerate(names, 1):
                self.places[name] = Place(f"{kind} {number}{'.' * bool(number)}{place}", page)

    def called(self, label: str) -> str:
        """Return the name of what has a label."""
        return self.places[label].name

    def cited(self, key: str) -> str:
        """Return a source as the text cites it: Squire and Trapp, 1998."""
        entry = self.sources[key]
        names = [" ".join(person.last_names) for person in entry.persons["author"]]
        named = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
        return re.sub("[{}]", "", f"{entry.fields.get('key', named)}, {entry.fields['year']}")


def cells_of(path: Path) -> list[Any]:
    """Return the cells of a notebook."""
    return nbformat.read(path, as_version=4).cells


def figure_of(cell: Any) -> dict[str, str]:
    """Return the name and the caption of the figure that a cell draws."""
    return cell.metadata.get("mystnb", {}).get("figure", {})


def options_of(box: re.Match[str]) -> dict[str, str]:
    """Return the options of a directive."""
    return dict(re.findall(r":([\w-]+): *(.*)", box["options"]))


class Plain:
    """Rewrites the text of one page; links lead to the pages that lie beside it."""

    def __init__(self, book: Book, page: str, beside: set[str]) -> None:
        self.book, self.page, self.beside = book, page, beside

    def text(self, source: str) -> str:
        """Return the Markdown of a cell, or of a caption, as plain Markdown."""
        source = re.sub(r"<!--.*?-->\n?", "", source, flags=re.DOTALL)
        source = DIRECTIVE.sub(self._directive, source)
        source = re.sub(r"(?ms)^\(run-the-code\)=\n.*?(?=^## |\Z)", "", source)
        source = re.sub(r"(?m)^\([\w-]+\)=\n", "", source)
        source = re.sub(r"(?m)^\$\$ \((eq-[\w-]+)\)$", self._tag, source)
        source = ROLE.sub(self._role, source)
        source = re.sub(r"\]\((\w+)\)", self._link, source)  # a page by its name
        return re.sub(r"\n{3,}", "\n\n", re.sub(r"\((\([\d.]+\))\)", r"\1", source)).strip()

    def code(self, source: str) -> str:
        """Return code whose comments show numbers of equations, and without those of the tests."""
        source = re.sub(r"(?m)^ *# caption:.*\n?", "", source)
        source = source.replace('"../benchmarks/', '"benchmarks/')
        return re.sub(r"(?<=[# ])eq(?:-[a-z0-9]+)+", lambda m: self.book.called(m[0]), source)

    def _directive(self, match: re.Match[str]) -> str:
        """Return a box as paragraphs."""
        head = match["argument"].strip()
        options = options_of(match)
        body = match["body"].lstrip("\n")
        match match["name"]:
            case "exercise":
                name = f"Exercise: {head}" if head else self.book.called(options["label"])
                return f"**{name}.** {body}".replace("?.**", "?**")
            case "answer":
                return self._answer(options.get("title", TITLE), body)
            case "solution" | "solution-start":
                return f"**Solution.**\n\n{body}"
            case "solution-end":
                return ""
        return body

    def _answer(self, title: str, body: str) -> str:
        """Return an answer box: the question, its hints folded, and its solution if it is there."""
        question, _, solution = body.partition("\n---\n")
        hints = HINTS.search(f"{question.strip()}\n")
        parts = [f"**{title}.** {question[: hints.start()] if hints else question}".strip()]
        for place, hint in enumerate(re.split(r"(?m)^- ", hints[0])[1:] if hints else [], 1):
            head = f"<details><summary>Hint {place}</summary>"
            parts.append(f"{head}\n\n{hint.strip()}\n\n</details>")
        if solution.strip():
            parts.append(f"**Solution.** {solution.strip()}")
        return "\n\n".join(parts).replace("?.**", "?**") + "\n"

    def _tag(self, match: re.Match[str]) -> str:
        return f"\\tag{{{self.book.called(match[1])[1:-1]}}}\n$$"

    def _link(self, match: re.Match[str]) -> str:
        return f"]({match[1]}.ipynb)" if match[1] in self.beside else match[0]

    def _role(self, match: re.Match[str]) -> str:
        kind, target = match[1], match[3] or match[4]
        if kind.startswith("cite"):
            return f"({'; '.join(map(self.book.cited, target.split(',')))})"
        if target == "run-the-code":  # a section about the repository
            return "the first cell"
        name, page = self.book.places[target]
        if page in self.beside - {self.page}:
            return f"[{match[2] or name}]({page}.ipynb)"
        if kind != "ref" or re.match(r"Exercise \d", name):
            return match[2] or name
        if page != self.page:
            return f"{match[2] or name} ({self.book.called(page)})"
        return match[2] or f"“{name}”"
