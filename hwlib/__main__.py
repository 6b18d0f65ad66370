"""Check gradients of your own, in a module (.py) or a notebook (.ipynb).

The file defines one or more of these functions, under these names::

    1.1  hypothesis_grad(theta, x)    returns dh/dtheta for one row x of features: shape (7,)
    1.2  hinge_grad(theta, X, y)      returns dl/dtheta: shape (7,)
    1.3  algorithm_pass(theta, X, y, step_size)  returns the weights after Algorithm 1 has
                                      visited each sample once, in order: shape (7,)
    2.1  delta_out(z, y)              returns dL/dz for each z before the sigmoid: shape (n,)
    2.2  output_grad(params, X, y)    returns (dL/dw_out, dL/db_out): shape (m,), a number
    2.3  hidden_grad(params, X, y)    returns (dL/dW_hidden, dL/db_hidden): (d, m), (m,)
    2.4  loss_grad(params, X, y, l2)  returns the derivatives with respect to W_hidden,
                                      b_hidden, w_out and b_out, in this order

`X` holds one sample per row: n samples, d inputs, m hidden units. `params` has the fields
W_hidden, b_hidden, w_out and b_out. The losses are those of the book: sums over the samples;
labels -1 and +1 in question 1, where the linear feature theta[5] is masked, and 0 and 1 in
question 2; the penalty is l2/2 times the sum of the squared weights, without the biases.

Questions 1.2, 1.3 and 2.3 are worth 2 points, the others 1: 10 in all. A question that passes has
its points, any other has none.

With ``--homework`` the same functions are asked of another model: theta[3] is masked, and not
theta[5]; a hidden unit returns min(z, 0), with the derivative 1 where z < 0, else 0; labels are
-1 and +1 in question 2, too, with the loss log(1 + exp(-y z)) of a sample, z before the sigmoid.
For this model hwlib has no gradient: its own are wrong.

Each function is called at two points with irregular numbers, and at one that is drawn anew. To
call yours at the first::

    from hwlib.grading import QUESTIONS  # or HOMEWORK
    theta, X, y = QUESTIONS[1].cases[0][0]  # for 1.2; QUESTIONS[0] is 1.1, QUESTIONS[6] 2.4
    print(hinge_grad(theta, X, y))

One file: what it prints, the traceback of an error in it, and the report of each question.
Several files, or folders of them: one line a file. A table has a row a question, with its points
and the total of the file (``--csv grades.csv``; ``--csv -`` and ``--json`` print it instead); a
file that does not run has one row, without a question. ``--summary`` counts the mistakes. The exit
status is 0 if every file defines such a function and all that it defines are right, else 1.

What is shown of a wrong gradient (``--detail``)::

    verdict      that it is wrong
    coordinate   and where: in which coordinates
    diagnosis    and the likely mistake, the equation to reread, and the numbers, the right
                 ones too (the default)

If one answer is wrong and a later one calls it, the later one is judged with the right function
in its place.

The file runs once for each question, in a process of its own and in an empty folder that is
deleted afterwards, with limits of time and, where the system has it, of memory: a function that
ends Python or uses up the time loses its own question alone. What it has started is stopped with
it: its session and, on Linux, whatever has inherited its environment.

No credit without an answer of one's own. The process only returns values; they are judged in
another. Before the first line of the file runs, the gradients of hwlib, its checks and its right
answers are taken out of the process: a function that calls one is an error, by whatever name, and
a statement beside the functions that does so is left out. (Before that the file runs once as it
is, and shows what it prints.) It may start or stop no program, and neither open nor change a
module of hwlib. Numbers known by heart are wrong at the point that is drawn, and finite
differences are told by their rounding.

What one process cannot promise: a copy of the code of hwlib under other names, an automatic
derivative by another library, a complex step, or a wide step along a straight line, is not seen.
A file has the rights of the account that runs it: it can read and write other files, and in its
first run start programs. So hwlib should be installed where that account cannot write; and run
files of strangers on a machine that may be lost. `hwlib.grading.grade`, called in a notebook, has
no process of its own: there a file can change the check itself.

A notebook runs as one module: its code cells in order, from an empty namespace. Lines of
IPython's own, such as ``%matplotlib inline`` or ``!pip``, are left out, and cells in another
language whole. In a module, what stands below a test of ``__name__`` for ``"__main__"`` does not
run.
"""

import csv
import io
import json
import re
import secrets
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from hwlib.apart import run_apart
from hwlib.grading import DETAILS, NO_ANSWER, SHEETS, Grade, judge, tidy

WRONG = ("failed", "error")

SUFFIXES = (".py", ".ipynb")
"""What is checked."""


# fmt: off
def check_file(
    path: Path, seconds: int = 20, detail: str = DETAILS[-1], sheet: str = "book",
) -> tuple[list[Grade], str]:
    """Return the grades of a file, or one without a question if it does not run; and its prints."""
    found, printed = {"message": f"there is no {' or '.join(SUFFIXES)} file at {path}"}, ""
    if path.is_file() and path.suffix in SUFFIXES:
        found, printed = run_apart(path, seconds)
    if "defined" not in found:
        why = found.get("message", NO_ANSWER)
        return [Grade("", "", "error", why, why, found.get("traceback", ""))], printed
    others = ", ".join(n for n in found["defined"] if n not in {q.name for q in SHEETS[sheet]})
    absent = "missing", "not in the file" + f", which defines {others}" * bool(others)
    grades, seed = list[Grade](), secrets.randbits(32)
    for q in SHEETS[sheet]:
        grade, asked = Grade(q.number, q.name, *absent), (sheet, str(seed), q.name)
        if q.name in found["defined"]:
            value, text = run_apart(path, seconds, *asked)
            grade = judge(q, value, seed, detail)
            # It was called several times, and printed each time.
            printed += "".join(dict.fromkeys(text.splitlines(keepends=True)))
        known = {k.name: partial(k.of, k.right) for k, g in zip(SHEETS[sheet], grades, strict=False)
                 if g.status in WRONG and k.number[0] == q.number[0]}
        if grade.status in WRONG and known:
            again = judge(q, run_apart(path, seconds, *asked, **known)[0], seed, detail)
            if again.status != "error" and again[2:] != grade[2:]:
                note = f"judged with the right {' and '.join(known)} in place of yours"
                grade = again._replace(message=again.message + (", " if again else "\n") + note)
        grades.append(grade)
    return grades, printed
# fmt: on


def _report(file: Path, grades: list[Grade], printed: str) -> Iterator[str]:
    """Yield what is shown of one file: what it prints, and each question."""
    if printed:
        yield "\n  | ".join([f"{file.name} prints:", *tidy(printed).splitlines()]) + "\n"
    seen: dict[str, str] = {}
    for g in grades:
        name = f"{g.question} {g.function}: " if g.question else ""
        text = (name and "error\n") + g.traceback if g.traceback else g.message
        if (first := seen.setdefault(g.why or g.question, g.question)) != g.question:
            text = f"{g.message.splitlines()[0]}; the same as in {first}"
        if g.status != "missing":
            yield name + text + "\n" * ("\n" in text)
    if missing := [g for g in grades if g.status == "missing"]:
        yield f"{missing[0].message}: {', '.join(f'{g.question} {g.function}' for g in missing)}"


def _summary(table: list[dict[str, str]], passed: list[bool]) -> Iterator[str]:
    """Yield how many files passed, and what became of each question how often, and why."""
    yield f"\nfiles: {len(passed)}, passed {sum(passed)}, FAILED {len(passed) - sum(passed)}"
    rows = ("{question} {function} {status} {why}".format(**row) for row in table)
    counts = Counter(" ".join(row.partition(" (line ")[0].split()) for row in rows)
    yield from (f"{n:>5} x {what}" for what, n in sorted(counts.items()))


def _table(name: str) -> str:
    """Return the name of a table that can be written, or of a file that is to be checked."""
    if name.endswith(".csv"):
        try:
            Path(name).touch()
        except OSError as error:
            raise ArgumentTypeError(str(error)) from None
    return name


# fmt: off
def _arguments(argv: list[str] | None) -> Namespace:
    parser = ArgumentParser("python -m hwlib", usage="%(prog)s check [options] FILE_OR_FOLDER ...",
        formatter_class=RawDescriptionHelpFormatter,
        description=re.sub("``|:(?=:)", "", str(__doc__)))
    parser.add_argument("paths", nargs="*", metavar="check FILE_OR_FOLDER")
    parser.add_argument("--homework", dest="sheet", action="store_const", const="homework",
                        default="book", help="ask for the variants of the questions")
    parser.add_argument("--detail", choices=DETAILS, default=DETAILS[-1], help="how much is shown")
    parser.add_argument("--summary", action="store_true", help="count the mistakes, too")
    parser.add_argument("--csv", nargs="?", const="-", metavar="TABLE.csv", type=_table,
                        help="write a table; print it instead if no file is named")
    parser.add_argument("--json", action="store_true", help="print a list of records instead")
    parser.add_argument("--seconds", type=int, default=20, help="time limit of a question (20)")
    args = parser.parse_intermixed_args(argv)
    if args.csv and args.csv != "-" and not args.csv.endswith(".csv"):
        args.paths, args.csv = [*args.paths[:1], args.csv, *args.paths[1:]], "-"
    command, *paths = args.paths or ["check"]
    if command != "check" or not paths:
        parser.error(f"type: python -m hwlib check {'FILE' if command == 'check' else command}")
    if args.seconds < 1:
        parser.error(f"--seconds is {args.seconds}; expected at least 1")
    if args.json and (args.csv or args.summary):
        parser.error("--json is printed alone, without --csv or --summary")
    args.files = [file for path in map(Path, paths) for file in sorted(
        f for f in path.glob("[!.]*") if f.suffix in SUFFIXES) or [path]]
    return args
# fmt: on


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args, table, passed = _arguments(argv), [], []
    if hasattr(sys.stdout, "reconfigure"):  # a file may print what the terminal cannot
        sys.stdout.reconfigure(errors="replace", line_buffering=True)
    for file in args.files:
        grades, printed = check_file(file, args.seconds, args.detail, args.sheet)
        passed.append("passed" in {g.status for g in grades} <= {"passed", "missing"})
        total = sum(g.points for g in grades)
        name = " ".join(tidy(str(file)).splitlines())
        table += [{"file": name, **g._asdict(), "total": total} for g in grades]
        whys = (f"{g.question} {g.status}" + f" ({g.why})" * bool(g.why) for g in grades)
        line = f"{name}: {'passed' if passed[-1] else 'FAILED'}: {', '.join(whys).strip()}"
        if not (args.csv == "-" or args.json):
            print(*([tidy(line)] if args.files[1:] else _report(file, grades, printed)), sep="\n")
    if args.csv == "-":
        print(_as_csv(table), end="")
    elif args.csv:
        Path(args.csv).write_text(_as_csv(table), encoding="utf-8")
    if args.json:
        print(json.dumps(table, indent=1))
    if args.summary:
        print(*_summary(table, passed), sep="\n")
    return 0 if all(passed) else 1


def _as_csv(table: list[dict[str, Any]]) -> str:
    """Return a table whose text no spreadsheet takes for a formula."""
    text = io.StringIO()
    write = csv.writer(text, lineterminator="\n").writerow
    write(table[0])
    for row in table:
        write([re.sub(r"\A(?=[=+\-@\t\r])", "'", str(value)) for value in row.values()])
    return text.getvalue()


if __name__ == "__main__":
    sys.exit(main())
