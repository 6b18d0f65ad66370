"""Check gradients of your own: `python -m hwlib check FILE`, a module (.py) or notebook (.ipynb).

The losses are those of the book: sums over the samples, labels -1 and +1 in question 1 and 0
and 1 in question 2, biases not regularized. The file defines one or more of these functions::

    1.1  hypothesis_grad(theta, x)      returns dh/dtheta for a row x of features, shape (7,)
    1.2  hinge_grad(theta, X, y)        returns the gradient, shape (7,)
    2.1  delta_out(z, y)                returns dL/dz for each output z, shape (n,)
    2.2  output_grad(params, X, y)      returns (w_out, b_out), shapes (m,) and ()
    2.3  hidden_grad(params, X, y)      returns (W_hidden, b_hidden), shapes (d, m) and (m,)
    2.4  loss_grad(params, X, y, l2)    returns (W_hidden, b_hidden, w_out, b_out)

`X` holds one sample a row; `params` has the fields W_hidden, b_hidden, w_out and b_out. Each
function is called at two points, with irregular numbers. To call yours at the first of them::

    from hwlib.questions import QUESTIONS
    hinge_grad(*QUESTIONS[1].cases[0].args)

One file: what it prints, the traceback of an error in it, and the report of each question.
Several files, or folders of them: one line a file. The exit status is 0 if every file defines
such a function and all that it defines are right, else 1.

What is shown of a wrong gradient (--detail)::

    verdict      that it is wrong
    coordinate   and where: in which coordinates, or whole fields
    diagnosis    and the likely mistake, with the equation to reread
    all          and the numbers, the right ones too (the default)

A function that calls a gradient of hwlib fails, and one that is imported from hwlib counts as
missing. Only calls in the function's own process and thread are seen; a copy of the code, or
differences of the loss, are not.

Each file runs in a process of its own, in an empty folder, with limits of time and memory. A
function that ends Python or uses up the time loses its own question alone. In a notebook, code
cells run in order and lines such as `%matplotlib inline` or `!pip` are left out; in a module,
what stands below `if __name__ == "__main__":` does not run. All this guards against accidents,
not against malice: run files of strangers on a machine that may be lost.
"""

import argparse
import csv
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from hwlib.grading import DETAILS, STATUSES, Grade, reduced, tidy
from hwlib.questions import QUESTIONS
from hwlib.submissions import SUFFIXES, check_file


class Result(NamedTuple):
    """A file, its grades, and what it prints; true if it passed."""

    file: Path
    grades: list[Grade]
    printed: str

    def __bool__(self) -> bool:
        return "passed" in {g.status for g in self.grades} <= {"passed", "missing"}

    @property
    def lost(self) -> str:
        """Why nothing of the file could be checked, in one line; empty if something could."""
        first = self.grades[0]
        return first.message * (first.status == "error" and len({*map(_why, self.grades)}) == 1)


def _why(grade: Grade) -> str:
    """Return what went wrong, in one line."""
    if grade.status == "failed":
        return grade.likely or "".join(grade.message.split("\n")[1:])
    return {"error": grade.message, "missing": grade.message.partition(": ")[2]}.get(
        grade.status, ""
    )


def _line(result: Result) -> str:
    """Return the line of a file among others."""
    pairs = [(g, f" ({_why(g)})" * bool(_why(g))) for g in result.grades]
    text = result.lost or ", ".join(f"{g.question} {g.status}{why}" for g, why in pairs)
    return tidy(f"{result.file}: {'passed' if result else 'FAILED'}: {text}")


def _report(result: Result) -> str:
    """Return what is shown of one file: what it prints, and each question."""
    rows = "".join(f"\n  | {row}" for row in tidy(result.printed).splitlines())
    texts = [f"{result.file.name} prints:{rows}"] if rows else []
    if result.lost:
        return "\n\n".join([*texts, result.grades[0].traceback or result.lost])
    first = {g.message: g for g in reversed(result.grades)}  # whose traceback is shown
    for g in result.grades:
        text = f"error\n{g.traceback}" if g.traceback and first[g.message] is g else g.message
        text = text.splitlines()[0] if g.report and g.report.passed and not g.report.weak else text
        name = "" if text.startswith(g.function) else f"{g.function}: "
        texts.append(f"{g.question} {name}{text}")
    return "\n".join(text + "\n" * ("\n" in text) for text in texts)


def _rows(result: Result) -> list[list[str]]:
    """Return the rows of a file in the table of a class."""
    return [[str(result.file), g.question, g.function, g.status, g.likely,
             g.message.partition("\n")[0]] for g in result.grades]  # fmt: skip


def _record(result: Result) -> dict[str, Any]:
    records = [{k: v for k, v in g._asdict().items() if k != "report"} for g in result.grades]
    return {"file": str(result.file), "passed": bool(result), "questions": records}


def _summary(results: list[Result]) -> Iterator[str]:
    """Yield the lines that say how each question was answered, and how often what was wrong."""
    passed, ran = sum(map(bool, results)), [r for r in results if not r.lost]
    yield f"\nfiles: {len(results)}, passed {passed}, FAILED {len(results) - passed}"
    yield from (f"  {r.file} did not run: {r.lost}" for r in results if r.lost)
    yield "".join(["\nquestion             ", *(f"{status:>8}" for status in STATUSES)])
    for k, q in enumerate(QUESTIONS):
        grades = [r.grades[k] for r in ran]
        counts = Counter(g.status for g in grades)
        yield "".join([f"{q.number} {q.name:<17}", *(f"{counts[s] or '-':>8}" for s in STATUSES)])
        wrong = (re.sub(r" \((code cell \d+, )?line \d+\)", "", _why(g)) for g in grades)
        yield from (f"{n:>6} x {why}" for why, n in Counter(filter(None, wrong)).most_common())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m hwlib", description=str(__doc__).replace("::", ":"))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("command", choices=["check"])
    parser.add_argument("paths", nargs="+", type=Path, metavar="FILE_OR_FOLDER")
    parser.add_argument("--detail", choices=DETAILS, default="all", help="how much is shown (all)")
    parser.add_argument("--csv", type=Path, metavar="TABLE", help="write a row a file and question")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--summary", action="store_true", help="count the mistakes of all files")
    output.add_argument("--json", action="store_true", help="print a list of records")
    parser.add_argument("--seconds", type=int, default=20, help="time limit of a run (20)")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args, results = (parser := _parser()).parse_args(argv), []
    if hasattr(sys.stdout, "reconfigure"):  # a file may print what the terminal cannot
        sys.stdout.reconfigure(errors="replace", line_buffering=True)
    try:
        table = args.csv.open("w", encoding="utf-8", newline="") if args.csv else nullcontext()
    except OSError as error:
        parser.error(f"the table cannot be written: {error}")
    with table as stream:
        rows = [["file", "question", "function", "status", "likely mistake", "message"]]
        for file in _files(args.paths):
            grades, printed = check_file(file, args.seconds)
            results.append(r := Result(file, [reduced(g, args.detail) for g in grades], printed))
            if not args.json:
                print(_report(r) if [file] == args.paths else _line(r))
            if stream:
                csv.writer(stream).writerows([*rows, *_rows(r)])
                rows = []
    if args.json:
        print(json.dumps([_record(r) for r in results], indent=1))
    if args.summary:
        print("\n".join(_summary(results)))
    return 0 if all(results) else 1


def _files(paths: list[Path]) -> list[Path]:
    """Return the files, and those in the folders; an empty folder stays, to be named."""
    files: list[Path] = []
    for path in paths:
        inside = [f for f in path.glob("[!.]*") if f.suffix in SUFFIXES] if path.is_dir() else []
        files += sorted(inside) or [path]
    return files


if __name__ == "__main__":
    sys.exit(main())
