"""A file that is handed in, a module or a notebook: it runs apart, and its functions are graded.

`check_file` starts a process for each file, in an empty folder that is deleted afterwards, with
a limit of time and, where the system has it, one of memory. ``run`` is what that process does. A
function that ends Python or uses up the time loses its own question alone: the file is run again
for the others. Programs that a file has started are stopped with it; those in a session of their
own on Linux only. All this guards against accidents, not against malice.

A notebook runs as one module: its code cells in order, from an empty namespace, whatever order
they were run in before. Lines of IPython's own (``%matplotlib inline``, ``!pip``, ``name?``) are
left out, and cells in another language (``%%bash``) whole. A cell that raises an error ends the
run, as it does in Jupyter.
"""

from __future__ import annotations

import ast
import json
import linecache
import os
import re
import runpy
import signal
import sys
import tempfile
import types
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, Popen, TimeoutExpired
from typing import Any

from hwlib.grading import CODE_CELL, Grade, answer, judge, raised
from hwlib.questions import QUESTIONS

PROGRAM = "import sys; from hwlib.submissions import run; run(*sys.argv[1:])"
PYTHON = [sys.executable, "-P", "-B", "-u", "-c", PROGRAM]

SUFFIXES = (".py", ".ipynb")
"""What is checked in a folder."""

PYTHON_CELLS = ("%%time", "%%timeit", "%%capture", "%%prun")
"""First words of cells that hold Python all the same."""

MAGIC = re.compile(
    r"^([ \t]*)(?:[\w, ]+= *)?(?:%%?[A-Za-z]|[!?]).*$|^([ \t]*)[\w.]+\?\??[ \t]*$", re.MULTILINE
)


def check_file(path: Path, seconds: int = 20) -> tuple[list[Grade], str]:
    """Return the grades of a file and what it prints; it is run again for lost questions."""
    file, printed, left = os.path.abspath(path), "", [q.name for q in QUESTIONS]
    what = f"no {' or '.join(SUFFIXES)} file in" if os.path.isdir(file) else "no file named"
    absent = {"message": f"{what} {path}"}
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


def run(file: str, out: str, *names: str) -> None:
    """Write what a file and its functions answer, a line each; for a process of its own."""
    with suppress(ImportError, ValueError, OSError):  # not every system has limits
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (2**26, 2**26))  # bytes; what is printed, too
        resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
    sys.path.append(os.path.dirname(file))
    with suppress(BaseException), open(out, "a", encoding="utf-8", buffering=1) as lines:
        try:
            defined = load(file)
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


def load(file: str) -> dict[str, Any]:
    """Run a file as a module, and return what it defines."""
    if not file.endswith(".ipynb"):
        return runpy.run_path(file, run_name="answers")
    module = sys.modules["answers"] = types.ModuleType("answers")
    names = vars(module)
    names["display"] = print
    for k, source in enumerate(cells(file), start=1):
        place = f"{file}{CODE_CELL}{k}"
        linecache.cache[place] = len(source), None, source.splitlines(keepends=True), place
        exec(compile(source, place, "exec"), names)
    return names


def cells(file: str) -> Iterator[str]:
    """Yield the Python of each code cell of a notebook; the numbers of its lines stay."""
    try:
        found = json.loads(Path(file).read_text(encoding="utf-8-sig"))["cells"]
        sources = ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise ValueError(f"this is not a notebook that can be read ({problem})") from None
    for source in sources:
        other = source.startswith("%%") and source.split(maxsplit=1)[0] not in PYTHON_CELLS
        try:
            ast.parse(source)
            yield source
        except SyntaxError:  # of another language, or has magics, or is wrong indeed
            yield "" if other else MAGIC.sub(r"\1\2pass", source)
