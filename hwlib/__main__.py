"""Check a reader's own gradients: `python -m hwlib check FILE.py`.

The losses are those of the book: sums over the samples, labels -1 and +1 in question 1 and 0
and 1 in question 2, biases not regularized. The file defines one or more of these functions::

    1.1  hypothesis_grad(theta, x)      returns dh/dtheta for a row x of features, shape (7,)
    1.2  hinge_grad(theta, X, y)        returns the gradient, shape (7,)
    2.1  delta_out(z, y)                returns dL/dz for each output z, shape (n,)
    2.2  output_grad(params, X, y)      returns (w_out, b_out), shapes (m,) and ()
    2.3  hidden_grad(params, X, y)      returns (W_hidden, b_hidden), shapes (d, m) and (m,)
    2.4  loss_grad(params, X, y, l2)    returns (W_hidden, b_hidden, w_out, b_out)

`X` holds one sample a row; `params` has the fields W_hidden, b_hidden, w_out and b_out.

One file: the report of each question. Several files, or folders of them: one line a file. The
exit status is 0 if every file defines such a function and all that it defines are right,
else 1. Each file runs in a process of its own, with a limit of time and one of memory where
the system has such limits; what it prints is dropped. That guards against accidents, not
against malice: run files of strangers on a machine that may be lost.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import functools
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from collections import namedtuple
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hwlib import data, hinge, mistakes, network, polynomial
from hwlib.gradcheck import check_grad

LIMITS = {"RLIMIT_FSIZE": 2**20, "RLIMIT_AS": 2**31}
"""Bytes that the process of a file may write to a file, and hold in memory."""

HELP = str(__doc__).replace("::", ":")
PROGRAM = "import sys; from hwlib.__main__ import answer; answer(*sys.argv[1:])"


class Question(NamedTuple):
    """A function that a reader writes, what it is called with, and how it is checked."""

    number: str
    name: str
    args: tuple[Any, ...]
    loss: Callable[[Any], float]
    x: Any
    options: dict[str, Any]


def questions() -> list[Question]:
    """Return the questions, each at a point that hides no mistake of the catalogue."""
    u, labels = data.interval(np.random.default_rng(0), 30)
    theta, features = np.array([0.5, 0.3, -0.4, 0.8, 2.4, 0.6, -1.5]), polynomial.features(u)
    params = network.init(np.random.default_rng(2))
    params = params._replace(b_hidden=np.array([0.4, 0.2, 0.3]), b_out=0.1)
    X, y = data.disc(np.random.default_rng(0), 60)
    z, few = network.forward(params, X).z_out[:8], y[:8]
    hinges = mistakes.candidates(mistakes.HINGE, features, labels)
    networks = mistakes.candidates(mistakes.NETWORK, X, y, 0.5)

    def part(number: str, name: str, *fields: str) -> Question:
        x = namedtuple("Part", fields)(*(getattr(params, key) for key in fields))

        def loss(p: Any) -> float:
            return network.loss(params._replace(**p._asdict()), X, y)

        return Question(number, name, (params, X, y), loss, x, {})

    # fmt: off
    masked = {"expected_zero": [polynomial.LINEAR]}
    one = polynomial.features([0.8])
    return [
        Question("1.1", "hypothesis_grad", (theta, one[0]),
                 lambda theta: hinge.hypothesis(theta, one)[0], theta, masked),
        Question("1.2", "hinge_grad", (theta, features, labels),
                 lambda theta: hinge.loss(theta, features, labels), theta,
                 masked | {"candidates": hinges}),
        Question("2.1", "delta_out", (z, few), lambda z: network.log_loss(z, few).sum(), z, {}),
        part("2.2", "output_grad", "w_out", "b_out"),
        part("2.3", "hidden_grad", "W_hidden", "b_hidden"),
        Question("2.4", "loss_grad", (params, X, y, 0.5),
                 lambda p: network.loss(p, X, y, 0.5), params, {"candidates": networks}),
    ]
    # fmt: on


def answer(file: str, out: str) -> None:
    """Write what the functions of a file return, a line each; for a process of its own."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # not every system has limits
        import resource

        for name, most in LIMITS.items():
            resource.setrlimit(getattr(resource, name), (most, most))
    sys.path.append(str(Path(file).parent))
    loaded = _tried(file, lambda: runpy.run_path(file, run_name="answers"))
    with open(out, "a", encoding="utf-8", buffering=1) as lines:
        for q in questions():
            entry, call = {"error": loaded.get("error")}, loaded.get("value", {}).get(q.name)
            if call:
                entry = _tried(file, functools.partial(call, *copy.deepcopy(q.args)))
            print(json.dumps({"name": q.name} | entry, default=_plain), file=lines)
    os._exit(0)  # threads of the file may still run


def _tried(file: str, act: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"value": act()}
    except BaseException as error:
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
        text = traceback.format_exception_only(error)[-1].strip()
        return {"error": f"{text} (line {lines[-1]})" if lines else text}


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else repr(value)


def check_file(path: Path, seconds: int = 20) -> list[dict[str, str]]:
    """Return a record of each question: its number, function, status and message."""
    entries = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        out = Path(folder, ".answers")
        ended = _run([str(path.resolve()), str(out)], folder, seconds)
        lines = out.read_text(encoding="utf-8", errors="replace") if out.exists() else ""
    for line in lines.splitlines():
        with contextlib.suppress(ValueError, TypeError, RecursionError, KeyError):
            entry = json.loads(line)
            entries[entry["name"]] = entry
    return [_judged(q, entries.get(q.name, {"error": ended})) for q in questions()]


def _run(args: list[str], folder: str, seconds: int) -> str:
    """Run a file in a folder that will be deleted, and return how it ended."""
    package, null = str(Path(__file__).resolve().parents[1]), subprocess.DEVNULL
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", PROGRAM, *args], cwd=folder, start_new_session=True,
        stdin=null, stdout=null, stderr=null,
        env=os.environ | {"PYTHONPATH": package, "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        return f"the process ended early, with status {process.wait(seconds)}"
    except subprocess.TimeoutExpired:
        return f"stopped after {seconds} s"
    finally:
        with contextlib.suppress(OSError, AttributeError):  # what the file has started, too
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


def _judged(q: Question, entry: dict[str, Any]) -> dict[str, str]:
    record = {"question": q.number, "function": q.name, "status": "error", "likely": ""}
    if entry.get("error"):
        return record | {"message": _clean(str(entry["error"]))}
    if "value" not in entry:
        return record | {"status": "missing", "message": "not in the file"}
    value = tuple(entry["value"]) if isinstance(entry["value"], list) else entry["value"]
    try:
        report = check_grad(q.loss, lambda x: value, q.x, **q.options)
    except ValueError as error:
        return record | {"message": _clean(str(error).replace("grad(x)", q.name))}
    likely = "".join(finding.family for finding in report.diagnosis[:1])
    status = "passed" if report else "failed"
    return record | {"status": status, "likely": likely, "message": str(report)}


def _clean(text: str) -> str:
    """Return one line of at most 200 characters that a terminal can print."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())[:200]


def _line(file: str, passed: bool, records: list[dict[str, str]]) -> str:
    texts = [f"{r['question']} {r['status']} {r['likely']}".strip() for r in records]
    errors = dict.fromkeys(r["message"] for r in records if r["status"] == "error")
    verdict = "passed" if passed else "FAILED"
    return "; ".join([f"{_clean(file)}: {verdict}: {', '.join(texts)}", *errors])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        "python -m hwlib", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["check"])
    parser.add_argument("paths", nargs="+", type=Path, metavar="FILE_OR_FOLDER")
    parser.add_argument("--json", action="store_true", help="print a list of records")
    parser.add_argument("--seconds", type=int, default=20, help="time limit of a file (20)")
    args = parser.parse_args(argv)
    files = [f for p in args.paths for f in (sorted(p.glob("*.py")) if p.is_dir() else [p])]
    results = []
    for file in files:
        records = check_file(file, args.seconds)
        passed = "passed" in {r["status"] for r in records} <= {"passed", "missing"}
        results.append({"file": str(file), "passed": passed, "questions": records})
        if args.json:
            continue
        if len(files) > 1 or args.paths[0].is_dir():
            print(_line(str(file), passed, records), flush=True)
        else:
            reports = (f"{r['question']} {r['function']}: {r['message']}" for r in records)
            print(*reports, sep="\n\n")
    if args.json:
        print(json.dumps(results, indent=1))
    return 0 if results and all(result["passed"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
