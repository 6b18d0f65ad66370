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

One file: the report of each question, the traceback of an error, and what the file prints.
Several files, or folders with all that is in them: one line a file. It takes about 3 seconds a
file. ``--summary`` counts the mistakes. Two tables can be written::

    --marks marks.csv  a line a file: the points of each question, their total, and what to look at
    --csv grades.csv   a line a question, with what is said of it (--csv - and --json print it)

The exit status is 0 if every file defines such a function and all that it defines are right, else
1; a folder without a file is named, and has no line in a table.

What fails does not cost the rest. A statement that raises is left out, with what it defines, and
so is a cell of a notebook that is no Python: "code cell 19 did not run", and in the table such a
line has no question. A module with a syntax error, and a file that ends Python or never comes to
its end, is not graded: it has one line, without a question.

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
module of hwlib: hwlib.scale cannot be imported, nor what the same statement imports beside it.
Numbers known by heart are wrong at the point that is drawn, and finite differences are told by
their rounding: a small number added to a denominator is taken for them.

What one process cannot promise: a copy of the code of hwlib under other names, an automatic
derivative by another library, a complex step, a difference in more digits than float64 or of high
order, or a wide step along a straight line, is not seen.
A file has the rights of the account that runs it: it can read and write other files, and in its
first run start programs. So hwlib should be installed where that account cannot write; and run
files of strangers on a machine that may be lost. `hwlib.grading.grade`, called in a notebook, has
no process of its own: there a file can change the check itself.

A notebook runs as one module: its code cells in order, from an empty namespace. Lines of
IPython's own, such as ``%matplotlib inline`` or ``!pip``, are left out, and cells in another
language whole. In a module, what stands below a test of ``__name__`` for ``"__main__"`` does not
run.
"""

import json
import re
import secrets
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from hwlib.apart import run_apart
from hwlib.grading import DETAILS, NO_ANSWER, SHEETS, Grade, judge, tidy
from hwlib.tables import NOT_RUN, marks, summary, write

DOC, WRONG = str(__doc__), ("failed", "error")

SUFFIXES = (".py", ".ipynb")
KINDS = " or ".join(SUFFIXES)
"""What is checked."""


# fmt: off
def check_file(
    path: Path, seconds: int = 20, detail: str = DETAILS[-1], sheet: str = "book",
) -> tuple[list[Grade], str]:
    """Return the grades of a file, or one without a question if it does not run; and its prints."""
    is_there = path.is_file() and path.suffix.lower() in SUFFIXES
    found, printed = run_apart(path, seconds) if is_there else ({}, "")
    if not {"failed", "defined"} <= found.keys():
        why = found.get("message", NO_ANSWER if is_there else f"there is no {KINDS} file at {path}")
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
    grades += [Grade("", "", NOT_RUN, f"{place} did not run: {why}", why, trace)
               for place, why, trace in found["failed"]]
    return grades, printed


def _report(file: Path, grades: list[Grade], printed: str) -> Iterator[str]:
    """Yield what is shown of one file: each question, what did not run, and what it prints."""
    seen: dict[str, str] = {}
    for g in grades:
        name = f"{g.question} {g.function}: " if g.question else ""
        head = f"{g.message.partition(':')[0]}\n" * (g.status == NOT_RUN)
        text = (head or "error\n" * bool(name)) + g.traceback if g.traceback else g.message
        if (first := seen.setdefault(g.why or g.question, g.question)) != g.question:
            text = f"{g.message.splitlines()[0]}; the same as in {first}"
        if g.status != "missing":
            yield name + text + "\n" * ("\n" in text)
    if missing := [g for g in grades if g.status == "missing"]:
        yield f"{missing[0].message}: {', '.join(f'{g.question} {g.function}' for g in missing)}"
    if printed:
        yield "\n  | ".join([f"\n{file.name} prints:", *tidy(printed).splitlines()])


def _files(paths: list[Path]) -> Iterator[tuple[str, Path]]:
    """Yield each file, those in folders of a folder, too, with what to call it."""
    for path in paths:
        found = [path] if not path.is_dir() else sorted(
            file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES
            and not file.is_dir() and not re.search(r"(^|/)\.", f"{file.relative_to(path)}"))
        if not found:
            print(f"there is no {KINDS} file in {path}", file=sys.stderr)
        for file in found:
            within = file.relative_to(path) if path != file and not paths[1:] else file
            yield " ".join(tidy(str(within)).splitlines()), file


def _table(name: str, only: bool = False) -> str:
    """Return the name of a table that can be written, or of a file that is to be checked."""
    if name.endswith(".csv"):
        try:
            Path(name).touch()
        except OSError as error:
            raise ArgumentTypeError(str(error)) from None
    elif only:
        raise ArgumentTypeError(f"{name} does not end with .csv")
    return name


def _arguments(argv: list[str] | None) -> Namespace:
    parser = ArgumentParser("python -m hwlib", usage="%(prog)s check [options] FILE_OR_FOLDER ...",
        formatter_class=RawDescriptionHelpFormatter, description=re.sub("``|:(?=:)", "", DOC))
    parser.add_argument("paths", nargs="*", metavar="check FILE_OR_FOLDER")
    parser.add_argument("--homework", dest="sheet", action="store_const", const="homework",
                        default="book", help="ask for the variants of the questions")
    parser.add_argument("--detail", choices=DETAILS, default=DETAILS[-1], help="how much is shown")
    parser.add_argument("--summary", action="store_true", help="count the mistakes, too")
    parser.add_argument("--csv", nargs="?", const="-", metavar="TABLE.csv", type=_table,
                        help="write a table; print it instead if no file is named")
    parser.add_argument("--marks", metavar="MARKS.csv", type=partial(_table, only=True),
                        help="write a line a file: the points of each question")
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
    args.files = [*_files([*map(Path, paths)])]
    return args


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args, table, passed = _arguments(argv), [], []
    if hasattr(sys.stdout, "reconfigure"):  # a file may print what the terminal cannot
        sys.stdout.reconfigure(errors="replace", line_buffering=True)
    for name, file in args.files:
        grades, printed = check_file(file, args.seconds, args.detail, args.sheet)
        passed.append("passed" in {g.status for g in grades} <= {"passed", "missing", NOT_RUN})
        total = sum(g.points for g in grades)
        table += [{"file": name, **g._asdict(), "total": total} for g in grades]
        whys = (g.message if g.status == NOT_RUN else
                f"{g.question} {g.status}" + f" ({g.why})" * bool(g.why) for g in grades)
        line = f"{name}: {'passed' if passed[-1] else 'FAILED'}: {', '.join(whys).strip()}"
        if not (args.csv == "-" or args.json):
            print(*([tidy(line)] if args.files[1:] else _report(file, grades, printed)), sep="\n")
    if args.csv:
        write(args.csv, table)
    if args.marks:
        write(args.marks, [*marks(table)])
    if args.json:
        print(json.dumps(table, indent=1))
    if args.summary:
        print(*summary(table, passed), sep="\n")
    return 0 if passed and all(passed) else 1


# fmt: on


if __name__ == "__main__":
    sys.exit(main())
