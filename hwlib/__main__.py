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
Several files, or folders of them: one line a file, or a table with a row a question (--csv,
--json); a file that does not run has one row, without a question. --summary counts the mistakes.
The exit status is 0 if every file defines such a function and all that it defines are right,
else 1.

What is shown of a wrong gradient (--detail)::

    verdict      that it is wrong
    coordinate   and where: in which coordinates
    diagnosis    and the likely mistake, with the equation to reread
    all          and the numbers, the right ones too (the default)

A function that is, or calls, a gradient of hwlib is an error. Only calls in the function's own
process and thread are seen; a copy of the code, or differences of the loss, are not.

Each file runs in a process of its own, in an empty folder, with limits of time and memory. A
function that ends Python or uses up the time loses its own question alone. In a notebook, code
cells run in order and lines such as `%matplotlib inline` or `!pip` are left out; in a module,
what stands below `if __name__ == "__main__":` does not run. All this guards against accidents,
not against malice: run files of strangers on a machine that may be lost.
"""

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hwlib.grading import DETAILS, STATUSES, Grade, tidy
from hwlib.questions import QUESTIONS
from hwlib.submissions import SUFFIXES, check_file

COLUMNS = ("question", "function", "status", "why", "message", "traceback")
"""Of the table of a class, after the file."""


def _passed(grades: list[Grade]) -> bool:
    return "passed" in {g.status for g in grades} <= {"passed", "missing"}


def _report(file: Path, grades: list[Grade], printed: str) -> Iterator[str]:
    """Yield what is shown of one file: what it prints, and each question."""
    if printed:
        rows = (f"\n  | {row}" for row in tidy(printed).splitlines())
        yield "".join([f"{file.name} prints:", *rows, "\n"])
    seen = set()  # an error in several functions has its traceback once
    for g in grades:
        text = g.message if g.message in seen or not g.traceback else f"error\n{g.traceback}"
        seen.add(g.message)
        text = f"{g.question} {g.function}: {text}" if g.question else g.traceback or g.message
        yield text + "\n" * ("\n" in text)


def _line(file: Path, grades: list[Grade], _: str) -> Iterator[str]:
    """Yield the line of a file among others."""
    texts = [f"{g.question} {g.status}" + f" ({g.why})" * bool(g.why) for g in grades]
    text = ", ".join(texts) if grades[0].question else grades[0].message
    yield tidy(f"{file}: {'passed' if _passed(grades) else 'FAILED'}: {text}")


def _summary(table: list[dict[str, str]], passed: list[bool]) -> Iterator[str]:
    """Yield the lines that say how each question was answered, and how often what was wrong."""
    yield f"\nfiles: {len(passed)}, passed {sum(passed)}, FAILED {len(passed) - sum(passed)}"
    yield from (f"  {r['file']} did not run: {r['message']}" for r in table if not r["question"])
    yield "".join(["\nquestion             ", *(f"{status:>8}" for status in STATUSES)])
    for q in QUESTIONS:
        rows = [r for r in table if r["question"] == q.number]
        counts = Counter(r["status"] for r in rows)
        yield "".join([f"{q.number} {q.name:<17}", *(f"{counts[s] or '-':>8}" for s in STATUSES)])
        whys = (r["why"].partition(" (line ")[0] for r in rows if r["why"])
        yield from (f"{n:>6} x {why}" for why, n in Counter(whys).most_common())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m hwlib", description=str(__doc__).replace("::", ":"))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("command", choices=["check"])
    parser.add_argument("paths", nargs="+", type=Path, metavar="FILE_OR_FOLDER")
    parser.add_argument("--detail", choices=DETAILS, default="all", help="how much is shown (all)")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--summary", action="store_true", help="count the mistakes, too")
    output.add_argument("--csv", action="store_true", help="print a table instead")
    output.add_argument("--json", action="store_true", help="print a list of records instead")
    parser.add_argument("--seconds", type=int, default=20, help="time limit of a run (20)")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args, table, passed = _parser().parse_args(argv), [], []
    if hasattr(sys.stdout, "reconfigure"):  # a file may print what the terminal cannot
        sys.stdout.reconfigure(errors="replace", line_buffering=True)
    for file in _files(args.paths):
        grades, printed = check_file(file, args.seconds, args.detail)
        passed.append(_passed(grades))
        table += [{"file": str(file), **{k: getattr(g, k) for k in COLUMNS}} for g in grades]
        told = _report if [file] == args.paths else _line
        if not (args.csv or args.json):
            print("\n".join(told(file, grades, printed)))
    if args.csv:
        writer = csv.DictWriter(sys.stdout, ["file", *COLUMNS], lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    if args.json:
        print(json.dumps(table, indent=1))
    if args.summary:
        print("\n".join(_summary(table, passed)))
    return 0 if all(passed) else 1


def _files(paths: list[Path]) -> Iterator[Path]:
    """Yield the files, and those in the folders; an empty folder stays, to be named."""
    for path in paths:
        inside = [f for f in path.glob("[!.]*") if f.suffix in SUFFIXES] if path.is_dir() else []
        yield from sorted(inside) or [path]


if __name__ == "__main__":
    sys.exit(main())
