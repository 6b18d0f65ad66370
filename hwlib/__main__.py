"""Check your own gradients: `python -m hwlib check FILE.py`.

Write one or more of these functions into a file::

    1.1  hypothesis_grad(theta, x)    returns dh/dtheta for one row x: shape (7,)
    1.2  hinge_grad(theta, X, y)      returns dl/dtheta: shape (7,)
    2.1  delta_out(z, y)              returns dL/dz for each z before the sigmoid: shape (n,)
    2.2  output_grad(params, X, y)    returns dL/dw_out, dL/db_out: shape (m,), a number
    2.3  hidden_grad(params, X, y)    returns dL/dW_hidden, dL/db_hidden: shapes (d, m), (m,)
    2.4  loss_grad(params, X, y, l2)  returns the derivatives with respect to W_hidden,
                                      b_hidden, w_out and b_out, in this order

`X` holds one sample per row. `params` has the fields W_hidden, b_hidden, w_out and b_out. The
losses are those of the book: sums over the samples; labels -1 and +1 in question 1, where the
linear feature theta[5] is masked, and 0 and 1 in question 2; the penalty is l2/2 times the sum
of the squared weights, without the biases.

One file: what it prints, the traceback of an error in it, and the report of each question.
Several files, or folders of them: one line a file. The exit status is 0 if every file defines
such a function and all that it defines are right, else 1.

Each file runs in a process of its own, in an empty folder that is deleted afterwards, with a
limit of time and, where the system has it, one of memory. A function that ends Python or uses
up the time loses its own question alone: the file is run again for the others. What stands
below `if __name__ == "__main__":` does not run.

For graders: programs that a file has started are stopped with it; those in a session of their
own on Linux only. All this guards against accidents, not against malice: run files of strangers
on a machine that may be lost.
"""

import argparse
import json
import os
import runpy
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, Popen, TimeoutExpired
from typing import Any

from hwlib.grading import QUESTIONS, Grade, answer, judge, raised, tidy

PROGRAM = "import sys; from hwlib.__main__ import run; run(*sys.argv[1:])"
PYTHON = [sys.executable, "-P", "-B", "-u", "-c", PROGRAM]


def run(file: str, out: str, *names: str) -> None:
    """Write what a file and its functions answer, a line each; for a process of its own."""
    with suppress(ImportError, ValueError, OSError):  # not every system has limits
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (2**26, 2**26))  # bytes; what is printed, too
        resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
    sys.path.append(os.path.dirname(file))
    with suppress(BaseException), open(out, "a", encoding="utf-8", buffering=1) as lines:
        try:
            defined = runpy.run_path(file, run_name="answers")
        except (Exception, SystemExit) as error:
            lines.write(json.dumps(dict.fromkeys(names, raised(error))) + "\n")
            raise
        lines.write(json.dumps({"": "loaded"}) + "\n")
        if len(names) < len(QUESTIONS):
            os.ftruncate(1, 0)  # what the file itself prints was seen in the first run
        for q in (q for q in QUESTIONS if q.name in names):
            entry = answer(q, defined[q.name]) if q.name in defined else {}
            lines.write(json.dumps({q.name: entry}) + "\n")
    os._exit(0)  # threads of the file may still run


def check_file(path: Path, seconds: int = 20) -> tuple[list[Grade], str]:
    """Return the grades of a file and what it prints; it is run again for lost questions."""
    file, printed, left = os.path.abspath(path), "", [q.name for q in QUESTIONS]
    absent = {"message": f"no {'.py file in' if os.path.isdir(file) else 'file named'} {path}"}
    answers: dict[str, Any] = {} if os.path.isfile(file) else dict.fromkeys(left, absent)
    while left := [name for name in left if name not in answers]:
        new, text, ended = _run_apart(file, left, seconds)
        printed += text
        rest = [name for name in left if name not in new]
        answers |= new | {name: {"message": ended} for name in (rest[:1] if new else rest)}
    return [judge(q, answers[q.name]) for q in QUESTIONS], printed


def _run_apart(file: str, names: list[str], seconds: int) -> tuple[dict[str, Any], str, str]:
    """Return what a process for a file answers and prints, and how it ended."""
    answers: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        work, out, printed = (Path(folder, name) for name in ("work", "out", "printed"))
        work.mkdir()
        # fmt: off
        env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "MPLBACKEND": "agg",
            "OPENBLAS_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8", "HWLIB_RUN": folder}
        with printed.open("ab") as log:
            process = Popen([*PYTHON, file, str(out), *names], cwd=work, start_new_session=True,
                            stdin=DEVNULL, stdout=log, stderr=log, env=env)
        # fmt: on
        try:
            ended = f"Python ended without an answer, with status {process.wait(seconds)}"
        except TimeoutExpired:
            ended = f"stopped after {seconds} s: an endless loop?"
        finally:
            _stop(process, folder)
        with suppress(OSError, ValueError):  # the file may have spoiled it
            for line in out.read_text(encoding="utf-8").splitlines():
                answers |= json.loads(line)
        return answers, printed.read_text(encoding="utf-8", errors="replace"), ended


def _stop(process: Popen[bytes], folder: str) -> None:
    """End a process and what it has started: its session, and on Linux all that has HWLIB_RUN."""
    with suppress(OSError, AttributeError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"HWLIB_RUN={folder}\0".encode() in environment.read_bytes():
                os.kill(int(environment.parent.name), signal.SIGKILL)


def _line(file: Path, grades: list[Grade], passed: bool) -> str:
    """Return the line of a file among others."""
    whys = [g.message if g.status == "error" else g.likely for g in grades]
    texts = [f"{g.question} {g.status} ({why})" for g, why in zip(grades, whys, strict=True)]
    text = whys[0] if len(set(whys)) == 1 and whys[0] else ", ".join(texts).replace(" ()", "")
    return tidy(f"{file}: {'passed' if passed else 'FAILED'}: {text}")


def _report(file: Path, grades: list[Grade], printed: str) -> str:
    """Return what is shown of one file: what it prints, and each question."""
    rows = "".join(f"\n  | {row}" for row in tidy(printed).splitlines())
    texts = [f"{file.name} prints:{rows}"] if rows else []
    first = {g.message: g for g in reversed(grades)}  # whose traceback is shown
    if len(first) == 1 and grades[0].status == "error":  # the file was not loaded
        return "\n\n".join([*texts, grades[0].traceback or grades[0].message])
    for g in grades:
        text = f"error\n{g.traceback}" if g.traceback and first[g.message] is g else g.message
        text = text.splitlines()[0] if g.report and g.report.passed and not g.report.weak else text
        name = "" if text.startswith(g.function) else f"{g.function}: "
        texts.append(f"{g.question} {name}{text}")
    return "\n".join(text + "\n" * ("\n" in text) for text in texts)


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser("python -m hwlib", description=str(__doc__).replace("::", ":"))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("command", choices=["check"])
    parser.add_argument("paths", nargs="+", type=Path, metavar="FILE_OR_FOLDER")
    parser.add_argument("--json", action="store_true", help="print a list of records")
    parser.add_argument("--seconds", type=int, default=20, help="time limit of a run (20)")
    args, results = parser.parse_args(argv), []
    if hasattr(sys.stdout, "reconfigure"):  # a file may print what the terminal cannot
        sys.stdout.reconfigure(errors="replace", line_buffering=True)
    files = [f for p in args.paths for f in (p.is_dir() and sorted(p.glob("*.py"))) or [p]]
    for file in files:
        grades, text = check_file(file, args.seconds)
        ok = "passed" in {g.status for g in grades} <= {"passed", "missing"}
        records = [{k: v for k, v in g._asdict().items() if k != "report"} for g in grades]
        results.append({"file": str(file), "passed": ok, "questions": records})
        if not args.json:
            print(_report(file, grades, text) if [file] == args.paths else _line(file, grades, ok))
    if args.json:
        print(json.dumps(results, indent=1))
    return 0 if all(result["passed"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
